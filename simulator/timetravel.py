"""Moving the clock, and what falls due on the way: in order, each at its own moment with its notices sent before the clock goes on. It must never hold the world's lock while a notice is under way."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.world import World

# How long the clock waits for the answer to one notice before it goes on without it.
PATIENCE = 5.0
# What falls due at one moment happens in portions, so that callers get their turn in between.
_PORTION = 100


def move(world: World, target: datetime) -> int:
    """Set the clock. Forward, everything due by `target` happens; back, only the reading changes. Returns how many fell due."""
    with world.moving:
        happened = _happen(world, target) if target > world.clock.now() else 0
        world.clock.move_to(max(target, world.clock.now()) if happened else target)
        return happened


def catch_up(world: World) -> int:
    """Let happen what real time has made due."""
    with world.moving:
        return _happen(world, world.clock.now())


def _happen(world: World, target: datetime) -> int:
    happened = 0
    while True:
        with world.lock:
            moment = world.agenda.next_moment(target)
            if moment is None:
                return happened
            if moment > world.clock.now():
                world.clock.move_to(moment)
            happened += world.agenda.perform(moment, _PORTION)
        world.outbox.settle(PATIENCE)


class Ticker:
    """A thread that lets things fall due as real time passes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()

    def start(self) -> None:
        """Look once a second."""
        threading.Thread(target=self._run, name="ticker", daemon=True).start()

    def stop(self) -> None:
        """End at the next look."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(timedelta(seconds=1).total_seconds()):
            catch_up(self._world)
