"""What a canary may look like once something has written it down: each way of writing, as it stands in one of the streams that the scanner reads. Must never be printed.

The streams are the data without everything but: its digits; its ASCII letters and digits, in lower case; its bytes above ASCII. So signs between
the letters (blanks, line ends of wrapped base64, percent signs, quotes) do not matter, and `%34%30`, `=34=30` and `3430` are one and the same.
"""

from __future__ import annotations

import base64
import html
import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from service.evidence.matching import Strand

#: So many digits in a row are a find where they stand alone, or are written in a way in which nobody writes by chance.
SHORT = 8
#: So many where they are taken together from all over, or stand within a longer word.
LONG = 12
DIGITS = b"0123456789"
#: The forms in which anything may stand between the digits.
SPREAD = ("digits", "digits backwards")
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
#: The zeros of other scripts' digits; circled ones and Chinese numerals are listed, as they do not follow one another.
_ZEROS = {
    "full-width": 0xFF10,
    "Arabic-Indic": 0x0660,
    "extended Arabic-Indic": 0x06F0,
    "Devanagari": 0x0966,
    "Bengali": 0x09E6,
    "Tamil": 0x0BE6,
    "Thai": 0x0E50,
    "mathematical bold": 0x1D7CE,
    "mathematical double-struck": 0x1D7D8,
    "mathematical sans-serif": 0x1D7E2,
    "mathematical sans-serif bold": 0x1D7EC,
    "mathematical monospace": 0x1D7F6,
    "subscript": 0x2080,
}
_SCRIPTS = {name: "".join(chr(zero + digit) for digit in range(10)) for name, zero in _ZEROS.items()} | {
    "circled": "\u24ea\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468",
    "Chinese": "〇一二三四五六七八九",
}
#: What is sent may be long (a document); a part of this many bytes is looked for, with the most digits in it.
_EXCERPT = 200


def digits_of(data: bytes) -> bytes:
    """The digits of the data."""
    return data.translate(None, _NOT_DIGITS)


def letters_of(data: bytes) -> bytes:
    """Its ASCII letters, in lower case, and digits."""
    return data.translate(_LOWER, _NOT_LETTERS)


def high_of(data: bytes) -> bytes:
    """Its bytes above ASCII."""
    return data.translate(None, _ASCII)


_NOT_DIGITS = bytes(set(range(256)) - set(DIGITS))
_NOT_LETTERS = bytes(set(range(256)) - set(DIGITS + _LETTERS + _LETTERS.upper()))
_ASCII = bytes(range(128))
_LOWER = bytes.maketrans(_LETTERS.upper(), _LETTERS)


def tells(digits: str) -> bool:
    """Whether eight digits are those of a canary rather than anybody's zeros: three different ones, or three changes."""
    return len(set(digits)) >= 3 or sum(map(str.__ne__, digits, digits[1:])) >= 3


def windows(number: str) -> list[int]:
    """Where the telling runs of eight digits of a number begin."""
    return [start for start in range(len(number) - SHORT + 1) if tells(number[start : start + SHORT])]


def _telling(number: str, each: float, lead: float = 0.0) -> Callable[[int, int], bool]:
    """For a way of writing in which each byte makes so many digits (the first of them `lead` digits from the number's beginning): whether a part tells."""
    starts = windows(number)

    def tell(first: int, last: int) -> bool:
        begin, end = first * each + lead - 0.01, last * each + lead + 0.01
        return any(begin <= start and start + SHORT <= end for start in starts)

    return tell


def _aligned(data: bytes, bits: int, encode: Callable[[bytes], bytes]) -> Iterator[tuple[bytes, int]]:
    """What of an encoding with so many bits a sign is the same whatever stands before and after: for each alignment, with the bits that are cut off."""
    for ahead in range(3 if bits == 6 else 5):
        cut = -(-8 * ahead // bits)
        yield encode(bytes(ahead) + data)[cut : 8 * (ahead + len(data)) // bits], bits * cut - 8 * ahead


def _base64(data: bytes) -> Iterator[tuple[bytes, int]]:
    return _aligned(data, 6, base64.b64encode)


def _each(number: str, pattern: str) -> bytes:
    """Every digit by a pattern of its code."""
    return "".join(pattern.format(code=ord(digit), digit=digit) for digit in number).encode()


#: Name of the form: how each digit is written in it, as it stands in the stream of letters and digits.
PATTERNS = {
    "hexadecimal": "{code:x}",
    "hexadecimal of UTF-16": "{code:x}00",
    "percent-encoded twice": "25{code:x}",
    "percent-encoded three times": "2525{code:x}",
    "HTML entities": "{code}",
    "JSON escapes": "u{code:04x}",
    "JavaScript escapes": "u{code:x}",
    "hexadecimal escapes": "x{code:x}",
    "list of hexadecimal bytes": "0x{code:x}",
    "octal escapes": "{code:03o}",
}


def number_letters(number: str, owner: int) -> Iterator[Strand]:
    """A number in the stream of letters and digits."""
    for form, pattern in PATTERNS.items():
        text = _each(number, pattern)
        each = len(number) / len(text)
        yield Strand(text, form, owner, round(SHORT / each), _telling(number, each))
    wide = {"base64": number.encode(), "base64 of UTF-16": number.encode("utf-16-be")}
    for form, data in wide.items():
        unit = 8 * len(data) // len(number)
        for variant in (data, data[1:] + b"\0") if unit == 16 else (data,):
            for text, cut in _base64(variant):
                yield Strand(letters_of(text), form, owner, 11, _telling(number, 6 / unit, cut / unit))
    for text, cut in _aligned(number.encode(), 5, base64.b32encode):
        yield Strand(letters_of(text), "base32", owner, 12, _telling(number, 5 / 8, cut / 8))
    yield Strand(f"{int(number):x}".encode(), "number in hexadecimal", owner)
    yield Strand("".join(_SPELLED[int(digit)] for digit in number).encode(), "words for digits", owner, 40)
    if set("01") & set(number):
        looks = number.replace("0", "o").replace("1", "l").encode()
        yield Strand(looks, "letters O and l for digits", owner, LONG, _telling(number, 1))


def number_digits(number: str, owner: int) -> Iterator[Strand]:
    """A number in the stream of digits."""
    forwards, backwards = SPREAD
    yield Strand(number.encode(), forwards, owner, LONG, _telling(number, 1))
    if number != number[::-1]:
        yield Strand(number[::-1].encode(), backwards, owner, LONG, _telling(number[::-1], 1))


def number_high(number: str, owner: int) -> Iterator[Strand]:
    """A number in other scripts' digits, as UTF-8."""
    for name, signs in _SCRIPTS.items():
        text = "".join(signs[int(digit)] for digit in number).encode()
        each = len(number) / len(text)
        yield Strand(text, f"{name} digits", owner, round(SHORT / each), _telling(number, each))


def number_packed(number: str, owner: int) -> Iterator[Strand]:
    """A number as programs keep one in eight bytes: integers and floating point of either byte order, PostgreSQL's numeric, packed decimals, Python's."""
    value, even = int(number), number.zfill(len(number) + len(number) % 2)
    groups = [
        int(group) for group in re.findall("....", re.sub("(0000)+$", "", number.zfill(-(-len(number) // 4) * 4)))
    ]
    ways = {
        "integer of 64 bits": (struct.pack("<q", value), struct.pack(">q", value)),
        "floating point of 64 bits": (struct.pack("<d", value), struct.pack(">d", value)),
        "PostgreSQL numeric": (struct.pack(f"<{len(groups)}h", *groups), struct.pack(f">{len(groups)}h", *groups)),
        "packed decimal": (bytes.fromhex(even), bytes.fromhex(f"{number}f"[: len(even)])),
        "Python integer": (struct.pack("<II", value & (1 << 30) - 1, value >> 30 & (1 << 30) - 1),),
    }
    for form, texts in ways.items():
        for text in dict.fromkeys(texts):
            if len(text) >= 7 and len(set(text)) >= 3:  # shorter or poorer, and any table of small numbers has it
                yield Strand(text, form, owner)


def stored(data: bytes) -> Iterator[tuple[bytes, str]]:
    """A text as what was made of it by what stores and shows texts, with the name of that."""
    yield data, ""
    yield data.hex().encode(), "hexadecimal"
    yield quote(data, safe="").encode(), "percent-encoded"
    for text, _ in _base64(data):
        yield text, "base64"
    try:
        text_ = data.decode()
    except UnicodeDecodeError:
        return
    once = json.dumps(text_)[1:-1]
    yield once.encode(), "JSON-escaped"
    yield json.dumps(text_, ensure_ascii=False)[1:-1].encode(), "JSON-escaped"
    yield json.dumps(once)[1:-1].encode(), "JSON-escaped twice"
    yield html.escape(text_).encode(), "HTML-escaped"


def excerpt(data: bytes) -> bytes:
    """The data, or of a long one the part with the most digits."""
    starts = range(0, max(len(data) - _EXCERPT, 0) + 1, _EXCERPT // 4)
    ends = [*starts, max(len(data) - _EXCERPT, 0)]
    best = max(ends, key=lambda start: len(digits_of(data[start : start + _EXCERPT])))
    return data[best : best + _EXCERPT]


def word_forms(word: str) -> Iterator[tuple[bytes, str]]:
    """A word that is searched for as it stands, and as it may be written."""
    yield from stored(word.encode())
    yield word[::-1].encode(), "backwards"
    for order in ("utf-16-le", "utf-16-be"):
        wide = word.encode(order)
        yield wide, "UTF-16"
        yield wide.hex().encode(), "hexadecimal of UTF-16"
        for text, _ in _base64(wide):
            yield text, "base64 of UTF-16"


def strand_of(text: bytes, form: str, owner: int, shortest: Mapping[str, int]) -> tuple[str, Strand] | None:
    """A literal text in the stream in which most of it stands, `letters` or `high`; None if too little of it stands in either to be told there."""
    streams = (("letters", letters_of(text)), ("high", high_of(text)))
    for name, kept in sorted(streams, key=lambda one: -len(one[1])):
        if len(kept) >= shortest[name] and len(set(kept)) >= 3:
            return name, Strand(kept, form, owner)
    return None
