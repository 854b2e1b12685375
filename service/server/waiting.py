"""Connections that wait for their client, each in one place and until a moment. Knows nothing of what is sent over them."""

from __future__ import annotations

import enum
import selectors
from collections.abc import Callable
from time import monotonic
from typing import Any

from service.server.peer import Connection


class Place(enum.Enum):
    """What a connection waits for."""

    IDLE = enum.auto()
    SENDING = enum.auto()
    CLOSING = enum.auto()


class Waiting:
    """Who waits where. In each place whoever came first has to leave first: all of one place have the same time, or less as time goes on."""

    def __init__(self, poller: selectors.BaseSelector) -> None:
        self._poller = poller
        self._until: dict[Place, dict[Connection, float]] = {place: {} for place in Place}

    def put(self, connection: Connection, place: Place, seconds: float, call: Callable[[Connection], None]) -> None:
        """Into a place for so many seconds at most; `call` whenever something has come."""
        connection.sock.settimeout(0)
        self._until[place][connection] = monotonic() + seconds
        self._poller.register(connection.sock, selectors.EVENT_READ, _Ready(call, connection))

    def move(self, connection: Connection, place: Place, seconds: float) -> None:
        """Into another place, where the same is called."""
        self._leave(connection)
        self._until[place][connection] = monotonic() + seconds

    def take(self, connection: Connection) -> None:
        """It waits no longer, if it did."""
        if self._leave(connection):
            self._poller.unregister(connection.sock)

    def is_in(self, connection: Connection, place: Place) -> bool:
        """Whether it waits there."""
        return connection in self._until[place]

    def first(self, place: Place) -> Connection | None:
        """Who has been there longest."""
        return next(iter(self._until[place]), None)

    def over(self, place: Place) -> list[Connection]:
        """Whose time there is over."""
        now, found = monotonic(), []
        for connection, until in self._until[place].items():
            if until > now:
                break
            found.append(connection)
        return found

    def cap(self, place: Place, seconds: float) -> None:
        """Nobody who is there now stays longer than that."""
        latest = monotonic() + seconds
        for connection, until in self._until[place].items():
            self._until[place][connection] = min(until, latest)

    def soonest(self, most: float) -> float:
        """Seconds until somebody's time is over; at most so many."""
        firsts = [next(iter(held.values())) for held in self._until.values() if held]
        return min(max(min(firsts, default=monotonic() + most) - monotonic(), 0.0), most)

    def _leave(self, connection: Connection) -> bool:
        return any(held.pop(connection, None) is not None for held in self._until.values())


class _Ready:
    """What gunicorn's loop calls with the socket."""

    def __init__(self, call: Callable[[Connection], None], connection: Connection) -> None:
        self._call, self._connection = call, connection

    def __call__(self, _socket: Any) -> None:
        self._call(self._connection)
