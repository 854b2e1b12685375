"""A way to PostgreSQL that understands its protocol: it cuts a connection at the COMMIT of a certain transaction, and lets peers vanish.

The protocol is that of PostgreSQL's documentation, chapter "Frontend/Backend Protocol", version 3.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
from dataclasses import dataclass, field

from tests.faults.faults_proxy import Proxy, _end, _next

#: PostgreSQL's own words for the start of a connection.
SSL, GSS, CANCEL = 80877103, 80877104, 80877102
LOST, ANSWER_LOST = "the commit is lost", "the answer is lost"


@dataclass
class Cut:
    """Ends the connection at the COMMIT of the next transaction in which there was every text of `having` and none of `without`."""

    how: str
    having: tuple
    without: tuple = ()
    left: int = 1
    done: int = 0

    def is_meant(self, said):
        return all(any(text in one for one in said) for text in self.having) and not any(
            text in one for text in self.without for one in said
        )


@dataclass
class Talk:
    """One connection: what its client has prepared, and said since its transaction began."""

    begun: bool = False
    rest: bytes = b""
    prepared: dict = field(default_factory=dict)
    said: list = field(default_factory=list)
    cut: Cut | None = None


class DatabaseProxy(Proxy):
    """Between a stack's proxy and its PostgreSQL; `cuts` are what it is to do."""

    def __init__(self, host, port):
        super().__init__(host, port)
        self.cuts, self._talks = [], {}

    @contextlib.contextmanager
    def between(self, stage):
        """All of the stack's connections go this way."""
        with self:
            stage.to_database.upstream_of(lambda: self.port)
            stage.to_database.drop_all(reset=False)
            try:
                yield self
            finally:
                stage.to_database.upstream_of(lambda: stage.server.port)
                stage.to_database.drop_all(reset=False)

    def cut_next(self, how, having, without=(), times=1):
        """Order a cut; its `done` says how often it happened."""
        cut = Cut(how, having, without, left=times)
        self.cuts.append(cut)
        return cut

    def _pass(self, source, target, born, way, pair):
        with self._lock:
            talk = self._talks.setdefault(pair, Talk())
        if (self._up if way == "up" else self._down)(talk, source, target):
            self._count("reset")
            for one in pair:
                _end(one, reset=True)
        for one in pair:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        if way == "down":
            for one in pair:
                one.close()
            with self._lock:
                self._talks.pop(pair, None)

    def _up(self, talk, source, target):
        """Whether the connection is to be cut."""
        while piece := _next(source):
            passed = self._heard(talk, piece)
            with contextlib.suppress(OSError):
                target.sendall(passed)
            if talk.cut is not None and talk.cut.how == LOST:
                return True
        return False

    def _down(self, talk, source, target):
        """Whether the connection is to be cut: the server has answered the COMMIT, so that it is made."""
        while piece := _next(source):
            if talk.cut is not None:
                return True
            with contextlib.suppress(OSError):
                target.sendall(piece)
        return False

    def _heard(self, talk, piece):
        """What of it goes up: all of it, or what comes before a COMMIT that is to be lost."""
        before = len(talk.rest)
        talk.rest += piece
        while (message := _message(talk)) is not None:
            kind, body = message
            if self._is_commit(talk, kind, body):
                cut = self._ordered(talk)
                talk.said.clear()
                if cut is not None:
                    talk.cut = cut
                    if cut.how == LOST:
                        size = len(body) + 5
                        return piece[: max(0, len(piece) - size - len(talk.rest))] if before == 0 else b""
        return piece

    def _is_commit(self, talk, kind, body):
        text = _said(talk, kind, body)
        if text is None:
            return False
        if text.startswith(("BEGIN", "ROLLBACK")) and "SAVEPOINT" not in text:
            talk.said.clear()
        talk.said.append(text)
        return text.strip().rstrip(";").upper() == "COMMIT"

    def _ordered(self, talk):
        with self._lock:
            for cut in self.cuts:
                if cut.left and cut.is_meant(talk.said):
                    cut.left, cut.done = cut.left - 1, cut.done + 1
                    return cut
        return None


def _message(talk):
    """The next whole message of the client, taken off `rest`: its kind and its body. The start of a connection has no kind."""
    rest = talk.rest
    if not talk.begun:
        if len(rest) < 8:
            return None
        size, code = struct.unpack("!ii", rest[:8])
        if len(rest) < size:
            return None
        talk.rest, talk.begun = rest[size:], code not in {SSL, GSS, CANCEL}
        return "", b""
    if len(rest) < 5 or len(rest) < (size := 1 + struct.unpack("!i", rest[1:5])[0]):
        return None
    talk.rest = rest[size:]
    return chr(rest[0]), rest[5:size]


def _said(talk, kind, body):
    """The statement that a message runs, or None."""
    if kind == "Q":
        return body.rstrip(b"\0").decode()
    if kind == "P":
        name, text = body.split(b"\0")[:2]
        talk.prepared[name] = text.decode()
    if kind == "B":
        return talk.prepared.get(body.split(b"\0")[1])
    return None


# peers that vanish


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction))]


def vanish(one):
    """From now on this socket takes no packet any more, not even to acknowledge it: its machine has lost its power (socket(7), SO_ATTACH_FILTER)."""
    nothing = (_Instruction * 1)(_Instruction(0x06, 0, 0, 0))  # BPF_RET | BPF_K, 0: keep no byte of any packet
    program = _Program(1, ctypes.cast(nothing, ctypes.POINTER(_Instruction)))
    one.setsockopt(socket.SOL_SOCKET, 26, bytes(program))
