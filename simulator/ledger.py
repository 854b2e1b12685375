"""What the simulator did, in order: the judge of every money test. An entry is never changed, and an attempt that failed leaves none."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from itertools import islice
from typing import Any

from simulator.clock import rfc3339

# A year of ten thousand monthly subscriptions, with what is changed about them.
LIMIT = 300_000


class Ledger:
    """An append-only list of at most LIMIT entries; `dropped` counts the oldest ones that were let go."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=LIMIT)
        self._count = 0

    def record(self, kind: str, thing_id: object, at: datetime, **facts: object) -> None:
        """Add one entry; ids are written as text, and facts that are None are left out."""
        self._count += 1
        entry = {"n": self._count, "at": rfc3339(at), "kind": kind, "id": str(thing_id)}
        self._entries.append(entry | {name: fact for name, fact in facts.items() if fact is not None})

    def as_json(self, since: int = 0) -> dict[str, Any]:
        """The answer of GET /_levers/ledger: the entries after number `since`."""
        dropped = self._count - len(self._entries)
        return {"entries": list(islice(self._entries, max(since - dropped, 0), None)), "dropped": dropped}
