"""Searches one stretch of bytes for all needles and says where what was found. Linear in its length; must never keep or print any of it.

How likely a find by chance is, for 30 canaries (some 270 telling runs of 8 digits, 180 of 12, and as many backwards):

- eight digits count only as a run, or the end of a run, that stands alone (no letter or digit beside it) and is nothing else by its looks: no fraction of a
  decimal number, no moment since 1970 (10, 13, 16 or 19 digits that begin with 15 to 19), no part of a UUID, no more than 19 digits. An honest
  number of 8 digits is one of them with a chance of 270 / 10^8; one of 10 digits, with 8 in 10^6.
- twelve digits count wherever they stand and whatever stands between: 360 / 10^12 for each digit of the data. Random binary data are digits to 4 %,
  so this makes 1 find in 70 GB; random hexadecimal text to 63 %: 1 in 4 GB.
- every other way of writing needs eleven given signs or seven given bytes, and mostly twice as many: less than 1 find in 10^12 bytes.

So windows of eight are honest in text and in binary files alike as long as they stand alone there: eight digits in a row begin at a place of random
data with a chance of (10/256)^8, which is one place in 180 GB, before anything is compared with them.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import compress

from service.evidence import needles
from service.evidence.index import Index
from service.evidence.matching import Match

#: Data are searched in parts that fit a cache. What is found is found whole if it takes no more bytes than the overlap, with all that stands between.
BLOCK, OVERLAP = 512 * 1024, 8 * 1024
_KINDS = bytes(0x30 if byte in needles.DIGITS else 0 if byte == 0 else 0x2E for byte in range(256))
_SINGLE, _WIDE = b"0" * needles.SHORT, b"0\0" * (needles.SHORT - 1) + b"0"
_RUN, _WIDE_RUN = re.compile(rb"0+"), re.compile(rb"(?:0\0)+0?")
_MOMENT = re.compile(rb"1[5-9](?:[0-9]{8}|[0-9]{11}|[0-9]{14}|[0-9]{17})")
_UUID = re.compile(rb"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_LONGEST = 19
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_VARIOUS = 4
#: So many bytes between two digits, and they are no neighbours unless the whole number is there.
_FAR = 8


def _mask(stream: str) -> bytes:
    keep = {"digits": needles.digits_of, "letters": needles.letters_of, "high": needles.high_of}[stream]
    return bytes(bool(keep(bytes([byte]))) for byte in range(256))


_MASKS = {stream: _mask(stream) for stream in ("digits", "letters", "high")}


@dataclass(frozen=True, repr=False)
class Find:
    """Where, whose, and in which form; `share` is how much of the needle is there. `around` is what a reader may see of its surroundings;
    `case` is one of the owner's, once they are told apart.
    """

    start: int
    end: int
    owner: int
    form: str
    share: float = 1.0
    around: str | None = None
    case: str = ""


def finds_in(index: Index, data: bytes, *, binary: bool) -> Iterator[Find]:
    """All finds in the data as they are; some of them more than once, where parts overlap or forms do."""
    for start in range(0, max(len(data) - OVERLAP, 1), BLOCK):
        block = data[start : start + BLOCK + OVERLAP]
        if binary:  # mostly zeros, and no needle has so many of them
            short = block.replace(bytes(16), b"\0")
            if next(_in_block(index, short, (0, len(short)), binary=binary), None) is None:
                continue
        yield from _in_block(index, data, (start, start + len(block)), binary=binary)


def _in_block(index: Index, data: bytes, span: tuple[int, int], *, binary: bool) -> Iterator[Find]:
    start, block = span[0], data[slice(*span)]
    yield from _alone(index, data, block, start)
    for match, first, last in _streamed(index, block, binary=binary):
        find = _named(match, block[first:last], start + first)
        if find is not None:
            yield find
    if index.direct:
        yield from _direct(index, block.lower(), start)


def _direct(index: Index, block: bytes, start: int) -> Iterator[Find]:
    for text, (form, owner) in index.direct.items():
        place = block.find(text)
        while place >= 0:
            yield Find(start + place, start + place + len(text), owner, form)
            place = block.find(text, place + len(text))


def _streamed(index: Index, block: bytes, *, binary: bool) -> Iterator[tuple[Match, int, int]]:
    """The finds in each stream, with the place in the block of their first byte and of the one after their last."""
    streams = {"digits": needles.digits_of, "letters": needles.letters_of, "high": needles.high_of}
    for name, keep in streams.items():
        matches = index.matchers[name].matches(keep(block))
        if matches:
            places = array("I", compress(range(len(block)), block.translate(_MASKS[name])))
            matches = [_trimmed(match, places) for match in matches] if name == "digits" else matches
            yield from ((match, places[match.start], places[match.end - 1] + 1) for match in matches)
    if binary:
        yield from ((match, match.start, match.end) for match in index.matchers["packed"].matches(block))


def _trimmed(match: Match, places: array[int]) -> Match:
    """A part of a number without the digits at its ends that stand far away, and fit by chance."""
    while not match.whole and match.last - match.first > needles.LONG:
        if places[match.start + 1] - places[match.start] > _FAR:
            match = replace(match, start=match.start + 1, first=match.first + 1)
        elif places[match.end - 1] - places[match.end - 2] > _FAR:
            match = replace(match, end=match.end - 1, last=match.last - 1)
        else:
            break
    return match


def _named(match: Match, span: bytes, start: int) -> Find | None:
    """A find with its form told more precisely by the bytes that it stands in; None for what structures in memory and on disk have by chance."""
    form = match.strand.form
    if form == "hexadecimal":
        form = "percent-encoded" if b"%" in span else "quoted-printable" if b"=" in span else form
    elif form in needles.SPREAD:
        between = span.translate(None, needles.DIGITS)
        wide = bool(between) and not between.strip(b"\0")
        if between and not wide and not _is_told(match, between):
            return None
        if form == "digits":
            form = ("UTF-16" if wide else "digits with others between") if between else "number"
    share = (match.last - match.first) / len(match.strand.text)
    return Find(start, start + len(span), match.strand.owner, form if match.whole else f"{form}, in part", share)


def _is_told(match: Match, between: bytes) -> bool:
    """Whether digits from all over are a canary's: if they are various, or if only text stands between them. 5555... stands in any table of small numbers."""
    digits = match.strand.text[match.first : match.last]
    return len(set(digits)) >= _VARIOUS or _CONTROL.search(between) is None


def _alone(index: Index, data: bytes, block: bytes, start: int) -> Iterator[Find]:
    """Runs of eight digits and more that stand alone, one byte or two for each digit."""
    kinds = block.translate(_KINDS)
    for pattern, whole, step in ((_SINGLE, _RUN, 1), (_WIDE, _WIDE_RUN, 2)):
        place = kinds.find(pattern)
        while place >= 0:
            run = whole.match(kinds, place)
            end = run.end() if run else len(kinds)
            yield from _in_run(index, data, (start + place, start + end), step)
            place = kinds.find(pattern, end)


def _in_run(index: Index, data: bytes, span: tuple[int, int], step: int) -> Iterator[Find]:
    digits = data[span[0] : span[1] : step]
    covered: dict[tuple[int, int], int] = {}
    for place in range(len(digits) - needles.SHORT + 1):
        for owner, number, offset in index.windows.get(digits[place : place + needles.SHORT], ()):
            if covered.get((owner, place - offset), 0) > place:
                continue
            end = place + _common(digits[place : place + _LONGEST], number.encode()[offset:])
            covered[owner, place - offset] = end
            if _stands_alone(data, span, step):
                form = ("UTF-16" if step == 2 else "number") + (", in part" if end - place < len(number) else "")
                first, last = span[0] + place * step, span[0] + (end - 1) * step + 1
                yield Find(first, last, owner, form, (end - place) / len(number))


def _common(one: bytes, other: bytes) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _stands_alone(data: bytes, span: tuple[int, int], step: int) -> bool:
    """Whether a run is nothing but a number by its looks. What does not pass is found all the same where twelve of its digits are."""
    start, end = span
    run, before, after = data[start:end:step], data[max(start - 2 * step, 0) : start], data[end : end + 1]
    near = before.replace(b"\0", b"") if step == 2 else before
    escape = near[-2:-1] == b"\\" and near[-1:] in {b"n", b"r", b"t", b"b", b"f"}
    if (near[-1:].isalnum() and not escape) or after.isalnum() or len(run) > _LONGEST or _MOMENT.fullmatch(run):
        return False
    if near[-1:] == b"." and near[-2:-1].isdigit():
        return False
    return not any(
        found.start() < min(start, 36) + len(run) and found.end() > min(start, 36)
        for found in _UUID.finditer(data[max(start - 36, 0) : end + 36])
    )
