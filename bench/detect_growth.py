"""How the time of the card scan grows with its input: for each hostile shape, the time of four times the input as a multiple of the time of it.

`python -m bench.detect_growth`; linear is 4. The peer of each figure is the same shape at a quarter of the size, in the same run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from service.cardguard.detect import holds_card, numbers_hold_card
from tests.support.hostile import HOSTILE

SIZE, TIMES, RUNS = 16 * 1024, 4, 5


def seconds(call: Callable[[Any], object], value: object) -> float:
    """The least processor time of some runs: what the work itself takes."""
    least = float("inf")
    for _ in range(RUNS):
        begun = time.process_time()
        call(value)
        least = min(least, time.process_time() - begun)
    return least


def main() -> None:
    """Print a line for each shape."""
    for name, shape in sorted(HOSTILE.items()):
        growth = seconds(holds_card, shape(SIZE * TIMES)) / seconds(holds_card, shape(SIZE))
        sys.stdout.write(f"{name:24} {growth:5.1f}\n")
    for piece in ("1", "47", "4444", "444444", "44444444"):
        small = [piece] * (SIZE // len(piece))
        growth = seconds(numbers_hold_card, small * TIMES) / seconds(numbers_hold_card, small)
        sys.stdout.write(f"pieces of {len(piece)} digits{'':8} {growth:5.1f}\n")


if __name__ == "__main__":
    main()
