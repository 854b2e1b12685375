"""Fetches a page and its scripts for page-check. Must never follow a redirect to another host, send a cookie or a credential, or read without end.

It is the way out of an operator's command, not of the service: who runs it says which page.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import SplitResult, urljoin, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from service.config.parsers import LOOPBACK
from service.page.sources import origin_of

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOPS = 3
_PIECE = 64 * 1024
_EACH_SECONDS = 10.0
_FAILURES = (OSError, http.client.HTTPException, ValueError)


class UnreadError(Exception):
    """Something could not be fetched. The text is ours, and says nothing that the server said."""


@dataclass(frozen=True)
class Fetched:
    """`url` is where the answer came from in the end; headers by their lower-case names, in the order they came."""

    url: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """All values of a header, joined as HTTP joins them (RFC 9110 section 5.3)."""
        values = [value for given, value in self.headers if given == name]
        return ", ".join(values) if values else None


class Fetcher:
    """All that one check fetches, within `seconds` together. Certificates are verified against `ca_file` (PEM), or the usual authorities. Raises OSError for a file that is none."""

    def __init__(self, *, seconds: float = 60.0, ca_file: str = "") -> None:
        self._until = monotonic() + seconds
        self._context = ssl.create_default_context(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2

    def get(self, url: str, *, largest: int) -> Fetched:
        """The answer, if it is a 200 of at most `largest` bytes. Redirects are followed on the same origin. Raises UnreadError."""
        for _ in range(_HOPS + 1):
            status, found = self._exchange(url, largest)
            if status == 200:
                return found
            if status not in _REDIRECTS:
                raise UnreadError(f"it is answered with status {status}")
            there = urljoin(url, found.header("location") or "")
            if origin_of(there) != origin_of(url):
                raise UnreadError("it redirects to another host")
            url = there
        raise UnreadError("it redirects too often")

    def _exchange(self, url: str, largest: int) -> tuple[int, Fetched]:
        parts = _checked(url)
        try:
            with self._connected(parts.hostname or "", parts.port, secure=parts.scheme == "https") as connection:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("GET", path, headers=_HEADERS)
                answer = connection.getresponse()
                body = _bounded(answer, largest) if answer.status == 200 else b""
        except UnreadError:
            raise
        except _FAILURES as error:  # their texts may quote what the server sent
            self._check_time()
            kind = "its certificate is refused" if isinstance(error, ssl.SSLCertVerificationError) else ""
            raise UnreadError(kind or "the connection failed") from None
        self._check_time()
        headers = [(name.lower(), value.strip()) for name, value in answer.getheaders()]
        return answer.status, Fetched(url, headers, body)

    @contextlib.contextmanager
    def _connected(self, host: str, port: int | None, *, secure: bool) -> Iterator[http.client.HTTPConnection]:
        """A connection that is cut off when the time of the whole check is over, however slowly bytes drip in."""
        self._check_time()
        seconds = min(_EACH_SECONDS, self._left())
        made = (
            http.client.HTTPSConnection(host, port, timeout=seconds, context=self._context)
            if secure
            else http.client.HTTPConnection(host, port, timeout=seconds)
        )
        with contextlib.closing(made):
            made.connect()
            self._check_time()
            cut = threading.Timer(self._left(), _cut, [made.sock])
            cut.daemon = True
            cut.start()
            try:
                yield made
            finally:
                cut.cancel()

    def _left(self) -> float:
        return self._until - monotonic()

    def _check_time(self) -> None:
        if self._left() <= 0:
            raise UnreadError("it took too long")


_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "User-Agent": "Mozilla/5.0 (compatible; panless-page-check)",
    "Connection": "close",
}


def _checked(url: str) -> SplitResult:
    """The parts of an address that may be fetched: https, or http on loopback."""
    if not origin_of(url) or not url.isascii() or not url.isprintable() or " " in url:
        raise UnreadError("it has no usable address")
    parts = urlsplit(url)
    if parts.username is not None:
        raise UnreadError("its address holds a user")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise UnreadError("it is not fetched without TLS")
    return parts


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _bounded(answer: http.client.HTTPResponse, largest: int) -> bytes:
    if (answer.getheader("Content-Encoding") or "identity").lower() != "identity":
        raise UnreadError("it is compressed, though that was not asked for")
    body = bytearray()
    while piece := answer.read(_PIECE):
        body += piece
        if len(body) > largest:
            raise UnreadError(f"it is larger than {largest} bytes")
    if (
        answer.length
    ):  # what Content-Length announced and never came; http.client does not complain when it reads in pieces
        raise UnreadError("it ended before its end")
    return bytes(body)
