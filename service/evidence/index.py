"""All needles of a run of canaries, sorted by the stream in which they are looked for. Made once, for a whole search; must never be printed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from service.evidence import needles
from service.evidence.canaries import Canary
from service.evidence.matching import Matcher, Strand

#: The streams, with size and stride of the words that are looked up in each.
STREAMS = {"digits": (8, 4), "letters": (8, 4), "high": (8, 8), "packed": (4, 4)}
_SHORTEST = {name: size + stride - 1 for name, (size, stride) in STREAMS.items()}
#: Of a word as it stands, so many letters and digits in a row are a find, if it has more. In every other form, only all of it is.
_WORD_PART = 16
#: Words with fewer signs stand anywhere.
_SHORTEST_WORD = 4
_NUMBER_LENGTHS = range(12, 20)


class Index:
    """The needles of these canaries. Raises ValueError for a number that is none, and for a word that is too short to be searched for."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        #: An owner's cases: those that sent the same number, or the same text.
        self.cases: list[list[str]] = []
        self.words: set[str] = set()
        #: Eight telling digits: whose they are, and where they stand in which number.
        self.windows: dict[bytes, list[tuple[int, str, int]]] = defaultdict(list)
        #: What is too short or too odd for a stream: searched for in the data as it is, in lower case.
        self.direct: dict[bytes, tuple[str, int]] = {}
        self._strands: dict[str, dict[tuple[bytes, int], Strand]] = {name: {} for name in STREAMS}
        self._owners: dict[tuple[str, object], int] = {}
        for canary in canaries:
            if canary.word:
                self._add_word(canary)
            else:
                self._add_number(canary)
        self.matchers = {name: Matcher(strands.values(), *STREAMS[name]) for name, strands in self._strands.items()}

    def _owner(self, kind: str, text: object, case: str) -> int:
        owner = self._owners.setdefault((kind, text), len(self.cases))
        if owner == len(self.cases):
            self.cases.append([])
        if case not in self.cases[owner]:
            self.cases[owner].append(case)
        return owner

    def _add(self, stream: str, strand: Strand) -> None:
        self._strands[stream].setdefault((strand.text, strand.owner), strand)

    def _add_number(self, canary: Canary) -> None:
        number = canary.text
        if not (number.isascii() and number.isdecimal() and len(number) in _NUMBER_LENGTHS):
            raise ValueError(f"the number of {canary.case} is no card number; a text is a canary with word=True")
        owner = self._owner("number", number, canary.case)
        if len(self.cases[owner]) == 1:
            self._add_writings(number, owner)
        if canary.sent:
            sent = self._owner("sent", canary.sent, canary.case)
            for text, form in needles.stored(needles.excerpt(canary.sent)):
                self._add_literal(text, f"as sent, {form}".removesuffix(", "), sent, number.encode())

    def _add_writings(self, number: str, owner: int) -> None:
        makers = (needles.number_digits, needles.number_letters, needles.number_high, needles.number_packed)
        for stream, make in zip(STREAMS, makers, strict=True):
            for strand in make(number, owner):
                self._add(stream, strand)
        for start in needles.windows(number):
            self.windows[number[start : start + needles.SHORT].encode()].append((owner, number, start))

    def _add_literal(self, text: bytes, form: str, owner: int, number: bytes) -> None:
        """What was sent, as it is somewhere stored; not what differs from the number by its separators only, which are left out of every stream."""
        if needles.letters_of(text) == number and not needles.high_of(text):
            return
        found = needles.strand_of(text, form, owner, _SHORTEST)
        if found is not None and found[1].text != number:
            self._add(*found)
        elif found is None and len(set(text)) >= 8:
            self.direct.setdefault(text.lower(), (form, owner))

    def _add_word(self, canary: Canary) -> None:
        if len(canary.text) < _SHORTEST_WORD:
            raise ValueError(f"the word of {canary.case} is too short to be searched for; see naming.short_values")
        owner = self._owner("word", canary.text, canary.case)
        self.words.add(canary.text.lower())
        literal = [(canary.sent, "as sent")] if canary.sent else []
        for text, form in [*needles.word_forms(canary.text), *literal]:
            found = needles.strand_of(text, form or "as it stands", owner, _SHORTEST)
            if found is None:
                self.direct.setdefault(text.lower(), (form or "as it stands", owner))
                continue
            name, strand = found
            in_part = not form and len(strand.text) > _WORD_PART and not canary.text.isdecimal()
            self._add(name, replace(strand, least=_WORD_PART if in_part else 0))
