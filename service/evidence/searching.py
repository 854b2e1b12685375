"""Searches every sink for every canary, and tells what belongs there from what leaked. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from service.evidence import belongings
from service.evidence.canaries import Canary
from service.evidence.naming import named_fields
from service.evidence.pieces import Hit, Piece, Sink, SinkError
from service.evidence.scanner import Scanner

#: What is said to BlueSnap has its own names: `creditCardInfo` for where a payment-fields token stands.
_BLUESNAPS = frozenset({"S12"})
#: No field has so long a name; a signature in base64 has 43 characters before its equals sign, and any three letters in them by chance.
_NAMES_END = 40


@dataclass(frozen=True)
class Searched:
    """What became of one sink: how much of it was read, what leaked into it, how often something was found that belongs there, and why it could not be read, if so.

    `named` are names of card data that a structure in it has, whatever their values.
    """

    id: str
    name: str
    pieces: int
    size: int
    seconds: float
    leaks: tuple[Hit, ...]
    belonging: int
    error: str = ""
    named: tuple[Hit, ...] = ()


class _Counted:
    """The pieces of a sink on their way to the scanner, counted, and the names in them looked at."""

    def __init__(self, sink: str) -> None:
        self._sink = sink
        self.pieces = self.size = 0
        self.named: list[Hit] = []

    def through(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            self.pieces += 1
            self.size += len(piece.data)
            if not piece.binary and self._sink not in _BLUESNAPS:
                self.named += _named(self._sink, piece)
            yield piece


def _named(sink: str, piece: Piece) -> list[Hit]:
    """Names of card data in a piece. What stands in brackets in its place is the case, which has names of its own; what is as long as a signature is none."""
    found = named_fields(sink, replace(piece, place=piece.place.partition(" (")[0]))
    return [replace(hit, place=piece.place) for hit in found if len(hit.context) < _NAMES_END]


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
        counted, began, error, hits = _Counted(sink.id), time.monotonic(), "", list[Hit]()
        try:
            pieces = self._accounts.without(sink.id, counted.through(sink.read()))
            hits = self._scanner(sink).search(sink.id, pieces)
        except SinkError as failed:
            error = str(failed)
        leaks = tuple(hit for hit in hits if not belongings.belongs(hit))
        return Searched(
            sink.id,
            sink.name,
            counted.pieces,
            counted.size,
            time.monotonic() - began,
            leaks,
            len(hits) - len(leaks),
            error,
            tuple(counted.named),
        )
