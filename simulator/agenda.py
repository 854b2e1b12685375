"""What is due and when, in order. It must never act on a thing that was put off or forgotten since it was planned."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Hashable
from datetime import datetime


class Agenda:
    """One planned act per key, on a heap: a thousand renewals of a year cost no scan. Use it under the world's lock."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, int, Hashable]] = []
        self._planned: dict[Hashable, tuple[int, Callable[[], None]]] = {}
        self._turns = itertools.count(1)

    def plan(self, key: Hashable, moment: datetime, rank: int, act: Callable[[], None]) -> None:
        """Do `act` at that moment (UTC), instead of what was planned under the key; of one moment's acts the lowest rank is first."""
        turn = next(self._turns)
        self._planned[key] = (turn, act)
        heapq.heappush(self._heap, (moment, rank, turn, key))

    def forget(self, key: Hashable) -> None:
        """Nothing is planned under this key any more."""
        self._planned.pop(key, None)

    def next_moment(self, until: datetime) -> datetime | None:
        """When the earliest act is due, if it is due by then."""
        while self._heap:
            moment, _, turn, key = self._heap[0]
            if self._planned.get(key, (0,))[0] == turn:
                return moment if moment <= until else None
            heapq.heappop(self._heap)
        return None

    def perform(self, moment: datetime, limit: int) -> int:
        """Do what is due by that moment, at most `limit` acts; returns how many."""
        done = 0
        while done < limit and self.next_moment(moment) is not None:
            _, _, _, key = heapq.heappop(self._heap)
            _, act = self._planned.pop(key)
            act()
            done += 1
        return done
