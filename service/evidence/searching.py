"""Searches every sink for every canary, and tells what belongs there from what leaked. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from service.evidence import belongings
from service.evidence.canaries import Canary
from service.evidence.pieces import Hit, Piece, Sink, SinkError
from service.evidence.scanner import Scanner


@dataclass(frozen=True)
class Searched:
    """What became of one sink: how much of it was read, what leaked into it, how often something was found that belongs there, and why it could not be read, if so."""

    id: str
    name: str
    pieces: int
    size: int
    seconds: float
    leaks: tuple[Hit, ...]
    belonging: int
    error: str = ""


class _Counted:
    """The pieces of a sink on their way to the scanner, counted."""

    def __init__(self) -> None:
        self.pieces = self.size = 0

    def through(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            self.pieces += 1
            self.size += len(piece.data)
            yield piece


class Search:
    """A search for these canaries. Where a thing belongs it is not searched for, but for those of `controls`: found there, they show that the search sees."""

    def __init__(self, canaries: Sequence[Canary], controls: Sequence[Canary] = ()) -> None:
        self._canaries, self._controls = list(canaries), {one.text for one in controls}
        self._accounts = belongings.Accounts(canaries)
        self._scanners: dict[frozenset[str], Scanner] = {}

    def _scanner(self, sink: Sink) -> Scanner:
        """One that knows what must not be in this sink. Sinks that may hold the same share it."""
        at_home = frozenset(kind.name for kind in belongings.KINDS if belongings.holds(kind, sink.id))
        if at_home not in self._scanners:
            stray = [
                one
                for one in self._canaries
                if one.text in self._controls or belongings.kind_of(one.case).name not in at_home
            ]
            self._scanners[at_home] = Scanner(stray)
        return self._scanners[at_home]

    def of(self, sink: Sink) -> Searched:
        """One sink, read to its end. A sink that cannot be read is said to be so, and is not clean."""
        counted, began, error, hits = _Counted(), time.monotonic(), "", list[Hit]()
        try:
            pieces = self._accounts.without(sink.id, counted.through(sink.read()))
            hits = self._scanner(sink).search(sink.id, pieces)
        except SinkError as failed:
            error = str(failed)
        leaks = tuple(hit for hit in hits if not belongings.belongs(hit))
        seconds = time.monotonic() - began
        return Searched(sink.id, sink.name, counted.pieces, counted.size, seconds, leaks, len(hits) - len(leaks), error)
