"""Tests the search before it is believed: every way of writing is planted in made-up material, a number and a word in every sink, and all must be found. Leaks nothing: plants published test numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from service.evidence.canaries import NUMBERS, Canary, marker
from service.evidence.naming import named_fields
from service.evidence.pieces import Hit, Piece, Sink, SinkError
from service.evidence.scanner import Scanner
from service.evidence.writings import ANYWHERE, IN_BINARY, IN_TEXT, NAMES, UNRECOGNISED, Writing

__all__ = ["UNRECOGNISED", "Failure", "Settling", "Tested", "check_forms", "check_sinks", "run"]

_FORM = "made-up material"


@dataclass(frozen=True)
class Failure:
    """A sink (its id) or a way of writing in which something planted was not found, and why that is so, without the value."""

    sink_or_form: str
    why: str


@dataclass(frozen=True)
class Tested:
    """What was not found: why, by sink and by way of writing. Nothing, if the search can be believed."""

    sinks: dict[str, str] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)


class Settling(Protocol):
    """A running copy of the system that can say when nothing is under way any more."""

    def settle(self) -> None:
        """Wait until then."""


def run(stand: Settling, sinks: Iterable[Sink], declared: Mapping[str, str] | None = None) -> Tested:
    """The whole self-test, as `check_sinks` and `check_forms` say it."""
    found = check_sinks(sinks, declared=declared, settle=stand.settle)
    return Tested(_by_name(found), _by_name(check_forms()))


def _by_name(failures: Iterable[Failure]) -> dict[str, str]:
    whys: dict[str, str] = {}
    for one in failures:
        whys[one.sink_or_form] = "; ".join(filter(None, [whys.get(one.sink_or_form), one.why]))
    return whys


def check_forms() -> list[Failure]:
    """Plants each way of writing of each test number in text and among random bytes, and names of card data in structures; says which were not found, or
    not where and whose they are.
    """
    failures: dict[str, Failure] = {}
    scanner = Scanner(Canary(number, number) for number in NUMBERS)
    for writings, kinds in ((ANYWHERE, (False, True)), (IN_TEXT, (False,)), (IN_BINARY, (True,))):
        for name, write in writings.items():
            for binary in kinds:
                for turn, number in enumerate(NUMBERS):
                    why = _form_failure(scanner, number, write, (turn, binary))
                    if why:
                        failures.setdefault(name, Failure(name, why))
    return [*failures.values(), *_check_names()]


def _check_names() -> Iterator[Failure]:
    """What is too short to be searched for by its value is known by its name."""
    for name, data in NAMES.items():
        hits = named_fields(_FORM, Piece(_FORM, data, 1))
        if [hit.line for hit in hits] != [1 + data.count(b"\n")]:
            yield Failure(name, "its name was not found in its place")


def _form_failure(scanner: Scanner, number: str, write: Writing, how: tuple[int, bool]) -> str:
    """Why a planted number was not found as it should be; empty if it was. `how` is at which shift, and whether among random bytes."""
    shift, binary = how
    chance = random.Random(f"{number}{shift}")  # noqa: S311 - the same material every time
    planted = write(number)
    before, after = _material(chance, binary=binary, size=200 + shift), _material(chance, binary=binary, size=200)
    piece = Piece(_FORM, before + planted + after, 1, binary)
    hits = scanner.search(_FORM, [piece])
    kind = "among random bytes" if binary else "in text"
    if not hits:
        return f"was not found {kind}, {len(number)} digits long"
    if {hit.case for hit in hits} != {number}:
        return f"was taken for another number {kind}"
    if not all(_is_in_place(hit, piece.data, len(before), len(planted)) for hit in hits):
        return f"was not found in its place {kind}"
    return "was shown" if any(any(sign.isdigit() for sign in hit.context) for hit in hits) else ""


def _is_in_place(hit: Hit, data: bytes, start: int, size: int) -> bool:
    """Whether a hit is where the number was planted, or in the line in which it was."""
    line = data.rfind(b"\n", 0, start) + 1
    return min(line, start) <= hit.offset < start + size and hit.line == 1 + data.count(b"\n", 0, hit.offset)


def _material(chance: random.Random, *, binary: bool, size: int) -> bytes:
    """Random bytes without a digit next to what is planted, or lines of a log."""
    if binary:
        return b"\xff" + chance.randbytes(size) + b"\xff\xfe\xff"
    lines = [
        f'{{"time": "2026-01-01T00:00:{chance.randrange(60):02}Z", "id": "{marker(chance)}"}}'
        for _ in range(size // 50)
    ]
    return ("\n".join(["", *lines, "", ' "'[: 1 + size % 2]])).encode()


def check_sinks(
    sinks: Iterable[Sink], *, declared: Mapping[str, str] | None = None, settle: Callable[[], None] | None = None
) -> list[Failure]:
    """Plants a number and a new word in each sink, reads it, and says which were not found there.

    `declared` gives the reasons why nothing can be planted in some sinks (by id): those alone are passed over. `settle` is called between planting and
    reading, for sinks that are written late.
    """
    failures: list[Failure] = []
    for turn, sink in enumerate(sinks):
        failures += _sink_failures(sink, NUMBERS[turn % len(NUMBERS)], declared or {}, settle)
    return failures


def _sink_failures(
    sink: Sink, number: str, declared: Mapping[str, str], settle: Callable[[], None] | None
) -> Iterator[Failure]:
    word = marker()
    try:
        sink.mark()
    except SinkError as error:
        yield Failure(sink.id, f"cannot be marked: {error}")
        return
    try:
        sink.plant(f"{word} {number}".encode())
    except SinkError as error:
        if sink.id not in declared:
            yield Failure(sink.id, f"cannot be planted: {error}")
        return
    if settle is not None:
        settle()
    yield from _missing(sink, {"number": Canary("number", number), "word": Canary("word", word, word=True)})


def _missing(sink: Sink, planted: Mapping[str, Canary]) -> Iterator[Failure]:
    try:
        hits = Scanner(planted.values()).search(sink.id, sink.read())
    except SinkError as error:
        yield Failure(sink.id, f"cannot be read: {error}")
        return
    for case in planted:
        found = [hit for hit in hits if hit.case == case]
        if not found:
            yield Failure(sink.id, f"the planted {case} was not found")
        elif not all(hit.sink == sink.id and hit.place for hit in found):
            yield Failure(sink.id, f"the planted {case} was found without its place")
