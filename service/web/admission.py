"""Who may still call BlueSnap: a request that came in time, whose client is there, and that finds a slot. Everybody else is refused before anything is done.

gunicorn queues without bound, and goes on with a request whose client has hung up: it would charge customers who are gone. And were every thread to
wait for BlueSnap, nobody would take its notices. So a request that calls BlueSnap takes one of a few slots, without waiting; the rest of the threads is for
what ends at once.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any

from service.bluesnap.deadlines import held_to
from service.config import Settings
from service.errors import Code, Refusal
from service.telemetry import metrics

#: Seconds after which another try may find a slot.
AGAIN = 2
#: poll(2): the peer has shut down its side, closed or reset the connection. Linux tells of the first even behind bytes that are not read yet.
_GONE = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


@dataclass(frozen=True)
class Arrival:
    """When a request's first byte came, and its last one, by the monotonic clock."""

    began: float
    ended: float


_ARRIVAL: ContextVar[Arrival | None] = ContextVar("arrival", default=None)


def arrived(began: float, ended: float) -> None:
    """The request that this thread begins with came then. The server knows; without one a request has come now."""
    _ARRIVAL.set(Arrival(began, ended))


class Admission:
    """The slots of one process. `admitted` is for requests that call BlueSnap, and for nothing else."""

    def __init__(self, settings: Settings) -> None:
        # a developer's service may have one thread only; outside the simulator such settings are refused
        self._slots = threading.BoundedSemaphore(max(1, settings.threads - settings.reserved_threads))
        self._wait, self._whole = settings.wait_seconds, settings.request_seconds

    @contextmanager
    def admitted(self, connection: Any) -> Iterator[None]:
        """The block may call BlueSnap, until the request's own deadline. `connection`: the client's socket, if there is one. Raises Refusal."""
        if not self._slots.acquire(blocking=False):
            raise _turned_away("slots", Refusal(Code.OVERLOADED, retry_after=AGAIN))
        try:
            arrival = _ARRIVAL.get()
            now = monotonic()
            if arrival is not None and now - arrival.ended > self._wait:
                raise _turned_away("late", Refusal(Code.OVERLOADED, retry_after=AGAIN))
            if is_gone(connection):
                raise _turned_away("gone", Refusal(Code.CLIENT_GONE))
            with held_to((arrival.began if arrival is not None else now) + self._whole):
                yield
        finally:
            self._slots.release()


def is_gone(connection: Any) -> bool:
    """Whether the client has closed the connection, or its side of it: as HTTP servers commonly do, one that says no more is taken for one that is gone."""
    if connection is None:
        return False
    watch = select.poll()
    try:
        watch.register(connection, _GONE)
    except (OSError, ValueError):  # closed on our side
        return True
    return bool(watch.poll(0))


def _turned_away(reason: str, refusal: Refusal) -> Refusal:
    metrics.TURNED_AWAY.labels(reason=reason).inc()
    return refusal
