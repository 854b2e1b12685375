"""Bytes go out as they were given, and all bytes that come back are kept, whatever the other side makes of HTTP."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from service.evidence.wire import Answer, Traffic, exchange, request, understand

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.contextmanager
def _server(*answers, wait_for=b"\r\n\r\n", linger=True):
    """Waits for `wait_for`, says its answers, and closes once the other side has (`linger`) or at once. Yields its address and what it was told."""
    told = bytearray()

    def serve():
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            while wait_for not in told:
                told.extend(connection.recv(4096))
            for answer in answers:
                connection.sendall(answer)
            while linger and (more := connection.recv(4096)):
                told.extend(more)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[:2], told
        thread.join()


def test_malformed_bytes_reach_the_server_as_they_are():
    rubbish = b"GET /a\x00b c HTTP/9\r\nno colon\r\n\xff: \x01\r\n\r\n"
    with _server(OK) as (address, told):
        exchange(address, rubbish)
    assert bytes(told) == rubbish


def test_an_answer_of_known_length_does_not_wait_for_the_time():
    with _server(OK) as (address, _):
        answer = exchange(address, request("GET", "/"), timeout=60)
    assert (answer.status, answer.headers, answer.body) == (200, [("Content-Length", "2")], b"ok")


def test_chunks_are_put_together_and_kept_raw():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nWiki\r\n5\r\npedia\r\n0\r\nx: y\r\n\r\n"
    with _server(chunked[:60], chunked[60:]) as (address, _):
        answer = exchange(address, request("GET", "/"), timeout=60)
    assert (answer.body, answer.raw) == (b"Wikipedia", chunked)


def test_an_answer_without_length_ends_with_the_connection():
    with _server(b"HTTP/1.0 400 Bad Request\r\n\r\n<html>", linger=False) as (address, _):
        answer = exchange(address, request("GET", "/"), timeout=60)
    assert (answer.status, answer.body) == (400, b"<html>")


def test_a_second_answer_to_pipelined_rubbish_is_kept_too():
    with _server(OK + b"HTTP/1.1 400 Bad Request\r\n\r\nsecond") as (address, _):
        answer = exchange(address, request("GET", "/") + b"rubbish\r\n\r\n", timeout=60)
    assert answer.status == 200
    assert answer.raw.endswith(b"second")


def test_an_interim_answer_is_not_the_answer():
    answer = understand(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    assert (answer.status, answer.body) == (200, b"ok")


def test_an_answer_to_head_has_no_body():
    with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") as (address, _):
        answer = exchange(address, request("HEAD", "/"), timeout=60)
    assert (answer.status, answer.body) == (200, b"")


def test_a_line_of_nobodys_protocol_is_all_body():
    assert vars(understand(b"what?")) == vars(Answer(b"what?", None, [], b"what?"))


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\nok",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\nok",
        b"",
    ],
)
def test_broken_answers_are_kept_and_raise_nothing(raw):
    assert understand(raw).raw == raw


def test_silence_ends_with_the_time():
    with _server() as (address, _):
        answer = exchange(address, request("GET", "/"), timeout=0.2)
    assert (answer.raw, answer.status) == (b"", None)


def test_nobody_listening_is_an_empty_answer():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()[:2]
    assert exchange(address, request("GET", "/")).raw == b""


def test_the_answer_of_a_server_that_stops_reading_is_kept():
    large = request("POST", "/", body=b"x" * 8_000_000)
    with _server(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", wait_for=b"x") as (address, _):
        answer = exchange(address, large, timeout=60)
    assert answer.status == 413


def test_breaking_off_closes_our_side_after_the_last_byte():
    with _server(OK, wait_for=b"half") as (address, told):
        answer = exchange(address, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf", finish=True, timeout=60)
    assert answer.status == 200
    assert told.endswith(b"half")


def test_no_address_but_this_machines_is_called():
    with pytest.raises(ValueError, match="loopback"):
        exchange(("192.0.2.1", 80), b"")


def test_a_request_gets_host_and_length_unless_it_has_them():
    assert request("POST", "/a", [("X", "é")], "b") == (
        b"POST /a HTTP/1.1\r\nHost: 127.0.0.1\r\nX: \xc3\xa9\r\nContent-Length: 1\r\n\r\nb"
    )
    own = [("host", "h"), ("transfer-encoding", "chunked")]
    assert (
        request("POST", "/", own, b"0\r\n\r\n")
        == b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert b"Content-Length" not in request("GET", "/")


def test_a_header_is_found_whatever_its_case():
    answer = understand(OK)
    assert (answer.header("content-LENGTH"), answer.header("location")) == ("2", None)


def test_traffic_of_many_threads_is_kept_whole():
    traffic, answer = Traffic(), understand(OK)
    traffic.record("L000", b"before", answer)
    mark = traffic.mark()
    threads = [
        threading.Thread(target=lambda: [traffic.record("L001", b"x", answer) for _ in range(100)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(traffic), len(traffic.since(mark)), next(iter(traffic)).case) == (801, 800, "L000")
