"""Finds long enough pieces of many known texts in large data, at the speed of the interpreter's own loops. Knows nothing of cards, and keeps nothing it has seen.

How: the machine words of the data that begin at every fourth byte (eight bytes each) are looked up among the words that stand anywhere in the
texts. Whatever has eleven bytes in common with one of these holds such a word, wherever it begins; only there the bytes are compared one by one.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Strand:
    """A text that is searched for, or any part of it that is long enough.

    A part counts from `least` bytes on (0: only all of it). `tells(start, end)` says of such a part whether it says enough. `owner` is whose it is.
    """

    text: bytes
    form: str
    owner: int
    least: int = 0
    tells: Callable[[int, int], bool] | None = None

    def is_enough(self, start: int, end: int) -> bool:
        """Whether this part of the text is a find: all of it always is."""
        if end - start == len(self.text):
            return True
        return 0 < self.least <= end - start and (self.tells is None or self.tells(start, end))


@dataclass(frozen=True, repr=False)
class Match:
    """Where in the data, and what: `first` and `last` are the ends of the part of the strand that stands there."""

    start: int
    end: int
    strand: Strand
    first: int
    last: int

    @property
    def whole(self) -> bool:
        """Whether all of the strand is there."""
        return self.last - self.first == len(self.strand.text)


class Matcher:
    """Searches for strands. `size` is that of the words that are looked up (8 or 4 bytes), `stride` how far apart they are (4 or 8).

    Finds every common part of `shortest` bytes or more. Raises ValueError for a strand that is shorter than this.
    """

    def __init__(self, strands: Iterable[Strand], size: int = 8, stride: int = 4) -> None:
        self._size, self._stride = size, stride
        self.shortest = size + stride - 1
        self._places: dict[bytes, list[tuple[Strand, int]]] = defaultdict(list)
        for strand in strands:
            if len(strand.text) < self.shortest:
                raise ValueError("a strand is too short to be found")
            for offset in self._anchors(strand):
                self._places[strand.text[offset : offset + size]].append((strand, offset))
        self._words = {int.from_bytes(word, sys.byteorder): word for word in self._places}
        self._anchored = frozenset(self._words)

    def _anchors(self, strand: Strand) -> range:
        """Which words of a strand are looked up: all, or so many as lie in one telling part of it where only all of it counts."""
        text, places = strand.text, len(strand.text) - self._size + 1
        if strand.least:
            return range(places)
        begin = max(range(places - self._stride + 1), key=lambda at: len(set(text[at : at + self.shortest])))
        return range(begin, begin + self._stride)

    def matches(self, data: bytes) -> list[Match]:
        """All finds in the data, in the order of their beginnings."""
        found: list[Match] = []
        for word in self._present(data):
            self._follow(data, word, found)
        unique = {(one.start, one.end, id(one.strand)): one for one in found}
        return sorted(unique.values(), key=lambda one: (one.start, -one.end))

    def _present(self, data: bytes) -> list[bytes]:
        view, words = memoryview(data), set[int]()
        for start in range(0, self._size, self._stride):
            end = start + (len(data) - start) // self._size * self._size
            if start < end:
                part = view[start:end]
                words |= self._anchored.intersection(part.cast("Q") if self._size == 8 else part.cast("I"))
        return [self._words[word] for word in words]

    def _follow(self, data: bytes, word: bytes, found: list[Match]) -> None:
        """Every place of a word, with each strand that has it; a stretch that was compared already is not compared again."""
        done: dict[tuple[int, int], int] = {}
        for place in _places(data, word):
            for strand, offset in self._places[word]:
                line = (id(strand), place - offset)
                if done.get(line, -1) > place:
                    continue
                match = _extended(data, strand, place, offset) if strand.least else _all(data, strand, place - offset)
                if match is not None:
                    done[line] = match.end
                    if strand.is_enough(match.first, match.last):
                        found.append(match)


def _places(data: bytes, word: bytes) -> Iterator[int]:
    """Where a word stands. Of one that is a single sign repeated, only the ends of each run: inside it no more can be told."""
    if len(set(word)) == 1:
        for run in re.finditer(re.escape(word[:1]) + b"{%d,}" % len(word), data):
            yield from {run.start(), run.end() - len(word)}
        return
    place = data.find(word)
    while place >= 0:
        yield place
        place = data.find(word, place + 1)


def _all(data: bytes, strand: Strand, start: int) -> Match | None:
    if start < 0 or not data.startswith(strand.text, start):
        return None
    return Match(start, start + len(strand.text), strand, 0, len(strand.text))


def _extended(data: bytes, strand: Strand, place: int, offset: int) -> Match:
    text, shift = strand.text, place - offset
    first = offset
    while first > 0 and first + shift > 0 and data[first + shift - 1] == text[first - 1]:
        first -= 1
    last, end = offset + 1, min(len(text), len(data) - shift)
    while last < end and data[last + shift] == text[last]:
        last += 1
    return Match(first + shift, last + shift, strand, first, last)
