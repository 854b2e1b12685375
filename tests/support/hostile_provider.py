"""BlueSnap's place on the wire, taken by somebody hostile: passes every call on to the simulator, but answers those that were ordered with whatever bytes it is told to.

It is the platform's place for events too. Loopback only; it remembers what it was asked, and never makes a call of its own.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

BASE = "/services/2/"
EVENTS = "/events"
#: Method and path of the calls that tests order answers for.
CALLS = {
    "create_token": ("POST", r"payment-fields-tokens"),
    "create_shopper": ("POST", r"vaulted-shoppers"),
    "find_shopper": ("GET", r"vaulted-shoppers/merchant/.*"),
    "get_shopper": ("GET", r"vaulted-shoppers/[0-9]+"),
    "create_subscription": ("POST", r"recurring/subscriptions"),
    "get_subscription": ("GET", r"recurring/subscriptions/[0-9]+"),
    "list_plans": ("GET", r"recurring/plans(\?.*)?"),
    "event": ("POST", EVENTS),
}
_SECONDS = 10.0
_RESET = struct.pack("ii", 1, 0)  # linger for no time: the connection is reset and not closed (socket(7))
#: An answer, or what becomes of the true one; None says nothing at all.
Reply = bytes | None | Callable[[bytes], bytes | None]


@dataclass(frozen=True, repr=False)
class Asked:
    """One request as it came in: `call` is its name in CALLS, None for any other; `head` begins with the request line."""

    call: str | None
    head: str
    body: bytes

    @property
    def path(self):
        return self.head.split(" ", 2)[1]


@dataclass(eq=False)
class Order:
    """How the next call of a kind is answered. `happens`: it is passed on all the same, and its true answer is what `reply` may change."""

    call: str
    reply: Reply
    happens: bool = False
    reset: bool = False
    met: threading.Event = field(default_factory=threading.Event)

    def wait(self, within=_SECONDS):
        """Until the call has come and was answered; fails if it does not."""
        assert self.met.wait(within), f"no {self.call} within {within} s"


class HostileProvider:
    """`url` is BlueSnap's origin, `events_url` the platform's address. Give it the simulator's address by `forward_to`; until then nobody answers."""

    def __init__(self, wrap=None):
        self._wrap = wrap
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._true: tuple[str, int] | None = None
        self._stopped = False
        self.asked: list[Asked] = []
        self._told = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._accept_on(self._listener)

    @property
    def url(self):
        return f"http{'s' if self._wrap is not None else ''}://127.0.0.1:{self.port}"

    @property
    def events_url(self):
        return self.url + EVENTS

    def forward_to(self, url):
        """Where the true answers come from."""
        parts = urlsplit(url)
        self._true = (parts.hostname, parts.port)

    def order(self, call, reply, *, happens=False, reset=False):
        """Answer the next call of this kind by `reply`, after those ordered before."""
        order = Order(call, reply, happens or callable(reply), reset)
        with self._lock:
            self._orders.append(order)
        return order

    def mark(self):
        """Where the record of calls ends now, for `since`."""
        return len(self.asked)

    def since(self, mark=0):
        """What was asked after a mark."""
        return self.asked[mark:]

    def assert_all_met(self):
        """Every answer that was ordered was given; fails otherwise, and forgets those that were not."""
        with self._lock:
            left, self._orders = self._orders, []
        assert not left, f"never called: {[one.call for one in left]}"

    def told_lately(self):
        """All bytes that it was asked with since the last time that somebody wanted to know."""
        before, self._told = self._told, self.mark()
        return b"".join(one.head.encode("latin-1") + b"\n" + one.body + b"\n" for one in self.since(before))

    def asked_about(self, reference, mark=0):
        """Whether anybody has asked for this subscription since."""
        return any(one.path.endswith(f"/subscriptions/{reference}") for one in self.since(mark))

    @contextlib.contextmanager
    def refusing(self):
        """The port is closed: whoever calls is refused."""
        self._close(self._listener)
        try:
            yield
        finally:
            deadline = time.monotonic() + _SECONDS
            while True:
                try:
                    self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
                    break
                except OSError:  # the kernel still holds the port
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            self._accept_on(self._listener)

    def stop(self):
        self._stopped = True
        self._close(self._listener)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @staticmethod
    def _close(listener):
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        listener.close()

    def _accept_on(self, listener):
        threading.Thread(target=self._accept, args=(listener,), name="hostile-provider", daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError, ValueError, IndexError), contextlib.closing(connection):
            connection.settimeout(_SECONDS)
            spoken = self._wrap(connection) if self._wrap is not None else connection
            with contextlib.closing(spoken):
                self._answer(spoken)

    def _answer(self, connection):
        raw = _request(connection)
        if not raw:
            return
        asked = _understood(raw)
        with self._lock:
            self.asked.append(asked)
            order = next((one for one in self._orders if one.call == asked.call), None)
            if order is not None:
                self._orders.remove(order)
        true = self._passed_on(asked, raw) if order is None or order.happens else b""
        reply = true if order is None else order.reply
        said = reply(true) if callable(reply) else reply
        try:
            if said:
                connection.sendall(said)
            if order is not None and order.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        finally:
            if order is not None:
                order.met.set()

    def _passed_on(self, asked, raw):
        """The true answer. An event has nobody behind us: it is taken."""
        if asked.call == "event":
            return b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        deadline = time.monotonic() + _SECONDS
        while self._true is None and time.monotonic() < deadline and not self._stopped:
            time.sleep(0.02)
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.create_connection(self._true, timeout=_SECONDS) as onward:
            onward.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            said = bytearray()
            while piece := onward.recv(65_536):
                said += piece
        return _closing(bytes(said))


def _request(connection):
    """One whole request; what is left of one that broke off is nothing."""
    seen = bytearray()
    while b"\r\n\r\n" not in seen:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        seen += piece
    length = re.search(rb"\r\ncontent-length: *([0-9]+)", bytes(seen.lower()))
    whole = seen.index(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
    while len(seen) < whole:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        seen += piece
    return bytes(seen)


def _understood(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    method, target, _ = text.split("\r\n", 1)[0].split(" ", 2)
    path = target.removeprefix(BASE)
    called = (name for name, (verb, form) in CALLS.items() if verb == method and re.fullmatch(form, path))
    return Asked(next(called, None), text, body)


def _closing(raw):
    """An answer that says that no other follows on its connection."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close"]) + separator + body if separator else raw


def answer(status, *headers, body=b"", media="application/json"):
    """The bytes of an answer that is well formed, as far as its headers are."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {media}",
        *headers,
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def with_header(line):
    """The true answer with one more header line."""
    return lambda true: true.replace(b"\r\n", b"\r\n" + line.encode("latin-1") + b"\r\n", 1)


def with_body(change):
    """The true answer with its body changed, and its length and framing to match."""

    def changed(true):
        head, _, body = true.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        framing = (b"content-length:", b"transfer-encoding:")
        if any(line.lower().startswith(b"transfer-encoding: chunked") for line in lines):
            body = _unchunked(body)
        kept = [line for line in lines if not line.lower().startswith(framing)]
        new = change(body)
        return b"\r\n".join([*kept, b"Content-Length: %d" % len(new)]) + b"\r\n\r\n" + new

    return changed


def _unchunked(body):
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        whole, body = whole + body[:length], body[length + 2 :]
    return whole
