"""Fetches what the issuer publishes about itself. Must never follow, keep, log or quote anything else that a peer says.

Like the way out to the platform it speaks HTTP with the standard library alone: no redirects, no proxies, no cookies and nothing from the
environment are there to be switched off.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from service.platform import address, sockets
from service.platform.address import Target
from service.platform.outcomes import FailedError

Fetch = Callable[[str], dict[str, Any]]
_LARGEST = 256 * 1024
_SECONDS = 5.0
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "panless",
    "Connection": "close",
}
_FAILURES = (OSError, http.client.HTTPException, ValueError, TypeError, RecursionError, FailedError)


class UnfetchedError(Exception):
    """What the issuer publishes could not be had. Raised `from None`, and holds nothing."""


def over_http(*, loopback: bool, ca_file: str = DEFAULT_CA_BUNDLE_PATH) -> Fetch:
    """A way to fetch a JSON object over https within five seconds. Plain http is for `loopback` only, which is for the simulator only."""
    context = sockets.tls_context(ca_file)

    def fetch(url: str) -> dict[str, Any]:
        try:
            target = address.target_of(url, loopback=loopback)
            until = monotonic() + _SECONDS
            plain = sockets.connect(address.resolve(target.host, target.port), target.port, until)
            with contextlib.closing(
                sockets.secured(plain, context, target.host) if target.scheme == "https" else plain
            ) as sock:
                return _read(sock, target)
        except _FAILURES:
            raise UnfetchedError from None

    return fetch


def _read(sock: socket.socket, target: Target) -> dict[str, Any]:
    """The object that is answered with 200, whole and not too large. Raises one of _FAILURES."""
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.default_port = 443 if target.scheme == "https" else 80  # which the Host header leaves out
    connection.sock = sock
    connection.set_debuglevel(0)  # a level that is set on its class has it print headers and bodies
    connection.request("GET", target.path, headers=_HEADERS)
    with connection.getresponse() as response:
        if response.status != 200 or (response.getheader("Content-Encoding") or "identity") != "identity":
            raise ValueError
        body = response.read(_LARGEST + 1)
        if len(body) > _LARGEST or response.length:
            raise ValueError
    document = json.loads(body)
    if not isinstance(document, dict):
        raise TypeError
    return document
