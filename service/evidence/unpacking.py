"""What lies one layer deeper than the bytes of a sink: compressed data, and lines of text with escapes in them. Must never unpack without end."""

from __future__ import annotations

import binascii
import contextlib
import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.cardguard.detect_forms import fold, unescape, unquote
from service.evidence.haystack import OVERLAP
from service.evidence.needles import digits_of
from service.evidence.pieces import SinkError

if TYPE_CHECKING:
    from zlib import _Decompress as _Inflater

#: So much is unpacked of one piece; a sink that holds more is not called clean.
MOST = 256 * 1024 * 1024
ROUNDS = 3
_FEED, _PART = 4 * 1024, 1024 * 1024
#: What shorter streams hold is no card number.
_LEAST = 12
_ZLIB = re.compile(rb"x[\x01\x5e\x9c\xda]")
#: The beginning of gzip data (RFC 1952 section 2.3) as base64 and as hexadecimal.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+(?:(?:\\[rn]|[\r\n])+[A-Za-z0-9+/_-]+)*")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
#: How PostgreSQL writes bytes (its manual, section 8.4.1).
_BYTEA = re.compile(r"\\{1,8}x((?:[0-9A-Fa-f]{2}){8,})")
#: Begins with one set of signs, for which the engine skips ahead; alternatives take it eight times as long.
_TROUBLE = re.compile(
    rb"[%\\&=](?:(?<=%)[0-9A-Fa-f]{2}|(?<=\\)\\{0,7}[ux][0-9A-Fa-f{]|(?<=&)#|(?<==)[0-9A-Fa-f]{2}=[0-9A-Fa-f]{2}=)"
)
#: So far is read to each side of an escape, and so far in one piece.
_NEAR, _REACH = 96, 4096


def members(data: bytes) -> Iterator[tuple[int, int, str, bytes]]:
    """Compressed data: first byte, the one after the last, what it is, and what it holds, in overlapping parts.

    Raises SinkError when there is too much of it, as in data that were made to be unpacked for ever.
    """
    total = 0
    for start, end, name, part in _unpacked(data):
        total += len(part)
        if total > MOST:
            raise SinkError("holds more compressed data than is searched")
        yield start, end, name, part


def _unpacked(data: bytes) -> Iterator[tuple[int, int, str, bytes]]:
    for start in _beginnings(data):
        for length, part in _inflated(memoryview(data)[start:]):
            yield start, min(start + length, len(data)), "compressed", part
    for mark, whole, name, decode in _WRITTEN:
        place = data.find(mark)
        while place >= 0:
            found = whole.match(data, place)
            end = found.end() if found else place + len(mark)
            for _, part in _inflated(memoryview(decode(data[place:end]))):
                yield place, end, name, part
            place = data.find(mark, end)


def _from_base64(text: bytes) -> bytes:
    plain = text.replace(b"\\n", b"").replace(b"\\r", b"").translate(bytes.maketrans(b"-_", b"+/"), b"\r\n")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4))


#: The beginning of gzip data (RFC 1952 section 2.3) in writing, what goes on so, and how it is read.
_WRITTEN: tuple[tuple[bytes, re.Pattern[bytes], str, Callable[[bytes], bytes]], ...] = (
    (b"H4sI", _BASE64, "compressed, in base64", _from_base64),
    (b"1f8b08", _HEX, "compressed, in hexadecimal", binascii.a2b_hex),
)


def _beginnings(data: bytes) -> Iterator[int]:
    place = data.find(b"\x1f\x8b\x08")
    while place >= 0:
        yield place
        place = data.find(b"\x1f\x8b\x08", place + 3)
    yield from (found.start() for found in _ZLIB.finditer(data))


def _inflated(packed: memoryview) -> Iterator[tuple[int, bytes]]:
    """What a gzip or zlib stream holds, as far as it goes, with the place up to which it was read.

    One that is cut off or broken later on is read up to there.
    """
    stream, waiting, kept = zlib.decompressobj(47), bytearray(), 0
    for place in range(0, len(packed), _FEED):
        plain, broken, stream = _fed(stream, packed[place : place + _FEED])
        waiting += plain
        if len(waiting) >= _PART:
            yield place + _FEED, bytes(waiting)
            del waiting[:-OVERLAP]
            kept = len(waiting)
        if broken or stream.eof or (place and not waiting):  # a header that never ends
            break
    if len(waiting) > max(kept, _LEAST):
        yield len(packed) - len(stream.unused_data), bytes(waiting)


def _fed(stream: _Inflater, packed: memoryview) -> tuple[bytes, bool, _Inflater]:
    """What comes out for what goes in, whether the stream broke in it, and the stream to go on with.

    For a stream that breaks zlib gives nothing out, so the same is put in again byte by byte.
    """
    again = stream.copy()
    try:
        return stream.decompress(packed), False, stream
    except zlib.error:
        pass
    plain = bytearray()
    with contextlib.suppress(zlib.error):
        for place in range(len(packed)):
            plain += again.decompress(packed[place : place + 1])
    return bytes(plain), True, again


@dataclass(frozen=True, repr=False)
class View:
    """How some bytes read with their escapes undone: many neighbourhoods in one text, each a line (or more), with the ends of the bytes that it stands for."""

    text: bytes
    begins: list[int]
    spans: list[tuple[int, int]]

    def span(self, offset: int) -> tuple[int, int]:
        """The bytes that this place of the text stands for."""
        return self.spans[bisect_right(self.begins, offset) - 1]


def views(data: bytes) -> Iterator[View]:
    """The neighbourhoods of escapes and of other scripts' digits, within their lines: how they read with those undone, layer by layer."""
    text, begins, spans = bytearray(), list[int](), list[tuple[int, int]]()
    for start, end in _neighbourhoods(data):
        for layer in _undone(data[start:end].decode("utf-8", "replace")):
            begins.append(len(text))
            spans.append((start, end))
            text += layer.encode("utf-8", "replace") + b"\n"
        if len(text) > _PART:
            yield View(bytes(text), begins, spans)
            text, begins, spans = bytearray(), [], []
    yield View(bytes(text), begins, spans)


def _neighbourhoods(data: bytes) -> Iterator[tuple[int, int]]:
    """What lies around escapes that are near each other, and has as many digits as a find."""
    for trouble, fewest in ((_TROUBLE, _LEAST), (_foreign(data), 0)):
        place = 0
        while trouble is not None and (found := trouble.search(data, place)) is not None:
            start, end = _line_around(data, found.start(), found.end())
            last = found
            while (more := trouble.search(data, last.end(), end)) is not None and more.end() - start < _REACH:
                last = more
                end = _line_around(data, last.start(), last.end())[1]
            if len(digits_of(data[start:end])) >= fewest:
                yield start, end
            place = last.end()


def _line_around(data: bytes, start: int, end: int) -> tuple[int, int]:
    """So far to each side as a number may go on, within the line."""
    reach = max(start - _NEAR, 0)
    stop = data.find(b"\n", end, end + _NEAR)
    return max(data.rfind(b"\n", reach, start) + 1, reach), stop if stop >= 0 else min(end + _NEAR, len(data))


def _foreign(data: bytes) -> re.Pattern[bytes] | None:
    """The digits of other scripts that stand in the data; None if there are none."""
    if data.isascii():
        return None
    signs = {sign for sign in set(data.decode("utf-8", "ignore")) if not sign.isascii() and _holds_digit(fold(sign))}
    return re.compile(b"|".join(re.escape(sign.encode()) for sign in sorted(signs))) if signs else None


def _holds_digit(text: str) -> bool:
    return any(sign.isdigit() for sign in text)


def _undone(text: str) -> Iterator[str]:
    for _ in range(ROUNDS):
        plain = fold(unescape(unquote(_BYTEA.sub(_from_bytea, text))))
        if plain == text:
            return
        yield plain
        if not any(sign in plain for sign in "%\\&="):
            return
        text = plain


def _from_bytea(found: re.Match[str]) -> str:
    return bytes.fromhex(found[1]).decode("utf-8", "replace")
