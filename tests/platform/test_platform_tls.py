"""Which TLS receivers are told, and that the others hear not one byte of an event."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime

import pytest

from service.platform.outcomes import Cause, Outcome
from tests.support.certificates import Authority
from tests.support.receivers import answering, headers_of, status

MOMENT = datetime(2031, 3, 10, 17, 0, tzinfo=UTC)
HOST = "platform.test"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tell(client_of, authority):
    def attempt(receiver, **options):
        given = {"ca_file": str(authority.file), "seconds": 10, **options}
        return client_of(f"https://{HOST}:{receiver.port}/", **given).tell("ev_" + "b" * 30, b"{}", moment=MOMENT)

    return attempt


def speaking(context):
    return {"wrap": lambda sock: context.wrap_socket(sock, server_side=True)}


def test_name_is_proved_although_the_address_is_pinned(receive, tell, authority):
    receiver = receive(answering(status(204)), **speaking(authority.server_context(HOST)))
    assert tell(receiver) == Outcome(204, None)
    assert headers_of(receiver.requests[0][0])[1]["host"] == f"{HOST}:{receiver.port}"


@pytest.mark.parametrize(("host", "days"), [("other.test", 1), (HOST, -1)], ids=["another name", "expired"])
def test_certificate_that_does_not_fit_is_refused(receive, tell, authority, host, days):
    receiver = receive(answering(status(204)), **speaking(authority.server_context(host, days=days)))
    assert tell(receiver) == Outcome(None, Cause.CERTIFICATE_REFUSED)
    assert receiver.requests == []


def test_certificate_of_an_unknown_authority_is_refused(receive, client_of, authority):
    receiver = receive(answering(status(204)), **speaking(authority.server_context(HOST)))
    client = client_of(f"https://{HOST}:{receiver.port}/", seconds=10)
    assert client.tell("ev_" + "b" * 30, b"{}", moment=MOMENT) == Outcome(None, Cause.CERTIFICATE_REFUSED)
    assert receiver.requests == []


def test_receiver_that_speaks_only_old_tls_is_refused(receive, tell, authority):
    context = authority.server_context(HOST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert tell(receive(answering(status(204)), **speaking(context))) == Outcome(None, Cause.TLS_FAILED)


def test_receiver_that_speaks_no_tls_hears_no_event(receive, tell):
    heard = []

    def handle(connection, receiver):
        heard.append(connection.sock.recv(65536))
        connection.say(status(200))

    assert tell(receive(handle)) == Outcome(None, Cause.TLS_FAILED)
    assert b"POST" not in heard[0]


def test_handshake_that_stalls_ends_with_the_time(receive, tell):
    receiver = receive(lambda connection, _: connection.stopped.wait(20))
    assert tell(receiver, seconds=0.4) == Outcome(None, Cause.TIMED_OUT)


def test_answer_that_drips_over_tls_ends_with_the_time(receive, tell, authority):
    def handle(connection, receiver):
        connection.request()
        connection.drip(b"HTTP/1.1 200 " + b"a" * 5_000)

    receiver = receive(handle, **speaking(authority.server_context(HOST)))
    assert tell(receiver, seconds=1) == Outcome(None, Cause.TIMED_OUT)
