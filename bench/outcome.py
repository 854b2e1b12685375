"""What a row of the benchmarks found: figures of several runs each, goals over them, and what to draw. Pure; no time is taken here."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["ours", "floor", "peer", "check"]


@dataclass(frozen=True)
class Spread:
    """The median of some runs, the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ValueError where there is none."""
        if not values:
            raise ValueError("no run, no median")
        return cls(statistics.median(values), min(values), max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours over theirs, run by run: only what ran side by side is compared."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


@dataclass(frozen=True)
class Figure:
    """What one contender showed of one thing: `values` in `unit`, one a run. `check` is what says whether the others can be believed."""

    contender: str
    role: Role
    what: str
    unit: str
    values: Sequence[float]

    @property
    def spread(self) -> Spread:
        """Its median and limits."""
        return Spread.of(self.values)


@dataclass(frozen=True)
class Goal:
    """What was promised: the median of `values` is at most, or at least, `bound`. Without values it was not measured, and `why` says why."""

    text: str
    at: Literal["most", "least"]
    bound: float
    values: Sequence[float]
    unit: str = "x"
    why: str = ""

    @property
    def met(self) -> bool | None:
        """None: not measured."""
        if not self.values:
            return None
        middle = Spread.of(self.values).median
        return middle <= self.bound if self.at == "most" else middle >= self.bound


@dataclass(frozen=True)
class Line:
    """One line of a plot: points of x and y, in order of x."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """What is drawn as lines; both axes are logarithmic."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]


@dataclass
class Outcome:
    """All that a row found. `notes` are plain sentences: what could not be measured, and how it is known that the load was no bottleneck."""

    figures: list[Figure] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of(self, contender: str, what: str) -> Sequence[float]:
        """The values of one figure; none where there is no such figure."""
        return next((one.values for one in self.figures if (one.contender, one.what) == (contender, what)), ())

    def compare(self, ours: str, other: str, what: str) -> list[float]:
        """Ours over another's, run by run; none where one of them was not measured."""
        mine, theirs = self.of(ours, what), self.of(other, what)
        return ratios(mine, theirs) if mine and theirs else []
