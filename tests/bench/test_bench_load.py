"""The load generator sends each request once, counts every answer, and stops by itself."""

from __future__ import annotations

import socket
import threading

import pytest

from bench import load

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def answering():
    """Serves each connection by a thread: each request is answered as the function says; None hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def serve(answer):
        def talk(connection):
            with connection:
                while data := connection.recv(65_536):
                    seen.append(data)
                    said = answer(data)
                    if said is None:
                        return
                    for piece in said if isinstance(said, list) else [said]:
                        connection.sendall(piece)
                    if b"Connection: close" in said:
                        return

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1], seen

    yield serve
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def asked(number):
    return [load.request("POST", f"/{place}", b"a=b") for place in range(number)]


def test_every_request_is_sent_once_and_answered(answering):
    port, seen = answering(lambda _: OK)
    found = load.run(load.Load(port, 4, 30, asked(100)))
    assert sorted(seen) == sorted(asked(100))
    assert found.counts == {200: 100}
    assert len(found.good()) == 100
    assert (found.errors, found.unanswered) == (0, 0)


def test_answer_in_pieces_is_one(answering):
    port, _ = answering(lambda _: [OK[:20], OK[20:-1], OK[-1:]])
    assert load.run(load.Load(port, 1, 30, asked(5))).counts == {200: 5}


def test_answer_in_chunks_is_one(answering):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    port, _ = answering(lambda _: [head, b"2\r\nab\r\n", b"0\r\n\r\n"])
    assert load.run(load.Load(port, 1, 30, asked(5))).counts == {200: 5}


def test_refusals_are_counted_apart_and_a_closed_connection_is_made_anew(answering):
    port, _ = answering(lambda data: BUSY if b"/1 " in data else OK)
    found = load.run(load.Load(port, 1, 30, asked(4)))
    assert found.counts == {200: 3, 503: 1}
    assert len(found.good()) == 3


def test_connection_that_breaks_is_an_error(answering):
    port, _ = answering(lambda data: None if b"/1 " in data else OK)
    found = load.run(load.Load(port, 1, 30, asked(4)))
    assert (found.counts, found.errors) == ({200: 3}, 1)


def test_what_is_never_answered_does_not_keep_it(answering):
    port, _ = answering(lambda _: b" ")
    found = load.run(load.Load(port, 3, 0.05, asked(9), grace=0.05))
    assert (found.counts, found.unanswered) == ({}, 3)


def test_open_load_keeps_to_its_rate(answering):
    port, seen = answering(lambda _: OK)
    found = load.run(load.Load(port, 2, 0.2, asked(1000), rate=100))
    assert 1 <= len(seen) <= 21
    assert found.counts[200] == len(seen)


def test_percentile_is_a_value_that_was_measured():
    assert load.percentile([1, 2, 3, 4], 0.5) == 2
    assert load.percentile([1, 2, 3, 4], 0.99) == 4
    assert load.percentile([7], 0.99) == 7
    with pytest.raises(ValueError, match="no answer"):
        load.percentile([], 0.5)
