"""Where requests can go, and what happens when they cannot get there."""

from __future__ import annotations

import socket
from time import monotonic

import pytest
from bluesnap_peers import answer, subscribe

from service.bluesnap import deadlines, transport
from service.bluesnap.client import Timeouts
from service.errors import NeverSent


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
