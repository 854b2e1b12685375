"""Runs contenders side by side: each round runs every one of them once, and every second round the other way about, so that no one always comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.outcome import Figure, Role

#: What one run showed, by what it is: (value, unit).
Shown = Mapping[str, tuple[float, str]]


@dataclass(frozen=True)
class Contender:
    """Somebody who is measured: `run` does it once."""

    name: str
    role: Role
    run: Callable[[], Shown]


@dataclass(frozen=True)
class Options:
    """How much is measured. `pairs` rounds of each comparison; `scale` shortens every run and every amount, to try it out: figures of less than 1 are worth nothing."""

    pairs: int = 5
    scale: float = 1.0

    def seconds(self, full: float) -> float:
        """So long, or shorter where we only try it out."""
        return max(0.3, full * self.scale)

    def amount(self, full: int, least: int = 1) -> int:
        """So many, or fewer."""
        return max(least, int(full * self.scale))


def interleave(contenders: Sequence[Contender], pairs: int) -> list[Figure]:
    """Run them all `pairs` times; every figure has one value a round."""
    taken: dict[tuple[str, str], list[float]] = {}
    units: dict[tuple[str, str], str] = {}
    for number in range(pairs):
        for one in contenders if number % 2 == 0 else reversed(contenders):
            for what, (value, unit) in one.run().items():
                taken.setdefault((one.name, what), []).append(value)
                units[one.name, what] = unit
    roles = {one.name: one.role for one in contenders}
    return [Figure(name, roles[name], what, units[name, what], values) for (name, what), values in taken.items()]
