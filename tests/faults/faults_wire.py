"""The wire between the service and BlueSnap's simulator, in the hands of somebody who understands HTTP: each ordered fault meets exactly one call of its kind.

with Wire() as wire, FaultStage.start(folder, settings={"PANLESS_BLUESNAP_URL": wire.url}, proxied=()) as stage:
    wire.serve(stage)
    wire.order("create_subscription", cut_answer(0.5), fault="C38")

What is not ordered is passed on, and closed after each answer unless `keep_alive` is set. Loopback only.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import struct
import threading
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import NamedTuple

from tests.support.hostile_provider import BASE, _closing, _request

#: Method and path of the calls that faults are ordered for, by the simulator's names.
CALLS = {
    "create_token": ("POST", r"payment-fields-tokens(\?.*)?"),
    "create_shopper": ("POST", r"vaulted-shoppers"),
    "find_shopper": ("GET", r"vaulted-shoppers/merchant/.*"),
    "get_shopper": ("GET", r"vaulted-shoppers/[0-9]+"),
    "update_shopper": ("PUT", r"vaulted-shoppers/[0-9]+"),
    "create_subscription": ("POST", r"recurring/subscriptions"),
    "list_subscriptions": ("GET", r"recurring/subscriptions\?.*"),
    "get_subscription": ("GET", r"recurring/subscriptions/[0-9]+"),
    "update_subscription": ("PUT", r"recurring/subscriptions/[0-9]+"),
    "list_charges": ("GET", r"recurring/subscriptions/[0-9]+/charges.*"),
    "refund": ("POST", r"transactions/refund/[0-9]+"),
    "get_transaction": ("GET", r"transactions/[0-9]+"),
}
SECONDS = 20.0
_RESET = struct.pack("ii", 1, 0)  # linger for no time: the connection is reset and not closed (socket(7))


class Asked(NamedTuple):
    """One request that came in whole, over which connection (they are counted from 0)."""

    call: str | None
    raw: bytes
    connection: int


@dataclass(frozen=True)
class Exchange:
    """One request that came in whole, and what a fault may do with it."""

    wire: Wire
    connection: socket.socket
    call: str | None
    raw: bytes

    def happens(self):
        """BlueSnap does it; its true answer."""
        return self.wire.onward(self.raw)

    def say(self, data):
        with contextlib.suppress(OSError):
            self.connection.sendall(data)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def gone(self, within):
        """Wait until the caller has hung up; whether he has."""
        self.connection.settimeout(within)
        with contextlib.suppress(TimeoutError):
            try:
                return self.connection.recv(1) == b""
            except ConnectionError:
                return True
        return False


class Wire:
    """`url` is BlueSnap's origin. `asked` holds all requests that came in whole, `did` counts faults that were done, by name."""

    def __init__(self, wrap=None):
        self._wrap, self._true = wrap, None
        self._lock = threading.Lock()
        self._orders = defaultdict(deque)
        self._stage, self._numbers, self._idle = None, itertools.count(), {}
        self.keep_alive = False
        self.asked, self.did = [], Counter()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._accept_on(self._listener)

    @property
    def url(self):
        return f"http{'' if self._wrap is None else 's'}://{'127.0.0.1' if self._wrap is None else 'localhost'}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._close()

    def serve(self, stage):
        """Pass on to this stage's simulator, and tell it of every fault that is ordered and done."""
        self._true, self._stage = ("127.0.0.1", stage.stack.ports.simulator), stage

    def order(self, call, act, *, fault, times=1):
        """The next so many calls of this kind go this way, after those ordered before. `act` gets an Exchange."""
        self._stage.plan(fault, times)
        with self._lock:
            self._orders[call].extend([(act, fault)] * times)

    def waiting(self):
        """The calls that faults still wait for."""
        with self._lock:
            return [call for call, orders in self._orders.items() for _ in orders]

    def forget(self):
        """Take back what has not been met."""
        with self._lock:
            self._orders.clear()

    def seen(self, call):
        """The raw requests of one kind that came in, in order."""
        return [one.raw for one in self.asked if one.call == call]

    def hang_up(self):
        """End every connection over which nothing is being asked, by reset. How many there were."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connection in idle.values():
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.shutdown(socket.SHUT_RD)
        return len(idle)

    @contextlib.contextmanager
    def refusing(self):
        """The port is closed: whoever calls is refused."""
        self._close()
        try:
            yield
        finally:
            deadline = time.monotonic() + SECONDS
            while True:
                try:
                    self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
                    break
                except OSError:  # the kernel still holds the port
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            self._accept_on(self._listener)

    def onward(self, raw):
        """What the simulator answers, whole."""
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.create_connection(self._true, timeout=SECONDS) as true:
            true.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            return _closing(_all_of(true))

    def in_part(self, raw, number):
        """The simulator gets so many bytes of a request, and then a reset."""
        with socket.create_connection(self._true, timeout=SECONDS) as true:
            true.sendall(raw[:number])
            true.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()

    def _accept_on(self, listener):
        threading.Thread(target=self._accept, args=(listener,), name="wire", daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError, ValueError, IndexError), contextlib.closing(connection):
            connection.settimeout(SECONDS)
            spoken = self._wrap(connection) if self._wrap is not None else connection
            with self._lock:
                number = next(self._numbers)
            with contextlib.closing(spoken):
                while raw := _request(spoken):
                    with self._lock:
                        self._idle.pop(number, None)
                    if not self._answer(spoken, raw, number):
                        return

    def _answer(self, connection, raw, number):
        """Whether the connection goes on."""
        call = named(raw)
        with self._lock:
            self.asked.append(Asked(call, raw, number))
            orders = self._orders[call]
            act, fault = orders.popleft() if orders else (None, None)
        exchange = Exchange(self, connection, call, raw)
        if act is None:
            true = exchange.happens()
            with self._lock:
                if self.keep_alive:
                    self._idle[number] = connection
            exchange.say(_kept_open(true) if self.keep_alive else true)
            return self.keep_alive
        act(exchange)
        with self._lock:
            self.did[fault] += 1
            self._stage.saw(fault)
        return False


def named(raw):
    """The call's name; None for one that no fault is ordered for."""
    method, target, _ = raw.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    path = target.removeprefix(BASE)
    found = (name for name, (verb, form) in CALLS.items() if verb == method and re.fullmatch(form, path))
    return next(found, None)


def _all_of(connection):
    said = bytearray()
    while piece := connection.recv(65_536):
        said += piece
    return bytes(said)


def _kept_open(true):
    return true.replace(b"\r\nConnection: close", b"", 1)


def answer(status, body=b"", *headers, media="application/json"):
    """The bytes of an answer that is well formed, as far as its headers are."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close"]).encode("latin-1") + b"\r\n\r\n" + body


# What may become of a call


def say(data, *, happens):
    """These bytes instead of the true answer, whether it happens or not."""

    def act(exchange):
        if happens:
            exchange.happens()
        exchange.say(data)

    return act


def change(how):
    """It happens, and the true answer is changed."""
    return lambda exchange: exchange.say(how(exchange.happens()))


def lose(*, happens=True, reset=False):
    """The connection ends without an answer."""

    def act(exchange):
        if happens:
            exchange.happens()
        if reset:
            exchange.reset()

    return act


def cut_answer(number):
    """It happens; so much of the answer arrives, then a reset. `number` gives the position, of the whole answer."""

    def act(exchange):
        true = exchange.happens()
        exchange.say(true[: number(true)])
        exchange.reset()

    return act


def cut_request(number):
    """BlueSnap's side gets so many bytes of the request (`number` gives the position), and both sides see the connection end."""

    def act(exchange):
        exchange.wire.in_part(exchange.raw, number(exchange.raw))
        exchange.reset()

    return act


def drip(every, *, happens, seconds=SECONDS):
    """The answer byte by byte, until the caller has gone."""

    def act(exchange):
        data = exchange.happens() if happens else answer("500 Internal Server Error", b"x" * 1000)
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            for byte in itertools.chain(data, itertools.repeat(32)):
                if time.monotonic() > until:
                    return
                exchange.connection.sendall(bytes([byte]))
                time.sleep(every)

    return act


def late(now):
    """Nothing is said until the caller has given up by himself. It happens when `now` (an event) is set."""

    def act(exchange):
        if exchange.gone(SECONDS) and now.wait(10 * SECONDS):
            exchange.happens()
        else:
            raise OSError  # so that it does not count as done

    return act


def stream(head, piece, times, sent):
    """It happens. A head, and then a body in pieces, as long as somebody takes it; how many he took is added to `sent`."""

    def act(exchange):
        exchange.happens()
        taken = 0
        with contextlib.suppress(OSError):
            exchange.connection.sendall(head)
            for _ in range(times):
                exchange.connection.sendall(piece)
                taken += 1
        sent.append(taken)

    return act


def positions(true, spread=25):
    """Where an answer may be cut: before and after each line of its head, within its first line, and evenly over the whole of it."""
    head = len(true.partition(b"\r\n\r\n")[0]) + 4
    lines = [match.end() for match in re.finditer(rb"\r\n", true[:head])]
    evenly = [len(true) * number // spread for number in range(spread)]
    return sorted({0, 1, 9, len(true) - 1, head, *lines, *(end - 1 for end in lines), *evenly} - {len(true)})
