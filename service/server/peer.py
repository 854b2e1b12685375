"""One connection of a client, and what came over it. Must never wait for the client, nor look into what it sends beyond its framing."""

from __future__ import annotations

import socket
import struct
from time import monotonic
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn

from service.server.framing import Frame, Limits


class TooSlowError(ParseException):  # type: ignore[misc]
    """A request whose end did not come in time."""

    def __init__(self) -> None:
        super().__init__("")


class Connection(TConn):  # type: ignore[misc]
    """`began` and `seen`: when the first and the last bytes of the present request came. `failure`: why it cannot be whole any more."""

    def __init__(self, *arguments: Any, limits: Limits) -> None:
        super().__init__(*arguments)
        self.data_ready = True  # gunicorn's own patience with a new connection is not needed
        self.drained = 0
        self._limits = limits
        self.expect_another()

    def expect_another(self) -> None:
        """The next request begins."""
        self.frame = Frame(self._limits)
        self.began = self.seen = monotonic()
        self.failure: ParseException | None = None
        self.told_to_go_on = False

    def take(self, piece: bytes) -> None:
        """What came, which may have waited for us."""
        self.seen = monotonic() - _age(self.sock)
        if not self.frame:
            self.began = self.seen
        self.frame.feed(piece)


def _age(connection: socket.socket) -> float:
    """Seconds since the kernel last heard of a TCP peer, be it only that it is there: it may have waited long to be taken (tcp(7), TCP_INFO)."""
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 56)
        return float(struct.unpack_from("=I", told, 52)[0]) / 1_000
    except (AttributeError, OSError, struct.error):
        return 0.0
