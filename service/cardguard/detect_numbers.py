"""Which runs of digits are card numbers: brands, lengths, check digit, and the ways to group the digits. Takes folded text and never keeps any of it.

Ranges and lengths: ISO/IEC 7812-1 and the brands' published tables; the numbers that the tests use are published ones (bluesnap/test-data.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

FEWEST, MOST = 13, 19
#: Above this, digits without any letter between them are no id, time or phone number of anybody's.
LONGEST_RUN = 24
#: First digits (as an expression) and the lengths that go with them. Maestro's 12 and 13 digits are left out: nobody issues them, and phones look so; nor JCB's old 1800 and 2131.
BRANDS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("4", (13, 16, 19)),  # Visa
    ("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    ("3[47]", (15,)),  # American Express
    ("30[0-5]|3095|36|38|39", (14, 16, 17, 18, 19)),  # Diners
    ("35(?:2[89]|[3-8])", (16, 17, 18, 19)),  # JCB
    ("6|5[06-9]", (14, 15, 16, 17, 18, 19)),  # Discover, UnionPay, Maestro, RuPay, Elo, Cabal, Naranja
    ("81|82|220[0-4]", (16, 17, 18, 19)),  # UnionPay, RuPay, Mir
    ("9792|8600|9860", (16,)),  # Troy, Uzcard, Humo
)
_BRAND = re.compile("|".join(f"({prefix})" for prefix, _ in BRANDS))
#: How people and programs group the digits of a whole number.
GROUPINGS = frozenset(
    {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 3), (4, 4, 4, 2), (4, 4, 4, 4, 3), (6, 13), (8, 8), (4, 4, 4, 1)}
)
#: Digits with at most six signs, or one x, between two of them.
_CLUSTER = re.compile(r"[0-9]+(?:(?:[\W_]{1,6}|[xX])[0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
#: Two numbers in one text with a few words between them, not in two values of a document or of a query.
_HALVES = re.compile(r"(?<![0-9])([0-9]{6,13})[^0-9\"'@:=<>{}\[\]&?/;]{1,40}(?=([0-9]{6,13})(?![0-9]))")
#: Microseconds since 1970, in 2017 to 2033: what a proxy says of when a request came.
_MICROSECONDS = re.compile(r"1[5-9][0-9]{14}")
_DOUBLED = str.maketrans("0123456789", "0246813579")


def luhn(number: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    return (sum(map(int, number[-1::-2])) + sum(map(int, number[-2::-2].translate(_DOUBLED)))) % 10 == 0


def lengths(number: str) -> tuple[int, ...]:
    """The lengths that card numbers with these first digits have; none for a number of no brand."""
    found = _BRAND.match(number)
    return BRANDS[found.lastindex - 1][1] if found and found.lastindex else ()


def is_card(number: str) -> bool:
    """Whether this is a card number: brand, length and check digit."""
    return len(number) in lengths(number) and luhn(number)


def _backwards(number: str) -> bool:
    """Whether this is a card number from its end to its beginning, and not a moment."""
    return FEWEST < len(number) < MOST and not _MICROSECONDS.fullmatch(number) and is_card(number[::-1])


def _run(run: str) -> bool:
    """An unbroken run: a card number at its beginning (after zeros), of a brand's length but with a slip in it, backwards, or anywhere in a long one."""
    number = run.lstrip("0")
    if len(run) > LONGEST_RUN:
        return True
    if _backwards(run):
        return True
    fitting = [length for length in lengths(number) if length <= len(number)]
    if any(luhn(number[:length]) for length in fitting if length > FEWEST or len(number) == FEWEST):
        return True
    if len(number) > FEWEST and len(number) in fitting:
        return True
    return len(run) > MOST + 1 and any(
        length > FEWEST and start + length <= len(run) and luhn(run[start : start + length])
        for start in range(len(run))
        for length in lengths(run[start : start + 4])
    )


def _windows(groups: Sequence[str], signs: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Neighbouring groups with one and the same sign between them that make 13 to 19 digits; only the first and the last may be short."""
    for start in range(len(groups)):
        digits = len(groups[start])
        for end in range(start + 1, len(groups)):
            digits += len(groups[end])
            if digits > MOST or signs[end - 1] != signs[start]:
                break
            if digits >= FEWEST:
                yield tuple(groups[start : end + 1])
            if len(groups[end]) < 3:
                break


def _alike(groups: Sequence[str]) -> Iterator[str]:
    """The digits of each longest stretch of groups of one digit, or of two; the last may be shorter."""
    start = 0
    while start < len(groups):
        size, end = len(groups[start]), start
        while end < len(groups) and len(groups[end]) == size:
            end += 1
        last = end < len(groups) and len(groups[end]) < size
        if size <= 2:
            yield "".join(groups[start : end + last])
        start = end


def _window(groups: tuple[str, ...]) -> bool:
    """One window: a card number, or what is grouped like one and has a brand's first digits and length."""
    number, shape = "".join(groups), tuple(map(len, groups))
    if len(number) == FEWEST:
        return is_card(number) and shape in {(4, 4, 4, 1), (1, 3, 3, 3, 3), (1, 12), (4, 9)}
    return is_card(number) or (shape in GROUPINGS and len(number) in lengths(number))


def _cluster(cluster: str, *, plus: bool) -> bool:
    groups = _GROUP.findall(cluster)
    number = "".join(groups)
    if plus and len(number) <= FEWEST:
        return False  # E.164: a plus sign, and most often no more than 13 digits
    if any(len(group) >= FEWEST and _run(group) for group in groups):
        return True
    whole = number.lstrip("0") if len(number) <= LONGEST_RUN else ""
    if FEWEST < len(whole) <= MOST and (is_card(whole) or _backwards(number)):
        return True
    if any(is_card(row) for row in _alike(groups)):
        return True
    return any(_window(window) for window in _windows(groups, _GROUP.split(cluster)[1:-1]))


def halves(groups: Iterable[str]) -> bool:
    """Whether two neighbours of at least six digits each make a card number together."""
    return any(min(len(first), len(second)) >= 6 and is_card(first + second) for first, second in pairwise(groups))


def in_pieces(pieces: Sequence[str]) -> bool:
    """Whether numbers that stand one after the other (fields, items) make a card number: two halves, groups as on a card, or all of them alike.

    Anything looser finds one in a document of honest numbers sooner or later: one in forty pairs fits.
    """
    if halves(pieces):
        return True
    every = [len(piece) for piece in pieces]
    if len(every) >= 3 and len(set(every[:-1])) == 1 and every[-1] <= every[0] and is_card("".join(pieces)):
        return True
    if any(is_card(row) for row in _alike(pieces)):
        return True
    return any(
        tuple(every[start : start + len(shape)]) == shape and is_card("".join(pieces[start : start + len(shape)]))
        for start in range(len(pieces))
        if every[start] >= 4 and lengths(pieces[start])
        for shape in GROUPINGS
    )


def may_hold(text: str) -> bool:
    """Whether folded text has thirteen digits near one another, or two numbers that could be halves: a cheap question before a dear one."""
    return bool(_HALVES.search(text)) or any(
        len(cluster) >= FEWEST and sum(map(len, _GROUP.findall(cluster))) >= FEWEST
        for cluster in _CLUSTER.findall(text)
    )


def in_text(text: str) -> bool:
    """Whether folded text, honest formats taken out, holds a card number."""
    for found in _CLUSTER.finditer(text):
        if found.end() - found.start() >= FEWEST:
            cluster = found.group()
            if _cluster(cluster, plus=found.start() > 0 and text[found.start() - 1] == "+"):
                return True
    return any(is_card(first + second) for first, second in _HALVES.findall(text))
