"""Sends one signed event to the platform's address. Must never follow, keep, log or quote anything that the platform answers.

It speaks HTTP with the standard library alone: no redirects, no proxies, no cookies and nothing else from the environment are there to
be switched off.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Sequence
from datetime import datetime
from time import monotonic

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from service.platform import address, sockets
from service.platform.address import AddressRefusedError, Resolve, Target
from service.platform.outcomes import Cause, FailedError, Outcome, of_status
from service.platform.signing import signed_headers

_MOST_READ = 4 * 1024  # bytes of the answer's body, read so that the platform's server can end in peace, and forgotten
_FAILURES = (OSError, http.client.HTTPException, ValueError)


class PlatformClient:
    """Speaks to exactly one address. Safe to share between threads; each event has a connection of its own."""

    def __init__(
        self,
        url: str,
        secrets: Sequence[bytes],
        *,
        seconds: float,
        loopback: bool = False,
        look_up: Resolve = address.resolve,
        ca_file: str = DEFAULT_CA_BUNDLE_PATH,
    ) -> None:
        """`seconds` are for a whole exchange; `loopback` is for the simulator only. Raises ValueError for a wrong address."""
        self._target = address.target_of(url, loopback=loopback)
        self._secrets = tuple(secrets)
        self._seconds = seconds
        self._loopback = loopback
        self._look_up = look_up
        self._context = sockets.tls_context(ca_file)

    def tell(self, event_id: str, body: bytes, *, moment: datetime) -> Outcome:
        """One attempt, of the time `moment`. Takes no longer than the client's seconds, but for the look-up of the host's name.

        The look-up cannot be interrupted; the host's resolver bounds it (man 5 resolv.conf, "timeout").
        """
        headers = signed_headers(event_id, moment, body, self._secrets)
        until = monotonic() + self._seconds
        try:
            sock = self._connected(until)
        except FailedError as error:
            return Outcome(None, error.cause)
        with contextlib.closing(sock):
            return _exchange(sock, self._target, body, headers)

    def _connected(self, until: float) -> socket.socket:
        try:
            addresses = address.checked_addresses(self._target, self._look_up, loopback=self._loopback)
        except AddressRefusedError:
            raise FailedError(Cause.ADDRESS_NOT_PUBLIC) from None
        except (OSError, UnicodeError):
            raise FailedError(Cause.NO_SUCH_HOST) from None
        sock = sockets.connect(addresses, self._target.port, until)
        return sockets.secured(sock, self._context, self._target.host) if self._target.scheme == "https" else sock


def _exchange(sock: socket.socket, target: Target, body: bytes, headers: dict[str, str]) -> Outcome:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.default_port = 443 if target.scheme == "https" else 80  # which the Host header leaves out
    connection.sock = sock
    connection.set_debuglevel(0)  # a level that is set on its class has it print headers and bodies
    usual = {"Content-Type": "application/json", "User-Agent": "panless", "Connection": "close"}
    try:
        connection.request("POST", target.path, body, usual | headers)
        with connection.getresponse() as response:
            with contextlib.suppress(*_FAILURES):  # the status has said all already
                response.read(_MOST_READ)
            return of_status(response.status)
    except TimeoutError:
        return Outcome(None, Cause.TIMED_OUT)
    except _FAILURES:
        return Outcome(None, Cause.CONNECTION_BROKEN)
