"""HTTP as bytes on a socket: sends whatever it is given, however malformed, and keeps whatever comes back. Must never talk to anything but loopback."""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Text = str | bytes
_PART = 64 * 1024
_BODILESS = {204, 304}


@dataclass(frozen=True, repr=False)
class Answer:
    """What came back: every byte of it, and what an HTTP/1.1 client makes of the first final answer in it (RFC 9112).

    `status` is None where nothing came, or something that begins with no status line; `body` is then all of `raw`. Chunks of a body are put together.
    """

    raw: bytes
    status: int | None
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first field of this name, whatever its case."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), None)


@dataclass(frozen=True, repr=False)
class Exchange:
    """One thing that was sent, by whom, and what came back."""

    case: str
    sent: bytes
    answer: Answer


class Traffic:
    """All exchanges of a run, in the order in which they ended. Several threads may write and read it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []

    def record(self, case: str, sent: bytes, answer: Answer) -> None:
        """Keep one exchange."""
        with self._lock:
            self._exchanges.append(Exchange(case, sent, answer))

    def mark(self) -> int:
        """Where the record ends now, for `since`."""
        return len(self)

    def since(self, mark: int) -> list[Exchange]:
        """What came after a mark; 0 stands for the beginning."""
        with self._lock:
            return self._exchanges[mark:]

    def __len__(self) -> int:
        with self._lock:
            return len(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.since(0))


def _bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def request(method: Text, target: Text, headers: Iterable[tuple[Text, Text]] = (), body: Text = b"") -> bytes:
    """An HTTP/1.1 request of exactly these parts, of which nothing is checked or escaped.

    Adds a Host field, and a Content-Length where there is a body or the method wants one, unless the headers name them (or a Transfer-Encoding).
    """
    fields = [(_bytes(name), _bytes(value)) for name, value in headers]
    given, content, verb = {name.lower() for name, _ in fields}, _bytes(body), _bytes(method)
    if b"host" not in given:
        fields.insert(0, (b"Host", b"127.0.0.1"))
    if (content or verb in {b"POST", b"PUT", b"PATCH"}) and not given & {b"content-length", b"transfer-encoding"}:
        fields.append((b"Content-Length", b"%d" % len(content)))
    head = b"%b %b HTTP/1.1\r\n" % (verb, _bytes(target))
    return head + b"".join(b"%b: %b\r\n" % field for field in fields) + b"\r\n" + content


def exchange(address: tuple[str, int], raw: bytes, *, timeout: float = 15.0, finish: bool = False) -> Answer:
    """Send these bytes and read to the end of the answer, or of the connection, or of the time (seconds). What the server does raises nothing.

    After a whole answer our side is closed, so that a server that has more to say (to what else it took for a request) says it before it closes;
    `finish` closes our side right after the last byte, as one who breaks off. Raises ValueError for an address that is not on this machine.
    """
    if address[0] != "localhost" and not ipaddress.ip_address(address[0]).is_loopback:
        raise ValueError("evidence is gathered on loopback only")
    deadline, head = time.monotonic() + timeout, raw.startswith(b"HEAD ")
    received = bytearray()
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=timeout) as connection:
        connection.settimeout(0.0)
        _converse(_Talk(connection, memoryview(raw), finish, head), received, deadline)
    return understand(bytes(received), head=head)


@dataclass
class _Talk:
    """One connection: what is still to be sent (empty once the server takes no more), and when to close our side."""

    connection: socket.socket
    rest: memoryview
    finish: bool
    head: bool

    def send(self) -> None:
        try:
            self.rest = self.rest[self.connection.send(self.rest[:_PART]) :]
        except BlockingIOError:
            return
        except OSError:  # it has closed without reading on; its answer may still be there to be read
            self.drop()
        if not self.rest and self.finish:
            self.close_ours()

    def drop(self) -> None:
        self.rest = self.rest[:0]

    def close_ours(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)


def _converse(talk: _Talk, received: bytearray, deadline: float) -> None:
    """Sends and reads at the same time: a server may answer, and stop reading, in the middle of what is sent. OSError ends it."""
    complete = False
    with selectors.DefaultSelector() as ready:
        ready.register(talk.connection, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            ready.modify(talk.connection, selectors.EVENT_READ | (selectors.EVENT_WRITE if talk.rest else 0))
            events = next((mask for _, mask in ready.select(left)), 0)
            if events & selectors.EVENT_WRITE and talk.rest:
                talk.send()
            if not events & selectors.EVENT_READ:
                continue
            part = talk.connection.recv(_PART)
            if not part:
                return
            received += part
            if not complete and _measure(bytes(received), head=talk.head).whole:
                complete = True
                talk.drop()
                talk.close_ours()


@dataclass(frozen=True)
class _Measured:
    status: int | None
    headers: list[tuple[str, str]]
    body: bytes
    whole: bool


def understand(raw: bytes, *, head: bool = False) -> Answer:
    """The bytes of a connection as an answer; `head` says that a HEAD request was sent, whose answer has no body."""
    found = _measure(raw, head=head)
    return Answer(raw, found.status, found.headers, found.body)


def _measure(raw: bytes, *, head: bool) -> _Measured:
    """The first final answer in these bytes, and whether it is all there. One whose end only the connection's end shows is never whole."""
    while True:
        top, separator, rest = raw.partition(b"\r\n\r\n")
        line, *lines = top.decode("latin-1").split("\r\n")
        version, _, after = line.partition(" ")
        if not version.startswith("HTTP/") or not (after[:3].isascii() and after[:3].isdigit()):
            return _Measured(None, [], raw, whole=False)
        status = int(after[:3])
        if not separator or not 100 <= status < 200:
            break
        raw = rest  # an interim answer (RFC 9110 section 15.2)
    headers = [(name.strip(), value.strip()) for name, _, value in (field.partition(":") for field in lines)]
    if not separator or head or status in _BODILESS:
        return _Measured(status, headers, b"", whole=bool(separator))
    body, whole = _content({name.lower(): value for name, value in headers}, rest)
    return _Measured(status, headers, body, whole)


def _content(fields: dict[str, str], rest: bytes) -> tuple[bytes, bool]:
    if "chunked" in fields.get("transfer-encoding", "").lower():
        return _unchunked(rest)
    length = fields.get("content-length", "")
    if not (length.isdecimal() and len(length) <= 18):
        return rest, False
    return rest[: int(length)], len(rest) >= int(length)


def _unchunked(rest: bytes) -> tuple[bytes, bool]:
    """The content of chunks (RFC 9112 section 7.1) as far as it goes, and whether the last one and its trailer are there."""
    parts: list[bytes] = []
    place = 0
    while (end := rest.find(b"\r\n", place)) >= 0:
        try:
            size = int(rest[place:end].split(b";")[0], 16)
        except ValueError:
            break
        if size <= 0:
            return b"".join(parts), rest.startswith(b"\r\n", end + 2) or b"\r\n\r\n" in rest[end:]
        parts.append(rest[end + 2 : end + 2 + size])
        place = end + 2 + size + 2
    return b"".join(parts), False
