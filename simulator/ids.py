"""Numbers for everything that BlueSnap numbers. One must never come twice: not within a run, and not after a restart, because the service's database outlives this process."""

from __future__ import annotations

import time
from datetime import UTC, datetime

_EPOCH_MS = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
# Above 2^31, so that no client can keep one in 32 bits (bluesnap/variants.md section 4).
_FLOOR = 2_200_000_000


class Ids:
    """One rising sequence for all kinds of things, of at most twelve digits until the year 2055.

    It follows the real clock in milliseconds, so a later process starts above everything an earlier one gave out,
    unless that one made more than a thousand a second all its life. The simulator's own clock has no say.
    """

    def __init__(self) -> None:
        self._last = _FLOOR

    def next(self) -> int:
        """A number never given before. Call it under the world's lock."""
        self._last = max(self._last + 1, _FLOOR + int(time.time() * 1000) - _EPOCH_MS)
        return self._last
