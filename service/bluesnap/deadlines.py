"""Sockets, connections and pools that keep the deadline of the call they serve, and note how far it got. Must never touch what is sent or read.

`requests` and urllib3 know a time-out per read, which a peer that drips a byte now and then never reaches. Here every read and write
of the socket itself, status line and header lines included, first shrinks the time-out to what the call has left.
"""

from __future__ import annotations

import enum
import math
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from service import crashpoints
from service.bluesnap.causes import Cause

_MOST_IDLE = (
    3.0  # seconds; below the keep-alive time of common servers, so that we close first and not they under our POST
)


class Phase(enum.Enum):
    """How far an attempt got. Only an attempt that failed while CONNECTING provably never left."""

    IDLE = enum.auto()
    CONNECTING = enum.auto()
    SENT = enum.auto()


@dataclass
class Attempt:
    """One attempt at a call. `connect_until` and `until` are readings of the monotonic clock, `read` the longest silence in seconds."""

    connect_until: float
    until: float
    read: float
    phase: Phase = Phase.IDLE
    cause: Cause | None = None
    next_time_out: Cause = Cause.READ_TIMED_OUT

    def ended_by(self) -> Cause:
        """Why it failed. What nobody noted is a broken connection: reset, cut short, or not HTTP."""
        return self.cause or (Cause.TLS_FAILED if self.phase is Phase.CONNECTING else Cause.CONNECTION_BROKEN)


_ATTEMPT: ContextVar[Attempt] = ContextVar("bluesnap_attempt")
_CALL: ContextVar[str] = ContextVar("bluesnap_call", default="call")
_AROUND: ContextVar[float | None] = ContextVar("bluesnap_around", default=None)


@contextmanager
def watched(attempt: Attempt) -> Iterator[None]:
    """Everything the block does on the network is held to the attempt's deadline."""
    mark = _ATTEMPT.set(attempt)
    try:
        yield
    finally:
        _ATTEMPT.reset(mark)


@contextmanager
def held_to(until: float) -> Iterator[None]:
    """No call of the block lasts beyond this moment of the monotonic clock, whatever its own deadline says."""
    mark = _AROUND.set(until)
    try:
        yield
    finally:
        _AROUND.reset(mark)


def around() -> float:
    """The moment that `held_to` has set; far away where it has set none."""
    until = _AROUND.get()
    return math.inf if until is None else until


@contextmanager
def calling(name: str) -> Iterator[None]:
    """The block is this call, by the name of the client's method."""
    mark = _CALL.set(name)
    try:
        yield
    finally:
        _CALL.reset(mark)


def _shrink(sock: socket.socket) -> None:
    """Set the time-out of the next operation, or end the attempt. Raises TimeoutError."""
    attempt = _ATTEMPT.get()
    left = attempt.until - monotonic()
    attempt.next_time_out = Cause.DEADLINE_PASSED if left <= attempt.read else Cause.READ_TIMED_OUT
    if left <= 0:
        raise TimeoutError
    sock.settimeout(min(attempt.read, left))


def _timed_out() -> None:
    attempt = _ATTEMPT.get()
    attempt.cause = attempt.next_time_out


class _PlainSocket(socket.socket):
    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        try:
            _shrink(self)
            return super().recv_into(buffer, nbytes, flags)
        except TimeoutError:
            _timed_out()
            raise

    def sendall(self, data: Any, flags: int = 0) -> None:
        try:
            _shrink(self)
            super().sendall(data, flags)
        except TimeoutError:
            _timed_out()
            raise


class _TlsSocket(ssl.SSLSocket):
    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        try:
            _shrink(self)
            return super().recv_into(buffer, nbytes, flags)
        except TimeoutError:
            _timed_out()
            raise

    def send(self, data: Any, flags: int = 0) -> int:
        try:
            _shrink(self)
            return super().send(data, flags)
        except TimeoutError:
            _timed_out()
            raise


def tls_context(ca_file: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and host name verified against the authorities in `ca_file` (PEM)."""
    context = create_urllib3_context(ssl_minimum_version=ssl.TLSVersion.TLSv1_2)
    context.load_verify_locations(ca_file)
    context.sslsocket_class = _TlsSocket
    return context


def _open(host: str, port: int) -> _PlainSocket:
    """A connected socket, within the time for connecting whatever the number of addresses. Raises OSError.

    The look-up of the name itself cannot be interrupted; the host's resolver bounds it (man 5 resolv.conf, "timeout").
    """
    attempt = _ATTEMPT.get()
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        attempt.cause = Cause.NO_SUCH_HOST
        raise
    for family, kind, protocol, _, address in addresses:
        sock = _PlainSocket(family, kind, protocol)
        try:
            sock.settimeout(max(attempt.connect_until - monotonic(), 0.001))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # what is left is for the TLS handshake, which keeps it as a whole and not per read
            sock.settimeout(max(attempt.connect_until - monotonic(), 0.001))
        except OSError as error:
            sock.close()
            attempt.cause = Cause.CONNECT_TIMED_OUT if isinstance(error, TimeoutError) else Cause.CONNECTION_REFUSED
        else:
            attempt.cause = None
            return sock
    raise ConnectionError


class _Connection(HTTPConnection):
    idle_since = 0.0
    debuglevel = 0  # whoever sets it on http.client's own class has it print every header and body to standard output

    def connect(self) -> None:
        attempt = _ATTEMPT.get()
        attempt.phase = Phase.CONNECTING
        try:
            super().connect()
        except ssl.SSLCertVerificationError:
            attempt.cause = Cause.CERTIFICATE_REFUSED
            raise

    def _new_conn(self) -> socket.socket:
        return _open(self._dns_host, self.port)

    def send(self, data: Any) -> None:
        """From here on the request may have left, even if not one byte is acknowledged."""
        if self.sock is None:
            self.connect()
        _ATTEMPT.get().phase = Phase.SENT
        super().send(data)

    def getresponse(self) -> Any:
        """The whole request has left."""
        crashpoints.reach(f"{_CALL.get()}.sent")
        return super().getresponse()


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection: Any = super()._get_conn(timeout)
        if monotonic() - connection.idle_since > _MOST_IDLE:
            connection.close()
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = monotonic()
        super()._put_conn(conn)


class _TlsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}
