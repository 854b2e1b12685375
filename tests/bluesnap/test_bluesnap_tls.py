"""Which TLS peers are spoken to, and that the others hear not one byte of a request."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import warnings
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from time import monotonic

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.bluesnap import transport
from service.errors import NeverSent, Unknown

DEADLINES = True

DAY = dt.timedelta(days=1)
PLAN = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"planId":7}'


@dataclass(frozen=True)
class Authority:
    """A certificate authority for one test run, and the certificates it makes."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server_context(self, name: str, *, host: str = "127.0.0.1", days: int = 1) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        leaf = _certificate(name, key, self.certificate.subject, self.key, days=days, extension=alternative)
        chain, secret = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, secret)
        return context


def _certificate(name, key, issuer, issuer_key, *, days, extension):
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(extension, critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    basics = x509.BasicConstraints(ca=True, path_length=0)
    return Authority(
        tmp_path_factory.mktemp("tls"), key, _certificate("authority", key, subject, key, days=1, extension=basics)
    )


@pytest.fixture
def trusting(client_of, authority, monkeypatch):
    """Makes clients that trust the test's authority, and do not pause between attempts."""
    monkeypatch.setattr(transport.time, "sleep", lambda _seconds: None)

    def make(base_url: str):
        client = client_of(base_url)
        client._transport._session.get_adapter(base_url + "/").context.load_verify_locations(cadata=authority.pem)
        return client

    return make


def wrapped(context: ssl.SSLContext):
    return lambda sock: context.wrap_socket(sock, server_side=True)


def never_sent(client) -> str:
    with pytest.raises(NeverSent) as caught:
        client.create_subscription(plan_id="1", shopper_id="2", amount=Decimal(1), idempotency_key="k")
    return caught.value.cause


def test_a_peer_with_a_good_certificate_is_spoken_to(serve, trusting, authority, answering):
    server = serve(answering(PLAN), wrap=wrapped(authority.server_context("good")))
    client = trusting(server.url)
    assert client.get_plan("7").plan_id == "7"
    assert client.get_plan("7").plan_id == "7"
    assert server.connections == 1


def test_a_certificate_of_an_unknown_authority_is_refused(serve, client_of, authority, answering):
    server = serve(answering(PLAN), wrap=wrapped(authority.server_context("good")))
    assert never_sent(client_of(server.url)) == "certificate_refused"
    assert server.requests == []
    assert server.connections == 1


def test_an_expired_certificate_is_refused(serve, trusting, authority, answering):
    server = serve(answering(PLAN), wrap=wrapped(authority.server_context("expired", days=-1)))
    assert never_sent(trusting(server.url)) == "certificate_refused"
    assert server.requests == []


def test_a_certificate_for_another_host_is_refused(serve, trusting, authority, answering):
    server = serve(answering(PLAN), wrap=wrapped(authority.server_context("other", host="127.0.0.2")))
    assert never_sent(trusting(server.url)) == "certificate_refused"
    assert server.requests == []


def test_a_peer_that_speaks_only_old_tls_is_refused(serve, trusting, authority, answering):
    context = authority.server_context("old")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = serve(answering(PLAN), wrap=wrapped(context))
    assert never_sent(trusting(server.url)) == "tls_failed"
    assert server.requests == []


def test_a_peer_that_speaks_no_tls_hears_no_request(serve, trusting, authority):
    heard: list[bytes] = []

    def handler(peer, server):
        heard.append(peer.sock.recv(65536))
        peer.say(b"HTTP/1.1 200 OK\r\n\r\n")

    server = serve(handler)
    assert never_sent(trusting(server.url.replace("http:", "https:"))) == "tls_failed"
    assert server.connections == 3
    assert not any(b"POST" in piece for piece in heard)


def test_a_handshake_that_stalls_ends_with_the_time_for_connecting(serve, trusting):
    server = serve(lambda peer, _server: peer.stopped.wait(5))
    started = monotonic()
    assert never_sent(trusting(server.url.replace("http:", "https:"))) == "tls_failed"
    assert monotonic() - started < 10


def test_a_body_that_drips_over_tls_ends_at_the_total_deadline(serve, trusting, authority):
    def handler(peer, server):
        peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        peer.drip(b" " * 1000, every=0.05)

    client = trusting(serve(handler, wrap=wrapped(authority.server_context("good"))).url)
    started = monotonic()
    with pytest.raises(Unknown) as caught:
        client.get_plan("7")
    assert caught.value.cause == "deadline_passed"
    assert 0.4 < monotonic() - started < 10


def test_an_answer_cut_short_over_tls_is_unknown(serve, trusting, authority):
    def handler(peer, server):
        server.requests.append(peer.request())
        peer.say(PLAN[:-3])
        socket.socket.shutdown(peer.sock, socket.SHUT_RDWR)

    server = serve(handler, wrap=wrapped(authority.server_context("good")))
    with pytest.raises(Unknown) as caught:
        trusting(server.url).create_payment_fields_token()
    assert caught.value.cause == "connection_broken"
    assert len(server.requests) == 1
