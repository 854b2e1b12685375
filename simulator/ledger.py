"""What the simulator did, in order: the judge of every money test. An entry is never changed, and an attempt that failed leaves none."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from simulator.clock import rfc3339

LIMIT = 100_000


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

    def as_json(self) -> dict[str, Any]:
        """The answer of GET /_levers/ledger."""
        return {"entries": list(self._entries), "dropped": self._count - len(self._entries)}
