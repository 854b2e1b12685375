"""The words in which sinks, scanner and report speak with one another. Holds no logic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, repr=False)
class Piece:
    """A part of a sink that was read. `place` names it for a reader (`service.log`, `entries.image`, `pg_wal/00000001…`); `line` is the number of its
    first line, where lines count. `binary` says that it is no text: what stands in it by chance is not searched for in short windows.
    """

    place: str
    data: bytes
    line: int | None = None
    binary: bool = False


@dataclass(frozen=True)
class Hit:
    """Something was found that must not be there. Never holds the value: `context` is what stands around it, with every digit and every canary struck out."""

    case: str
    sink: str
    place: str
    line: int | None
    offset: int
    form: str
    context: str


class Sink(Protocol):
    """A place where something that was sent could stay. `id` is its number in the leak matrix, `S01` to `S30`, or `S31`, which is ours."""

    @property
    def id(self) -> str:
        """Its number."""

    @property
    def name(self) -> str:
        """What it is, in a few words."""

    def mark(self) -> None:
        """Remember where it ends now: `read` gives what came after. A sink that cannot tell gives everything."""

    def read(self) -> Iterable[Piece]:
        """What it holds. Raises SinkError where it cannot be read: a sink that is not read is not clean."""

    def plant(self, value: bytes) -> None:
        """Put a value there by hand, by the way that a leak would take, for the search to be tested. Raises SinkError where there is no such way."""


class SinkError(Exception):
    """A sink cannot be read, or planted; its text says why, in our own words."""
