"""What the way out does when the peer is slow, broken, greedy or hostile, over real sockets."""

from __future__ import annotations

import contextlib
import gzip
import http.cookiejar
import socket
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.bluesnap import deadlines, transport
from service.bluesnap.client import BlueSnapClient, Timeouts
from service.bluesnap.payloads import Payer
from service.errors import BlueSnapError, NeverSent, Unknown

PLAN = b'{"planId":2340001,"status":"ACTIVE"}'
TOKEN = b"HTTP/1.1 201 Created\r\nLocation: https://x.test/services/2/payment-fields-tokens/abc_\r\nContent-Length: 0\r\n\r\n"


def answer(body: bytes = PLAN, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def subscribe(client: BlueSnapClient) -> object:
    return client.create_subscription(plan_id="1", shopper_id="2", amount=Decimal("29.00"), idempotency_key="k-1")


def shop(client: BlueSnapClient) -> object:
    return client.create_shopper(
        payment_fields_token="abc_",
        merchant_shopper_id="attempt-1",
        payer=Payer("Mira", "Okafor", "us"),
        three_d_secure_reference=None,
        fraud_session_id=None,
        idempotency_key="k-1",
    )


def cause_of(call: object, *args: object) -> str:
    with pytest.raises(Unknown) as caught:
        call(*args)
    return caught.value.cause


def test_a_body_that_drips_ends_at_the_total_deadline(serve, client_of):
    def handler(peer, server):
        peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        peer.drip(b" " * 1000, every=0.05)

    client = client_of(serve(handler).url)
    started = monotonic()
    assert cause_of(client.get_plan, "1") == "deadline_passed"
    assert 0.4 < monotonic() - started < 10


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK" + b" " * 500, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500])
def test_a_head_that_drips_ends_at_the_total_deadline(serve, client_of, head):
    def handler(peer, server):
        peer.request()
        peer.drip(head, every=0.05)

    client = client_of(serve(handler).url)
    started = monotonic()
    assert cause_of(client.create_payment_fields_token) == "deadline_passed"
    assert 0.4 < monotonic() - started < 10


def test_a_body_that_stops_half_way_ends_at_the_total_deadline(serve, client_of):
    def handler(peer, server):
        peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        peer.stopped.wait(30)

    client = client_of(serve(handler).url)
    started = monotonic()
    assert cause_of(client.get_plan, "1") == "deadline_passed"
    assert monotonic() - started < 10


def test_endless_continue_answers_end_at_the_total_deadline(serve, client_of):
    def handler(peer, server):
        peer.request()
        while not peer.stopped.wait(0.02):
            peer.say(b"HTTP/1.1 100 Continue\r\n\r\n")

    assert cause_of(client_of(serve(handler).url).create_payment_fields_token) == "deadline_passed"


def test_silence_ends_at_the_read_timeout_and_is_not_tried_again(serve, client_of):
    def handler(peer, server):
        server.requests.append(peer.request())
        peer.stopped.wait(5)

    server = serve(handler)
    client = client_of(server.url, timeouts=Timeouts(read=0.2, total=20))
    started = monotonic()
    assert cause_of(client.get_plan, "1") == "read_timed_out"
    assert 0.1 < monotonic() - started < 10
    assert len(server.requests) == 1


def test_a_charging_call_may_take_longer_than_the_others(serve, client_of):
    def handler(peer, server):
        while request := peer.request():
            peer.stopped.wait(0.7)
            peer.say(answer(b'{"subscriptionId":7,"vaultedShopperId":2}'))
            assert request

    client = client_of(serve(handler).url)
    assert subscribe(client).subscription_id == "7"
    assert cause_of(shop, client) == "deadline_passed"


def test_a_peer_that_stops_reading_ends_at_a_deadline(serve, client_of):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server = serve(lambda peer, _server: peer.stopped.wait(5), listener=listener)
    long = transport.Ask("POST", "vaulted-shoppers", body=b"x" * 20_000_000)
    assert cause_of(client_of(server.url)._transport.exchange, long) in {"deadline_passed", "read_timed_out"}


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


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(serve, client_of, answering, status):
    elsewhere = serve(answering(TOKEN))
    server = serve(answering(answer(b"", status, f"Location: {elsewhere.url}/services/2/payment-fields-tokens/stolen")))
    client = client_of(server.url)
    assert cause_of(client.create_payment_fields_token) == "redirect"
    assert cause_of(client.get_plan, "1") == "redirect"
    assert len(server.requests) == 2
    assert elsewhere.connections == 0


def test_the_body_of_a_redirect_is_bounded_too(serve, client_of):
    def handler(peer, server):
        peer.request()
        peer.say(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            peer.say(b" " * 100_000)

    assert cause_of(client_of(serve(handler).url).create_payment_fields_token) == "answer_too_large"


def test_cookies_are_neither_read_nor_kept_nor_sent(serve, client_of, answering, monkeypatch):
    def read(*_args: object) -> None:
        pytest.fail("a cookie was parsed")

    monkeypatch.setattr(http.cookiejar, "parse_ns_headers", read)
    server = serve(answering(answer(PLAN, "200 OK", "Set-Cookie: JSESSIONID=abc; Path=/", "Set-Cookie: LB=1; Path=/")))
    client = client_of(server.url)
    client.get_plan("2340001")
    client.get_plan("2340001")
    assert len(server.requests) == 2
    assert b"cookie" not in b"".join(server.requests).lower()


def test_calls_after_each_other_share_a_connection(serve, client_of, answering):
    server = serve(answering(TOKEN))
    client = client_of(server.url)
    assert [client.create_payment_fields_token() for _ in range(3)] == ["abc_"] * 3
    assert server.connections == 1


def test_a_connection_that_lay_idle_is_not_used_again(serve, client_of, answering, monkeypatch):
    monkeypatch.setattr(deadlines, "_MOST_IDLE", -1.0)
    server = serve(answering(TOKEN))
    client = client_of(server.url)
    client.create_payment_fields_token()
    client.create_payment_fields_token()
    assert server.connections == 2


def test_a_post_on_a_connection_that_closes_under_it_is_unknown_and_sent_once(serve, client_of):
    def handler(peer, server):
        server.requests.append(peer.request())
        if len(server.requests) == 1:
            peer.say(TOKEN)
            server.requests.append(peer.request())

    server = serve(handler)
    client = client_of(server.url)
    client.create_payment_fields_token()
    assert cause_of(client.create_payment_fields_token) == "connection_broken"
    assert len(server.requests) == 2
    assert server.connections == 1


def test_a_closed_idle_connection_is_noticed_before_a_post(serve, client_of):
    closed = threading.Event()

    def handler(peer, server):
        server.requests.append(peer.request())
        peer.say(TOKEN)
        peer.sock.shutdown(socket.SHUT_RDWR)
        closed.set()

    server = serve(handler)
    client = client_of(server.url)
    client.create_payment_fields_token()
    assert closed.wait(5)
    assert client.create_payment_fields_token() == "abc_"
    assert len(server.requests) == 2


def test_a_refused_connection_was_never_sent(client_of, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(transport.time, "sleep", pauses.append)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        client = client_of(f"http://127.0.0.1:{held.getsockname()[1]}")
        with pytest.raises(NeverSent) as caught:
            subscribe(client)
        assert caught.value.cause == "connection_refused"
        assert pauses == [0.1, 0.4]
        pauses.clear()
        with pytest.raises(NeverSent):
            client.get_plan("1")
        assert pauses == [0.1]


def test_a_post_that_never_left_is_made_again(serve, client_of, answering, monkeypatch):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = serve(answering(answer(b'{"subscriptionId":7}')), listener=listener, listening=False)

    def sleep(_seconds: float) -> None:
        listener.listen()
        server.start()

    monkeypatch.setattr(transport.time, "sleep", sleep)
    assert subscribe(client_of(server.url)).subscription_id == "7"
    assert len(server.requests) == 1


def test_a_host_without_address_was_never_sent(client_of, monkeypatch):
    def nowhere(*_args: object, **_options: object) -> None:
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(deadlines.socket, "getaddrinfo", nowhere)
    monkeypatch.setattr(transport.time, "sleep", lambda _seconds: None)
    with pytest.raises(NeverSent) as caught:
        subscribe(client_of("https://bluesnap.invalid"))
    assert caught.value.cause == "no_such_host"


def test_a_connection_that_is_not_accepted_in_time_was_never_sent(client_of, monkeypatch):
    monkeypatch.setattr(transport.time, "sleep", lambda _seconds: None)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        filling = [socket.socket() for _ in range(3)]
        try:
            for one in filling:
                one.settimeout(0)
                one.connect_ex(address)
            client = client_of(f"http://127.0.0.1:{address[1]}", timeouts=Timeouts(connect=0.1, total=30))
            started = monotonic()
            with pytest.raises(NeverSent) as caught:
                client.create_payment_fields_token()
        finally:
            for one in filling:
                one.close()
    assert caught.value.cause == "connect_timed_out"
    assert monotonic() - started < 10


def test_all_addresses_of_a_host_share_the_time_for_connecting(client_of, monkeypatch):
    monkeypatch.setattr(transport.time, "sleep", lambda _seconds: None)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        many = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 50
        monkeypatch.setattr(deadlines.socket, "getaddrinfo", lambda *_args, **_options: many)
        filling = [socket.socket() for _ in range(3)]
        try:
            for one in filling:
                one.settimeout(0)
                one.connect_ex(address)
            started = monotonic()
            with pytest.raises(NeverSent):
                client_of("http://localhost", timeouts=Timeouts(connect=0.1, total=30)).create_payment_fields_token()
        finally:
            for one in filling:
                one.close()
    assert monotonic() - started < 5  # and not 3 x 50 x 0.1


def test_calls_of_several_threads_keep_their_own_deadlines(serve, client_of):
    def handler(peer, server):
        while request := peer.request():
            if b"/plans/9" in request:
                peer.drip(answer(), every=0.05)
            else:
                peer.say(answer())

    client = client_of(serve(handler).url)
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(cause_of, client.get_plan, "9") for _ in range(4)]
        quick = [pool.submit(client.get_plan, "2340001") for _ in range(100)]
        assert {one.result().plan_id for one in quick} == {"2340001"}
        assert {one.result() for one in slow} == {"deadline_passed"}


def test_the_environment_changes_nothing(serve, client_of, answering, monkeypatch, tmp_path):
    elsewhere = serve(answering(TOKEN))
    netrc = tmp_path / "netrc"
    netrc.write_text("default login intruder password intruder\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, elsewhere.url)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(netrc))
    server = serve(answering(TOKEN))
    assert client_of(server.url).create_payment_fields_token() == "abc_"
    assert elsewhere.connections == 0
    assert b"Authorization: Basic QVBJXzE6YS1wYXNzd29yZA==\r\n" in server.requests[0]


def test_nothing_of_the_library_is_chained_to_our_error(serve, client_of):
    def handler(peer, server):
        peer.request()
        peer.say(b"HTTP/1.1 999999 secret\r\n\r\n")

    with pytest.raises(Unknown) as caught:
        subscribe(client_of(serve(handler).url))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert caught.value.args == ("connection_broken",)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://bluesnap.test",
        "http://10.0.0.1:8090",
        "http://127.0.0.1.nip.test",
        "ftp://127.0.0.1",
        "127.0.0.1:8090",
        "",
        "https://",
        "https://user:secret@ws.bluesnap.com",
        "https://ws.bluesnap.com/services/2",
        "https://ws.bluesnap.com/?x=1",
        "https://ws.bluesnap.com/#x",
    ],
)
def test_an_address_other_than_one_safe_origin_is_refused(client_of, base_url):
    with pytest.raises(ValueError, match="address of BlueSnap") as caught:
        client_of(base_url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8090",
        "http://localhost:8090/",
        "http://[::1]:8090",
        "https://ws.bluesnap.com",
        "https://ws.bluesnap.com:443",
    ],
)
def test_a_safe_origin_is_accepted(client_of, base_url):
    client_of(base_url)


@pytest.mark.parametrize("path", ["../../admin", "x/../../../admin"])
def test_a_url_that_leaves_the_base_path_is_not_asked(serve, client_of, answering, path):
    server = serve(answering(answer()))
    with pytest.raises(ValueError, match="left its host or base path"):
        client_of(server.url)._transport.exchange(transport.Ask("GET", path))
    assert server.connections == 0


@pytest.mark.parametrize("path", ["//evil.test/x", "@evil.test/", "\\evil.test", "http://evil.test/"])
def test_a_path_that_looks_like_a_host_stays_a_path(serve, client_of, answering, path):
    server = serve(answering(answer()))
    client_of(server.url)._transport.exchange(transport.Ask("GET", path))
    assert server.requests[0].startswith(b"GET /services/2/")


@pytest.mark.parametrize(("user", "password"), [("", "p"), ("u", ""), ("a:b", "p"), ("u", "pässword"), ("u\n", "p")])
def test_credentials_that_would_break_the_header_are_refused(client_of, user, password):
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        client_of("http://127.0.0.1:1", user=user, password=password)
    assert not password or password not in str(caught.value).split()
