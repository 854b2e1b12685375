"""What becomes of a call when the answer is cut short, is no HTTP, or is too much."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc

import pytest
from bluesnap_peers import PLAN, answer, cause_of, shop, subscribe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import BlueSnapError, Unknown


def test_a_reset_after_the_request_is_unknown_and_a_post_is_not_sent_again(serve, client_of):
    def handler(peer, server):
        server.requests.append(peer.request())
        peer.reset()

    server = serve(handler)
    assert cause_of(subscribe, client_of(server.url)) == "connection_broken"
    assert len(server.requests) == 1


def test_a_get_is_tried_once_more_after_a_reset(serve, client_of):
    def handler(peer, server):
        server.requests.append(peer.request())
        if peer.number == 1:
            peer.reset()
        else:
            peer.say(answer())

    server = serve(handler)
    assert client_of(server.url).get_plan("2340001").plan_id == "2340001"
    assert len(server.requests) == 2


def test_a_get_is_not_tried_a_third_time(serve, client_of):
    def handler(peer, server):
        server.requests.append(peer.request())
        peer.reset()

    server = serve(handler)
    assert cause_of(client_of(server.url).get_plan, "1") == "connection_broken"
    assert len(server.requests) == 2


def test_an_answer_cut_after_any_byte_is_unknown(serve, client_of):
    whole = answer(b'{"subscriptionId":7}')

    def handler(peer, server):
        peer.request()
        peer.say(whole[: peer.number - 1])

    client = client_of(serve(handler).url)
    causes = {cause_of(subscribe, client) for _ in range(len(whole))}
    assert causes <= {"connection_broken", "unreadable_answer"}
    assert subscribe(client).subscription_id == "7"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01 not http at all\r\n\r\n",
        b"HTTP/1.1 two hundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n12345",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"<html>hello</html>",
        b"",
    ],
)
def test_an_answer_that_is_not_http_is_unknown(serve, client_of, garbage):
    def handler(peer, server):
        server.requests.append(peer.request())
        peer.say(garbage)

    server = serve(handler)
    assert cause_of(subscribe, client_of(server.url)) in {"connection_broken", "unreadable_answer"}
    assert len(server.requests) == 1


def test_no_garbage_of_any_kind_escapes_as_another_error(serve, client_of):
    pieces = st.sampled_from([
        b"HTTP/1.1 ", b"200 OK", b"400 Bad", b"\r\n", b"\r\n\r\n", b"Content-Length: ", b"-1", b"3", b"Transfer-Encoding: chunked",
        b"Content-Encoding: gzip", b"Content-Encoding: deflate", b"Content-Encoding: br", b"{", b'"message"', b"\x00\xff", b":", b" ", b"5\r\nabcde\r\n",
        b"Set-Cookie: a=b; Expires=x", b"Location: //[::1", b"Location: http://h/vaulted-shoppers/5",
    ])  # fmt: skip
    said: list[bytes] = []

    def handler(peer, server):
        peer.request()
        peer.say(said[-1])

    client = client_of(serve(handler).url)

    @settings(max_examples=150, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(pieces | st.binary(max_size=20), max_size=12).map(b"".join))
    def ask(garbage):
        said.append(garbage)
        with contextlib.suppress(BlueSnapError):
            shop(client)

    ask()
    assert len(said) > 100


def test_an_answer_of_a_hundred_megabytes_is_left_unread(serve, client_of):
    said = 0

    def handler(peer, server):
        nonlocal said
        peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            peer.say(b" " * 100_000)
            said += 100_000

    server = serve(handler)
    assert cause_of(subscribe, client_of(server.url)) == "answer_too_large"
    server.stop()
    assert said < 50_000_000


def test_a_compression_bomb_is_left_packed(serve, client_of, answering):
    bomb = gzip.compress(b" " * 50_000_000, 1)
    server = serve(answering(answer(bomb, "200 OK", "Content-Encoding: gzip")))
    client = client_of(server.url)
    tracemalloc.start()
    assert cause_of(subscribe, client) == "answer_too_large"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_an_honest_compressed_answer_is_read(serve, client_of, answering):
    server = serve(answering(answer(gzip.compress(PLAN), "200 OK", "Content-Encoding: gzip")))
    assert client_of(server.url).get_plan("2340001").status == "ACTIVE"
    assert b"accept-encoding: identity" in server.requests[0].lower()


def test_nothing_of_the_library_is_chained_to_our_error(serve, client_of):
    def handler(peer, server):
        peer.request()
        peer.say(b"HTTP/1.1 999999 secret\r\n\r\n")

    with pytest.raises(Unknown) as caught:
        subscribe(client_of(serve(handler).url))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert caught.value.args == ("connection_broken",)
