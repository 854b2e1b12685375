"""A process that measures when it is asked: small work is timed where its code lives, in turn with that of other processes. Standard library only.

`serve(works)` reads a name a line from standard input, and answers with the seconds that one call took, the least mean of some batches.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
#: A batch takes about so long: far above what a clock costs, far below what the system gives one process at a time.
BATCH_SECONDS, BATCHES = 0.02, 9

Works = Mapping[str, Callable[[], object]]


def least(work: Callable[[], object], seconds: float = BATCH_SECONDS, batches: int = BATCHES) -> float:
    """Seconds of one call: the least of some batches, since whatever disturbs only adds."""
    calls, taken = 1, 0.0
    while taken < seconds / 4:
        calls *= 2
        taken = _batch(work, calls)
    calls = max(1, int(calls * seconds / taken))
    return min(_batch(work, calls) for _ in range(batches)) / calls


def _batch(work: Callable[[], object], calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        work()
    return time.perf_counter() - begun


def serve(works: Works, counts: Works | None = None) -> None:
    """Until standard input ends. `counts` are done once, and answer a number of their own."""
    for line in sys.stdin:
        name = line.strip()
        found = counts[name]() if counts and name in counts else least(works[name])
        sys.stdout.write(f"{found!r}\n")
        sys.stdout.flush()


class Child:
    """Such a process. Raises RuntimeError where it does not answer."""

    def __init__(self, *arguments: str, python: Path | str = sys.executable, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [str(python), *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, name: str) -> float:
        """What it says of one of its works."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("it has no standard input")
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"it ended at {name}")
        return float(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)


def texts(groups: Sequence[str], work: Callable[[str], object]) -> Callable[[], object]:
    """One call is one text of them, in turn."""
    place = -1

    def one() -> object:
        nonlocal place
        place = (place + 1) % len(groups)
        return work(groups[place])

    return one
