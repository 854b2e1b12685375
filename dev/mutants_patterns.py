"""Changes of one regular expression as it stands in source text: parts left out, borders moved, negations turned. Mutation tools pass over these. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: What makes a text a pattern to us: a set, a group with a sign, an anchor, a count.
LOOKS_LIKE = re.compile(r"\[[^\]]+\]|\(\?|\^|\$|\{[0-9]")
_PIECE = re.compile(r"(?P<prefix>[A-Za-z]*)(?P<quote>\"\"\"|'''|\"|')")
_COUNT = re.compile(r"\{([0-9]*)(?:(,)([0-9]*))?\}")
_TURNED = {
    r"\W": r"\w", r"\w": r"\W", r"\s": r"\S", r"\S": r"\s", r"\d": r"\D", r"\D": r"\d",
    "(?=": "(?!", "(?!": "(?=", "(?<=": "(?<!", "(?<!": "(?<=",
}  # fmt: skip
_OPENING = re.compile(r"\(\?P<[a-z_]+>|\(\?<?[=!]|\(\?[a-z-]*:|\(")
_NAMED_COUNT = "{}"


@dataclass(frozen=True)
class Atom:
    """One sign of a pattern and where it stands in the source; what is put in by braces of an f-string is one atom of the text `{}`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Edit:
    """Source between these places becomes this text; `meaning` says what kind of change it is. Further places become nothing."""

    meaning: str
    start: int
    end: int
    text: str
    away: tuple[tuple[int, int], ...] = ()

    def apply(self, source: str) -> str:
        """The source with the edit made."""
        for start, end in reversed(self.away):
            source = source[:start] + source[end:]
        return source[: self.start] + self.text + source[self.end :]


def atoms(literals: list[tuple[int, str]]) -> list[Atom]:
    """The signs of string literals that stand one after the other: of each its place in the source, and its source."""
    found: list[Atom] = []
    for place, literal in literals:
        opening = _PIECE.match(literal)
        if opening is None:
            continue
        quote = opening["quote"]
        formatted = "f" in opening["prefix"].lower()
        found += _signs(literal, opening.end(), len(literal) - len(quote), formatted=formatted, place=place)
    return found


def _signs(literal: str, at: int, end: int, *, formatted: bool, place: int) -> Iterator[Atom]:
    while at < end:
        size, text = 1, literal[at]
        if text == "\\":
            size, text = 2, literal[at : at + 2]
        elif formatted and text in "{}":
            if literal[at + 1] == text:
                size = 2
            else:
                size, text = literal.index("}", at) + 1 - at, _NAMED_COUNT
        yield Atom(text, place + at, place + at + size)
        at += size


class Pattern:
    """A pattern taken apart. `edits` are all its changes."""

    def __init__(self, signs: list[Atom]) -> None:
        self.signs = signs
        self.edits: list[Edit] = []
        self.at = 0
        while self.at < len(signs):  # a closing bracket too many is text of another language around the pattern
            self._branches()
            self.at += 1

    def _text(self, start: int, end: int) -> str:
        return "".join(sign.text for sign in self.signs[start:end])

    def _change(self, meaning: str, start: int, end: int, text: str = "") -> None:
        """Signs from `start` to before `end` become `text`, written as an f-string or a plain one needs it."""
        spans: list[tuple[int, int]] = []
        for sign in self.signs[start:end]:
            if spans and spans[-1][1] == sign.start:
                spans[-1] = (spans[-1][0], sign.end)
            else:
                spans.append((sign.start, sign.end))
        first, *others = spans
        self.edits.append(Edit(meaning, *first, text, tuple(others)))

    def _branches(self) -> None:
        """Alternatives up to the bracket that closes them or the end."""
        starts, run = [self.at], None
        while self.at < len(self.signs) and self.signs[self.at].text != ")":
            before = self.at
            if self.signs[before].text == "|":
                self.at += 1
                starts.append(self.at)
                run = None
                continue
            literal = self._item()
            if literal and run is None:
                run = before
            if run is not None and (not literal or self._ends_here()):
                self._change("letters left out", run, self.at if literal else before)
                run = None
        self._alternatives([*starts, self.at + 1])

    def _ends_here(self) -> bool:
        return self.at >= len(self.signs) or self.signs[self.at].text in ")|"

    def _alternatives(self, starts: list[int]) -> None:
        for place in range(len(starts) - 1 if len(starts) > 2 else 0):
            start, end = starts[place], starts[place + 1]
            last = place == len(starts) - 2
            self._change("alternative left out", start - 1 if last else start, end - 1 if last else end)

    def _item(self) -> bool:
        """One item with its count; whether it is a plain sign without one."""
        start = self.at
        text = self.signs[start].text
        if text == "[":
            self._set()
        elif text == "(":
            self._group()
        else:
            self.at += 1
            if text in "^$":
                self._change("anchor left out", start, self.at)
            elif text in _TURNED:
                self._change("kind turned", start, self.at, _TURNED[text])
        counted = self._count()
        return not counted and text not in "[(^$." and text not in _TURNED

    def _group(self) -> None:
        start = self.at
        opening = _OPENING.match(self._text(start, start + 24))
        size = len(opening.group()) if opening else 1
        self.at += size
        self._branches()
        self.at += 1
        text = self._text(start, start + size)
        if text in _TURNED:
            self._change("look turned", start, start + size, _TURNED[text])
            self._change("look left out", start, min(self.at, len(self.signs)))

    def _set(self) -> None:
        """A set of signs: `[` `^` members `]`."""
        self.at += 1
        if self.signs[self.at].text == "^":
            self._change("set turned", self.at, self.at + 1)
            self.at += 1
        else:
            self._change("set turned", self.at - 1, self.at, "[^")
        members: list[tuple[int, int]] = []
        while self.signs[self.at].text != "]" or not members:
            ranged = self.signs[self.at + 1].text == "-" and self.signs[self.at + 2].text != "]"
            members.append((self.at, self.at + (3 if ranged else 1)))
            self.at = members[-1][1]
        for start, end in members:
            if len(members) > 1:
                self._change("member left out", start, end)
            if end - start == 3:
                self._range(start)
        self.at += 1

    def _range(self, start: int) -> None:
        low, high = self.signs[start].text, self.signs[start + 2].text
        for place, text in (
            (start, _next(low, 1)),
            (start, _next(low, -1)),
            (start + 2, _next(high, 1)),
            (start + 2, _next(high, -1)),
        ):
            if text:
                self._change("border moved", place, place + 1, text)

    def _count(self) -> bool:
        """A count behind an item, if there is one."""
        if self.at >= len(self.signs):
            return False
        start = self.at
        text = self.signs[start].text
        if text in "?*+":
            self.at += 1
            others = {"?": ("",), "*": ("+", ""), "+": ("*", "")}[text]
            for other in others:
                self._change("count changed", start, self.at, other)
            return True
        if text != "{":
            return False
        end = start
        while self.signs[end].text != "}":
            end += 1
        self.at = end + 1
        for place in range(start + 1, end):
            self._number(place, start + 1, end)
        return True

    def _number(self, place: int, first: int, end: int) -> None:
        """Counts one more and one less, at the first sign of each number in braces."""
        if not self.signs[place].text.isdigit() or (place > first and self.signs[place - 1].text.isdigit()):
            return
        stop = place
        while stop < end and self.signs[stop].text.isdigit():
            stop += 1
        number = int(self._text(place, stop))
        for other in (number + 1, number - 1):
            if other >= 0:
                self._change("count changed", place, stop, str(other))


def _next(sign: str, step: int) -> str:
    """The neighbour of a digit or letter, empty where there is none of its kind."""
    other = chr(ord(sign) + step) if len(sign) == 1 else ""
    return other if other.isascii() and other.isalnum() and other.isdigit() == sign.isdigit() else ""
