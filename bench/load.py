"""The load: HTTP/1.1 requests over kept connections, by one thread with epoll, bounded in count and time. Only ever to loopback.

Closed loop: each connection sends its next request when the last one is answered. With a `rate` it is open: requests fall due by the clock,
whether or not the others are answered, and a latency begins when its request was due.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_HEAD, _LAST_CHUNK = b"\r\n\r\n", b"\r\n0\r\n\r\n"
CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Load:
    """What to send to `port`. `requests` are whole requests, sent in turn and each once; the load ends when they do, or after `seconds`.

    What is under way then is waited for `grace` seconds more; it counts, but none is begun.
    """

    port: int
    connections: int
    seconds: float
    requests: Sequence[bytes]
    rate: float | None = None
    grace: float = 10.0


@dataclass
class Result:
    """Latencies in seconds of the answers by their status, and how busy the generator itself was."""

    latencies: dict[int, list[float]] = field(default_factory=dict)
    errors: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    processor: float = 0.0

    @property
    def counts(self) -> Counter[int]:
        """How many of each status."""
        return Counter({status: len(found) for status, found in self.latencies.items()})

    def good(self) -> list[float]:
        """The latencies of answers of 2xx, sorted."""
        return sorted(one for status, found in self.latencies.items() if 200 <= status < 300 for one in found)

    def all_good(self) -> list[float]:
        """The same of a server that took everything. Raises RuntimeError: what is fast because it fails is no figure."""
        good = self.good()
        if not good or len(good) < sum(self.counts.values()) or self.errors or self.unanswered:
            raise RuntimeError(
                f"not all were taken: {dict(self.counts)}, {self.errors} errors, {self.unanswered} unanswered"
            )
        return good

    @property
    def rate(self) -> float:
        """Answers of 2xx a second."""
        return len(self.good()) / self.seconds if self.seconds else 0.0

    @property
    def share(self) -> float:
        """The part of one core that the generator took: near 1 it was itself the bottleneck."""
        return self.processor / self.seconds if self.seconds else 0.0


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least of sorted values that is not exceeded by such a share of them. Raises ValueError where there is none."""
    if not ordered:
        raise ValueError("no answer, no percentile")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class _Connection:
    """One connection, and the request that is under way on it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)  # noqa: FBT003 - its only argument
        self.data, self.whole, self.chunked, self.begun = b"", 0, False, 0.0

    def send(self, request: bytes, begun: float) -> None:
        """One request; it is small enough for the socket's buffer. Raises OSError."""
        self.data, self.whole, self.begun = b"", 0, begun
        if self.socket.send(request) != len(request):
            raise OSError("a request did not fit into the socket's buffer")

    def answer(self) -> int | None:
        """Read on: the status, once the answer is whole. Raises OSError where the connection ended before."""
        piece = self.socket.recv(65_536)
        if not piece:
            raise ConnectionResetError
        self.data += piece
        if not self.whole:
            end = self.data.find(_HEAD)
            if end < 0:
                return None
            self.whole = end + len(_HEAD) + _length(self.data[:end])
            self.chunked = b"transfer-encoding: chunked" in self.data[:end].lower()
        whole = self.data.endswith(_LAST_CHUNK) if self.chunked else len(self.data) >= self.whole
        return int(self.data[9:12]) if whole else None

    def ends(self) -> bool:
        """Whether the server has said that this was its last answer."""
        return b"connection: close" in self.data[:1024].lower()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


class _Generator:
    def __init__(self, load: Load) -> None:
        self.load, self.result, self.sent = load, Result(), 0
        self.poll = select.epoll()
        self.busy: dict[int, _Connection] = {}
        self.idle: deque[_Connection] = deque(_Connection(load.port) for _ in range(load.connections))

    def run(self) -> Result:
        begun, processor = time.perf_counter(), time.process_time()
        end = begun + self.load.seconds
        while True:
            now = time.perf_counter()
            if now < end:
                self._send_due(begun, now)
            elif not self.busy or now > end + self.load.grace:
                break
            if not self.busy and self.sent >= len(self.load.requests):
                break
            for descriptor, _ in self.poll.poll(self._wait(begun, now, end)):
                self._read(descriptor)
        self.result.seconds = min(time.perf_counter(), max(end, now)) - begun
        self.result.processor = time.process_time() - processor
        self.result.unanswered = len(self.busy)
        return self.result

    def _send_due(self, begun: float, now: float) -> None:
        rate = self.load.rate
        while self.idle and self.sent < len(self.load.requests):
            due = now if rate is None else begun + self.sent / rate
            if due > now:
                break
            request, connection = self.load.requests[self.sent], self.idle.popleft()
            self.sent += 1
            with self._counted(connection):
                connection.send(request, due)
                self.busy[connection.socket.fileno()] = connection
                self.poll.register(connection.socket, select.EPOLLIN)

    def _wait(self, begun: float, now: float, end: float) -> float:
        if self.load.rate is not None and self.idle and self.sent < len(self.load.requests):
            return max(0.0, min(end, begun + self.sent / self.load.rate) - now)
        return max(0.0, end - now) if now < end else 0.1

    def _read(self, descriptor: int) -> None:
        connection = self.busy[descriptor]
        with self._counted(connection):
            status = connection.answer()
            if status is None:
                return
            self.result.latencies.setdefault(status, []).append(time.perf_counter() - connection.begun)
            self._release(connection)
            if connection.ends():
                connection.socket.close()
                self._anew()
            else:
                self.idle.append(connection)

    @contextlib.contextmanager
    def _counted(self, connection: _Connection) -> Iterator[None]:
        """A connection that breaks is an error, and another takes its place."""
        try:
            yield
        except OSError:
            self.result.errors += 1
            self._release(connection)
            connection.socket.close()
            self._anew()

    def _release(self, connection: _Connection) -> None:
        if self.busy.pop(connection.socket.fileno(), None) is not None:
            self.poll.unregister(connection.socket)

    def _anew(self) -> None:
        with contextlib.suppress(OSError):
            self.idle.append(_Connection(self.load.port))

    def close(self) -> None:
        for connection in (*self.idle, *self.busy.values()):
            connection.socket.close()
        self.poll.close()


def run(load: Load) -> Result:
    """Send it."""
    with contextlib.closing(_Generator(load)) as generator:
        return generator.run()


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """A request to loopback; `Idempotency_Key="…"` is the header Idempotency-Key."""
    fields = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
