"""Finds canaries in what sinks hold, however they were written down. A hit says where and in which form; nothing here may ever hold or say the value itself.

What is recognised, and how sure a find is: haystack.py and needles.py; what is not: `selftest.UNRECOGNISED`. Time grows with the size of the data
alone. With 30 canaries, on one core of a small and busy machine: 35 to 65 MB/s for the files of a PostgreSQL cluster and the memory of processes, 30
for random bytes, 40 for logs, 20 for text that is full of long numbers, 5 where every line has escapes or bytes in hexadecimal to be undone.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from service.evidence.canaries import Canary
from service.evidence.haystack import OVERLAP, Find, finds_in
from service.evidence.index import Index
from service.evidence.pieces import Hit, Piece
from service.evidence.unpacking import View, members, views

#: So many characters to each side are shown.
AROUND = 20
#: Compressed data in compressed data, and so on.
DEPTH = 3
#: So much of a word is struck out where a reader sees it cut off.
_REMNANT = 6
#: Chunks of a file repeat no more than this of the one before.
_REPEATED = 64 * 1024
_CHUNK = re.compile(r"(.+)\+([1-9][0-9]*)")
_UNSEEN = re.compile(r"[^ -~]")
_DIGIT = re.compile(r"\d")


#: Where a find begins and ends in its place, and what is around it.
_Spot = tuple[int, int, str]
_Stretch = tuple[int, int]


class Scanner:
    """Searches for these canaries. Raises ValueError for a canary that cannot be searched for."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._index = Index(canaries)
        words = self._index.words
        self._remnants = {word[at : at + _REMNANT] for word in words for at in range(len(word) - _REMNANT + 1)}

    def search(self, sink_id: str, pieces: Iterable[Piece]) -> list[Hit]:
        """Every place where a canary is, once, though pieces and forms overlap. Raises SinkError for a sink that cannot be searched to its end.

        A piece that is called `name+4096` goes on where one called `name` was after 4,096 bytes; offsets are counted from the beginning of the first.
        """
        told: dict[tuple[str, str], dict[_Spot, Hit]] = {}
        for piece in pieces:
            chunk = _CHUNK.fullmatch(piece.place)
            place, at = (chunk[1], int(chunk[2])) if chunk else (piece.place, 0)
            for find, line in self._with_lines(piece):
                hit = Hit(find.case, sink_id, place, line, at + find.start, find.form, find.around or "")
                repeats = at > 0 and find.start < _REPEATED
                spot = (hit.offset, at + find.end, f"{line} {hit.context}")
                _add(told.setdefault((hit.case, place), {}), spot, hit, repeats=repeats)
        return [hit for known in told.values() for hit in known.values()]

    def _with_lines(self, piece: Piece) -> Iterator[tuple[Find, int | None]]:
        line, seen = piece.line, 0
        for find in self._finds(piece.data, binary=piece.binary):
            if line is not None:
                line += piece.data.count(b"\n", seen, find.start)
                seen = find.start
            yield find, line

    def _finds(self, data: bytes, *, binary: bool, depth: int = 0) -> list[Find]:
        """All finds in the data and in what is packed in it, in order, each with its surroundings."""
        finds = list(finds_in(self._index, data, binary=binary))
        if not binary:
            for view in views(data):
                finds += self._undone(view)
        if depth < DEPTH:
            for start, end, name, part in members(data):
                inner = self._finds(part, binary=binary, depth=depth + 1)
                finds += [replace(one, start=start, end=end, form=f"{name}: {one.form}") for one in inner]
        return self._described(data, self._sifted(finds))

    def _undone(self, view: View) -> Iterator[Find]:
        found = finds_in(self._index, view.text, binary=False)
        for find in self._described(view.text, self._sifted(found)):
            start, end = view.span(find.start)
            yield replace(find, start=start, end=end, form=f"{find.form}, with escapes undone")

    def _sifted(self, finds: Iterable[Find]) -> list[Find]:
        """One find for each case and place: the one that has most of its needle. A part of a needle gives way to another's that has more of its own there."""
        clusters: dict[str, list[Find]] = {}
        for find in sorted(finds, key=lambda one: (one.start, -one.share)):
            for case in [find.case] if find.case else self._index.cases[find.owner]:
                last = clusters.setdefault(case, [])
                if last and find.start < last[-1].end:
                    last[-1] = max(last[-1], replace(find, case=case), key=lambda one: (one.share, one.start - one.end))
                else:
                    last.append(replace(find, case=case))
        ordered = sorted(
            (one for cluster in clusters.values() for one in cluster), key=lambda one: (one.start, one.end)
        )
        return [find for find in ordered if find.share == 1 or not _outdone(find, ordered)]

    def _described(self, data: bytes, finds: Sequence[Find]) -> list[Find]:
        taken = _union(finds)
        return [replace(find, around=find.around or self._around(data, find, taken)) for find in finds]

    def _around(self, data: bytes, find: Find, taken: Sequence[_Stretch]) -> str:
        """The characters before and after a find, without any digit, anything that is taken by finds, and any word that is searched for."""
        parts = []
        for start, end in ((max(find.start - AROUND, 0), find.start), (find.end, find.end + AROUND)):
            shown = bytearray(data[start:end])
            for place in range(bisect_right(taken, start, key=_end), bisect_left(taken, end, key=_start)):
                first, last = max(taken[place][0] - start, 0), min(taken[place][1] - start, len(shown))
                shown[first:last] = b"*" * (last - first)
            parts.append(self._struck(_DIGIT.sub("#", shown.decode("utf-8", "replace"))))
        return "***".join(_UNSEEN.sub(".", part) for part in parts)

    def _struck(self, text: str) -> str:
        """The text with stars for what belongs to a word that is searched for, though it is cut off."""
        low, shown = text.lower(), list(text)
        for start in range(len(low) - _REMNANT + 1):
            if low[start : start + _REMNANT] in self._remnants:
                shown[start : start + _REMNANT] = "*" * _REMNANT
        return "".join(shown)


def _add(known: dict[_Spot, Hit], spot: _Spot, hit: Hit, *, repeats: bool) -> None:
    """Keeps a hit that is new, and the longer of two that overlap, where a chunk repeats the last bytes of the one before."""
    start, end, _ = spot
    twins = [one for one in known if one[0] < end and start < one[1]] if repeats else []
    if any(end - start <= twin[1] - twin[0] for twin in twins):
        return
    for twin in twins:
        del known[twin]
    known.setdefault(spot, hit)


def _start(stretch: _Stretch) -> int:
    return stretch[0]


def _end(stretch: _Stretch) -> int:
    return stretch[1]


def _union(finds: Sequence[Find]) -> list[_Stretch]:
    """The bytes that finds (in order) take, as stretches that do not overlap."""
    taken: list[_Stretch] = []
    for find in finds:
        if taken and find.start < taken[-1][1]:
            taken[-1] = (taken[-1][0], max(taken[-1][1], find.end))
        else:
            taken.append((find.start, find.end))
    return taken


def _near(finds: Sequence[Find], start: int, end: int) -> Sequence[Find]:
    """Those of the finds (in order) that may overlap this stretch."""
    first = bisect_left(finds, start - OVERLAP, key=lambda one: one.start)
    return finds[first : bisect_left(finds, end, key=lambda one: one.start)]


def _outdone(find: Find, ordered: Sequence[Find]) -> bool:
    return any(
        other.owner != find.owner and other.share > find.share and other.start <= find.start and find.end <= other.end
        for other in _near(ordered, find.start, find.end)
    )
