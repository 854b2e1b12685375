"""Sockets to pinned addresses, which keep the deadline of the whole exchange. Must never look a name up.

A time-out for each read is never reached by a peer that drips a byte now and then, so every read and write first shrinks the time-out
of its socket to what the exchange has left.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from time import monotonic
from typing import Any

from service.platform.outcomes import Cause, FailedError

_LONGEST_CONNECT = 5.0  # seconds; one address that swallows packets must not use up the time of the next


class _PlainSocket(socket.socket):
    until: float

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        _shrink(self, self.until)
        return super().recv_into(*arguments, **options)

    def sendall(self, *arguments: Any, **options: Any) -> None:
        _shrink(self, self.until)
        super().sendall(*arguments, **options)


class _TlsSocket(ssl.SSLSocket):
    until: float

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        _shrink(self, self.until)
        return super().recv_into(*arguments, **options)

    def send(self, *arguments: Any, **options: Any) -> int:
        _shrink(self, self.until)
        return super().send(*arguments, **options)


def _shrink(sock: socket.socket, until: float) -> None:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)


def tls_context(ca_file: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and host name verified against the authorities in `ca_file` (PEM); nothing from the environment."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(ca_file)
    context.sslsocket_class = _TlsSocket
    return context


def connect(addresses: Sequence[str], port: int, until: float) -> _PlainSocket:
    """A socket to the first of these addresses that answers. `until` is a reading of the monotonic clock. Raises FailedError."""
    cause = Cause.CONNECTION_REFUSED
    for address in addresses:
        try:
            return _connected(address, port, until)
        except TimeoutError:
            cause = Cause.CONNECT_TIMED_OUT
        except OSError:
            cause = Cause.CONNECTION_REFUSED
    raise FailedError(cause)


def _connected(address: str, port: int, until: float) -> _PlainSocket:
    sock = _PlainSocket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    sock.until = until
    try:
        _shrink(sock, min(until, monotonic() + _LONGEST_CONNECT))
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def secured(sock: _PlainSocket, context: ssl.SSLContext, host: str) -> _TlsSocket:
    """The same under TLS, with a peer that has proved to be `host`. The handshake as a whole keeps the deadline. Raises FailedError."""
    until = sock.until
    try:
        _shrink(sock, until)
        wrapped = context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError:
        cause = Cause.CERTIFICATE_REFUSED
    except TimeoutError:
        cause = Cause.TIMED_OUT
    except (OSError, ValueError):  # ValueError: a name that TLS cannot carry
        cause = Cause.TLS_FAILED
    else:
        assert isinstance(wrapped, _TlsSocket)  # noqa: S101 - the context makes no others
        wrapped.until = until
        return wrapped
    sock.close()
    raise FailedError(cause)
