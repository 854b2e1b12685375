"""What the way out does not follow, keep, or take from its surroundings, and how it uses its connections."""

from __future__ import annotations

import http.cookiejar
import socket
import threading

import pytest
from bluesnap_peers import PLAN, TOKEN, answer, cause_of

from service.bluesnap import deadlines


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
