"""A TCP proxy on loopback that makes a way bad: latency, cut after so many bytes, reset, slow drip, half-open, refusal. Counts what it did."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass

PIECE = 65_536


@dataclass(frozen=True)
class Toxic:
    """What is wrong with the way. `up` is towards the server, `down` towards the client; None or 0: nothing.

    `latency`: seconds before each piece. `cut_after`: bytes after which the connection ends, by reset if `reset`. `drip`: seconds between single
    bytes. `swallow`: bytes vanish and the connection stays (half-open). `connections`: for so many new connections only (None: all).
    """

    latency_up: float = 0.0
    latency_down: float = 0.0
    cut_up_after: int | None = None
    cut_down_after: int | None = None
    reset: bool = False
    drip_down: float = 0.0
    drip_up: float = 0.0
    swallow_up: bool = False
    swallow_down: bool = False
    refuse: bool = False
    connections: int | None = None


HONEST = Toxic()


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes on to `host:port`. A context manager.

    `toxic` holds for connections that come from now on, and where it slows or swallows for those that are there, too.
    """

    def __init__(self, host, port):
        self._host, self._port_of = host, (lambda: port)
        self._toxic, self._left = HONEST, None
        self._lock = threading.Lock()
        self._pairs, self._ended = set(), set()
        #: How often each thing was done: `connections`, `refused`, `cut`, `reset`, `swallowed`, `delayed`, `dripped`.
        self.counts = dict.fromkeys(("connections", "refused", "cut", "reset", "swallowed", "delayed", "dripped"), 0)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._closed = False

    def upstream_of(self, port_of):
        """The server's port is known later: ask this for it."""
        self._port_of = port_of

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_all()

    # the levers

    def set(self, toxic=HONEST, **how):
        """From now on the way is like that; `set()` makes it good again. Connections that have been swallowed from stay lost."""
        with self._lock:
            self._toxic = Toxic(**how) if how else toxic
            self._left = self._toxic.connections

    @contextlib.contextmanager
    def bad(self, **how):
        """The way is like that for the block."""
        self.set(**how)
        try:
            yield
        finally:
            self.set()

    def drop_all(self, *, reset=True):
        """End every connection that there is now, by reset or politely. How many there were."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._end_pair(pair, reset=reset)
        self._count("reset" if reset else "cut", len(pairs))
        return len(pairs)

    # the way

    def _count(self, what, by=1):
        with self._lock:
            self.counts[what] += by

    def _accept(self):
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _toxic_for_new(self):
        with self._lock:
            if self._left is None:
                return self._toxic
            if self._left <= 0:
                return HONEST
            self._left -= 1
            return self._toxic

    def _serve(self, client):
        toxic = self._toxic_for_new()
        self._count("connections")
        if toxic.refuse:
            self._count("refused")
            _end(client, reset=True)
            return
        try:
            server = socket.create_connection((self._host, self._port_of()), timeout=5)
        except OSError:
            _end(client, reset=True)
            return
        server.settimeout(None)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (client, server)
        with self._lock:
            self._pairs.add(pair)
        up = threading.Thread(target=self._pass, args=(client, server, toxic, "up", pair), daemon=True)
        up.start()
        self._pass(server, client, toxic, "down", pair)
        up.join(1)
        with self._lock:
            self._pairs.discard(pair)
            self._ended.discard(pair)

    def _now(self, toxic):
        """A connection keeps what it was born with; what is set for all later also slows and swallows those that are there."""
        with self._lock:
            present = self._toxic if self._left is None else HONEST
        return present if toxic is HONEST else toxic

    def _pass(self, source, target, born, way, pair):
        passed = 0
        while piece := _next(source):
            toxic = self._now(born)
            if getattr(toxic, f"swallow_{way}"):
                self._count("swallowed")
                continue
            if latency := getattr(toxic, f"latency_{way}"):
                self._count("delayed")
                time.sleep(latency)
            limit = getattr(toxic, f"cut_{way}_after")
            if limit is not None and born is toxic and passed + len(piece) > limit:
                self._send(target, piece[: limit - passed], toxic, way)
                self._cut(pair, toxic)
                return
            passed += len(piece)
            if not self._send(target, piece, toxic, way):
                break
        if pair in self._ended:  # a polite end now would overtake the reset
            return
        for one, how in ((source, socket.SHUT_RD), (target, socket.SHUT_WR)):
            with contextlib.suppress(OSError):
                one.shutdown(how)
        if way == "down":
            for one in pair:
                one.close()

    def _cut(self, pair, toxic):
        self._count("reset" if toxic.reset else "cut")
        self._end_pair(pair, reset=toxic.reset)

    def _end_pair(self, pair, *, reset):
        with self._lock:
            self._ended.add(pair)
        for one in pair:
            _end(one, reset=reset)

    def _send(self, target, piece, toxic, way):
        try:
            if pause := getattr(toxic, f"drip_{way}"):
                self._count("dripped")
                for byte in piece:
                    target.sendall(bytes([byte]))
                    time.sleep(pause)
            else:
                target.sendall(piece)
        except OSError:
            return False
        return True


def _next(source):
    try:
        return source.recv(PIECE)
    except OSError:
        return b""


def _end(one, *, reset):
    with contextlib.suppress(OSError):
        if reset:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(
                socket.SHUT_RD
            )  # who reads from it wakes up; only then does the kernel let it go, with a reset
        else:
            one.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        one.close()
