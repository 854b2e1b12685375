"""One attempt to tell the platform: what it sends, to whom, for how long, and what it makes of every answer."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from time import monotonic

import pytest

from service.platform.client import PlatformClient
from service.platform.outcomes import Cause, Outcome
from tests.support.receivers import answering, headers_of, is_signed, status

EVENT = "ev_" + "b" * 30
BODY = b'{"type":"charge.recorded"}'
MOMENT = datetime(2031, 3, 10, 17, 0, tzinfo=UTC)
ELSEWHERE = status(200)


def tell(client):
    return client.tell(EVENT, BODY, moment=MOMENT)


@pytest.mark.parametrize("number", [200, 201, 202, 204, 299])
def test_every_answer_of_the_second_class_means_delivered(receive, client_of, number):
    assert tell(client_of(receive(answering(status(number))))) == Outcome(number, None)


def test_event_goes_out_once_signed_by_every_secret(receive, client_of):
    receiver = receive(answering(status(204)))
    assert tell(client_of(receiver, path="/hooks/a?b=c", secrets=(b"n" * 24, b"o" * 24))).delivered
    ((head, body),) = receiver.requests
    line, headers = headers_of(head)
    assert (line, body) == ("POST /hooks/a?b=c HTTP/1.1", BODY)
    assert is_signed(headers, body, b"n" * 24)
    assert is_signed(headers, body, b"o" * 24)
    assert headers.pop("webhook-signature")
    assert headers == {
        "host": f"localhost:{receiver.port}", "accept-encoding": "identity", "content-type": "application/json",
        "content-length": str(len(BODY)), "connection": "close", "user-agent": "panless",
        "webhook-id": EVENT, "webhook-timestamp": str(int(MOMENT.timestamp())),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("number", "cause"),
    [(301, Cause.REDIRECTED), (304, Cause.REDIRECTED), (400, Cause.REFUSED), (410, Cause.REFUSED), (429, Cause.REFUSED),
     (500, Cause.SERVER_ERROR), (503, Cause.SERVER_ERROR), (101, Cause.UNEXPECTED_STATUS), (999, Cause.UNEXPECTED_STATUS)],
)  # fmt: skip
def test_any_other_answer_is_a_failure_with_its_cause(receive, client_of, number, cause):
    assert tell(client_of(receive(answering(status(number))))) == Outcome(number, cause)


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
def test_redirect_is_never_followed(receive, client_of, number):
    other = receive(answering(ELSEWHERE))
    receiver = receive(answering(status(number, f"Location: http://localhost:{other.port}/")))
    assert tell(client_of(receiver)).cause is Cause.REDIRECTED
    assert other.connections == 0


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_of_the_environment_hears_nothing(receive, client_of, monkeypatch, name):
    other, receiver = receive(answering(ELSEWHERE)), receive(answering(status(204)))
    monkeypatch.setenv(name, f"http://127.0.0.1:{other.port}")
    assert tell(client_of(receiver)).delivered
    assert (other.connections, receiver.connections) == (0, 1)


def silent(connection, receiver):
    receiver.requests.append(connection.request())
    connection.stopped.wait(20)


def dripping_status(connection, receiver):
    connection.request()
    connection.drip(b"HTTP/1.1 200 " + b"a" * 5_000)


def endless_interim(connection, receiver):
    connection.request()
    while not connection.stopped.wait(0.01):
        connection.say(b"HTTP/1.1 100 Continue\r\n\r\n")


def deaf(connection, receiver):
    connection.stopped.wait(20)


@pytest.mark.parametrize("slow", [silent, dripping_status, endless_interim])
def test_slow_receiver_is_given_up_when_the_time_is_over(receive, client_of, slow):
    started = monotonic()
    assert tell(client_of(receive(slow), seconds=0.5)) == Outcome(None, Cause.TIMED_OUT)
    assert 0.4 < monotonic() - started < 10


def test_receiver_that_takes_no_bytes_is_given_up_too(receive, client_of):
    client = client_of(receive(deaf), seconds=0.5)
    assert client.tell(EVENT, b"x" * 50_000_000, moment=MOMENT) == Outcome(None, Cause.TIMED_OUT)


def test_body_that_never_ends_does_not_undo_the_status(receive, client_of):
    def handle(connection, receiver):
        connection.request()
        connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        connection.drip(b"x" * 100_000)

    started = monotonic()
    assert tell(client_of(receive(handle), seconds=1.5)) == Outcome(200, None)
    assert monotonic() - started < 15


def test_only_the_beginning_of_a_large_body_is_read(receive, client_of):
    sent = []

    def handle(connection, receiver):
        connection.request()
        connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                connection.say(b"x" * 65_536)
                sent.append(65_536)
        except OSError:
            receiver.requests.append("hung up")

    receiver = receive(handle)
    assert tell(client_of(receiver)) == Outcome(200, None)
    receiver.threads[-1].join(10)
    assert receiver.requests == ["hung up"]
    assert sum(sent) < 100_000_000


@pytest.mark.parametrize(
    "data",
    [b"", b"zqxcanary\r\n\r\n", b"HTTP/1.1 zqxcanary\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
     b"HTTP/1.1 200 " + b"a" * 70_000 + b"\r\n\r\n"],
    ids=["nothing", "garbage", "no status", "too many headers", "endless line"],
)  # fmt: skip
def test_answer_that_is_none_is_a_broken_connection_and_not_kept(receive, client_of, data):
    outcome = tell(client_of(receive(answering(data))))
    assert outcome == Outcome(None, Cause.CONNECTION_BROKEN)
    assert "zqxcanary" not in repr(outcome)


def test_nobody_who_listens_is_a_refused_connection(client_of):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert tell(client_of(f"http://localhost:{port}/")) == Outcome(None, Cause.CONNECTION_REFUSED)


@pytest.mark.parametrize("error", [socket.gaierror(), UnicodeError()])
def test_name_that_leads_nowhere_is_no_such_host(client_of, error):
    def look_up(*_):
        raise error

    assert tell(client_of("https://platform.example/", look_up=look_up)) == Outcome(None, Cause.NO_SUCH_HOST)


def test_public_name_of_a_private_address_is_never_connected_to(receive):
    receiver = receive(answering(ELSEWHERE))
    client = PlatformClient(
        f"https://platform.example:{receiver.port}/", [b"k" * 24], seconds=20, look_up=lambda *_: ["127.0.0.1"]
    )
    assert tell(client) == Outcome(None, Cause.ADDRESS_NOT_PUBLIC)
    assert receiver.connections == 0


def test_name_that_means_another_host_a_moment_later_is_no_use(receive, client_of, monkeypatch):
    """DNS rebinding: the address that was checked is the one that is connected to, and nobody asks for the name again."""
    receiver = receive(answering(status(204)))
    asked = []

    def look_up(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("the name was looked up behind the check"))
    client = client_of(receiver, look_up=look_up)
    assert tell(client).delivered
    assert (asked, receiver.connections) == (["localhost"], 1)
    assert tell(client) == Outcome(None, Cause.ADDRESS_NOT_PUBLIC)
    assert receiver.connections == 1


def test_next_address_is_tried_where_the_first_is_dead(receive, client_of):
    receiver = receive(answering(status(204)))
    assert tell(client_of(receiver, look_up=lambda *_: ["::1", "127.0.0.1"])).delivered


def test_machine_of_its_own_is_found_by_the_usual_look_up(receive):
    receiver = receive(answering(status(204)))
    client = PlatformClient(f"http://127.0.0.1:{receiver.port}/", [b"k" * 24], seconds=20, loopback=True)
    assert tell(client).delivered
