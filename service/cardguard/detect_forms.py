"""The disguises that text can wear: other scripts' digits, invisible signs, escapes, and encodings. Undoes them, each in linear time, and keeps nothing."""

from __future__ import annotations

import binascii
import ipaddress
import re
import unicodedata
import zlib
from collections.abc import Iterator

#: So much is unpacked of gzip at most; what holds more is told to be too much.
UNPACKED = 64 * 1024
PIECES = 100
#: Shorter ones cannot hold thirteen digits.
BASE64_FROM, BASE32_FROM, HEX_FROM = 18, 21, 26

_FILLERS = "\u115f\u1160\u3164\uffa0"  # letters by category, blank by looks
_NUMERALS = dict(zip("〇零一二三四五六七八九", "00123456789", strict=True))
_SPELLED = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)|%u(?P<wide>[0-9A-Fa-f]{4})"
    r"|(?P<escapes>(?:\\{1,8}u[0-9A-Fa-f]{4})+)|\\{1,8}(?:x|u\{0{0,4})(?P<short>[0-9A-Fa-f]{2})\}?"
    r"|&#[xX](?P<hexadecimal>[0-9A-Fa-f]{1,6});?|&#(?P<decimal>[0-9]{1,7});?"
    r"|(?P<blank>&[A-Za-z]{2,8};|\\{1,8}[nrtbf/\"]|</?[A-Za-z][^<>]{0,60}>|<!\[CDATA\[)"
)
#: Three in a row and not one, which is what `t=17...` in a query has.
_QUOTED = re.compile(r"(?:=[0-9A-Fa-f]{2}){3,}|=\r?\n")
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{BASE64_FROM},}}")
_BASE32 = re.compile(rf"(?<![A-Za-z0-9])(?:[A-Z2-7]{{{BASE32_FROM},}}|[a-z2-7]{{{BASE32_FROM},}})(?![A-Za-z0-9])")
_HEX = re.compile(rf"[0-9A-Fa-f]{{{HEX_FROM},}}")
#: How gzip (RFC 1952 section 2.3.1) and zlib data of each window begin (RFC 1950 section 2.2: method 8, and 31 divides both bytes as a number).
_GZIP = b"\x1f\x8b"
_ZLIB = {
    bytes((head, check)) for head in range(0x08, 0x80, 0x10) for check in range(256) if (head * 256 + check) % 31 == 0
}
#: What encoders write. One of the others that does not come to its end, with its check, is honest bytes that happen to begin so.
_USUAL = {_GZIP, b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"}
_STANDARD = str.maketrans("-_", "+/")
_BITS = {ord(letter): f"{value:05b}" for value, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")}
_HEX_DIGITS = r"(?=[0-9]{0,63}[A-Fa-f])(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32}|[0-9A-Fa-f]{24})"
_DASHED = (
    r"(?=[0-9-]{0,35}[A-Fa-f])[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[1-8][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}"
)
#: W3C Trace Context, section 3.2.
_TRACE = r"[0-9a-f]{2}-(?=[0-9]{0,31}[a-f])[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
_DAY = r"(?:(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[1-9]|1[0-2])/(?:0[1-9]|[12][0-9]|3[01])/20[0-9]{2})"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-6][0-9](?:\.[0-9]{1,9})?(?:[+-][0-2][0-9]:[0-5][0-9])?"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#: Values that are full of digits and are what they look like: with a letter among their digits, or with ranges that no card number keeps.
_HONEST = re.compile(
    rf"(?<![0-9A-Za-z])(?:{_TRACE}|{_HEX_DIGITS}|{_DASHED})(?![0-9A-Za-z])"
    rf"|(?<![0-9]){_DAY}[Tt ]{_CLOCK}(?![0-9])"
    rf"|(?<![0-9.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\.?[0-9])"
    r"|(?<![0-9A-Fa-f:.])(?P<address>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![0-9A-Fa-f:])"
    r"|(?<![0-9A-Za-z])(?P<account>[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,3})?)(?![0-9A-Za-z])"
)


def _folded(character: str) -> str:
    """One character as ASCII digits, letters and signs: nothing for what is not seen, a blank for what is no letter and no digit."""
    plain = []
    for part in unicodedata.normalize("NFKC", character):
        kind = unicodedata.category(part)
        value = unicodedata.digit(part, None)
        if part.isascii():
            plain.append(part)
        elif value is not None:
            plain.append(str(value))
        elif part in _NUMERALS:
            plain.append(_NUMERALS[part])
        elif kind[0] != "M" and kind != "Cf" and part not in _FILLERS:
            plain.append(part if part.isalnum() else " ")
    return "".join(plain)


def fold(text: str) -> str:
    """Compatibility forms and digits of all scripts as ASCII, without marks and signs that are not seen.

    Character by character: folding a whole text sorts its marks, and takes quadratic time for a hostile one.
    """
    if text.isascii():
        return text
    return text.translate({ord(character): _folded(character) for character in set(text) if not character.isascii()})


def _spelled(found: re.Match[str]) -> str:
    kind, value = found.lastgroup, found.group(found.lastgroup or 0)
    if kind == "percent":
        return bytes.fromhex(value.replace("%", "")).decode("utf-8", "replace")
    if kind == "escapes":
        return bytes.fromhex(value.replace("\\", "").replace("u", "")).decode("utf-16-be", "replace")
    if kind == "blank":
        return " "
    number = int(value, 10 if kind == "decimal" else 16)
    return chr(number) if number <= 0x10FFFF else " "


def _unquoted(found: re.Match[str]) -> str:
    return bytes.fromhex(found.group().replace("=", "")).decode("utf-8", "replace")


def unescape(text: str) -> str:
    """One layer of percent-encoding, JSON escapes and HTML entities undone; tags and named entities are blanks."""
    return _SPELLED.sub(_spelled, text)


def unquote(text: str) -> str:
    """Quoted-printable undone (RFC 2045 section 6.7)."""
    return _QUOTED.sub(_unquoted, text)


def _from_base32(token: str) -> bytes:
    """RFC 4648 section 6, of either case and without padding."""
    bits = token.upper().translate(_BITS)
    return bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits) - 7, 8))


def decoded(text: str) -> Iterator[bytes]:
    """What the text's long words hold as hexadecimal, base64 (each of four beginnings, either alphabet) and base32."""
    if not _BASE64.search(text):  # whose alphabet holds the others', and whose words are the shortest
        return
    for found in _HEX.finditer(text):
        word = found.group()
        for start in range(2):
            yield bytes.fromhex(word[start : start + (len(word) - start) // 2 * 2])
    for found in _BASE64.finditer(text):
        word = found.group().translate(_STANDARD)
        for start in range(4):
            part = word[start:]
            part = part[:-1] if len(part) % 4 == 1 else part
            yield binascii.a2b_base64(part + "=" * (-len(part) % 4))
    for found in _BASE32.finditer(text):
        yield _from_base32(found.group())


def _piece(data: bytes, room: int) -> tuple[bytes, bytes] | None:
    """What one piece of gzip or zlib data holds, at most `room` bytes of it, and what stands behind it; None if it is no such piece."""
    if data[:2] != _GZIP and data[:2] not in _ZLIB:
        return None
    stream = zlib.decompressobj(47)
    try:
        plain = stream.decompress(data, room)
    except zlib.error:
        return None
    broken_off = not stream.eof and not stream.unconsumed_tail
    return None if broken_off and data[:2] not in _USUAL else (plain, stream.unused_data)


def unpack(data: bytes) -> bytes | None:
    """What gzip or zlib data holds, and what stands behind it; empty if it is not such. None if it holds more than `UNPACKED` bytes, or has many pieces."""
    plain, pieces = b"", 0
    while found := _piece(data, UNPACKED + 1 - len(plain)):
        plain, data, pieces = plain + found[0], found[1], pieces + 1
        if len(plain) > UNPACKED or pieces > PIECES:
            return None
    return plain + data if plain else b""


def as_text(data: bytes) -> str:
    """Bytes as text, of UTF-8 or UTF-16 (known by its mark, or by the zeros between ASCII); what is neither becomes a sign."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16", "replace")
    return data.replace(b"\x00", b"").decode("utf-8", "replace")


def _is_bank_account(value: str) -> bool:
    """ISO 13616: the check digits of an IBAN."""
    plain = value.replace(" ", "")
    return 15 <= len(plain) <= 34 and int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def _is_address(value: str) -> bool:
    """An IPv6 address of the ranges that are in use; a card number begins otherwise, or has no room."""
    try:
        return value[0].lower() in "23f:" and bool(ipaddress.IPv6Address(value))
    except ValueError:
        return False


def _struck(found: re.Match[str]) -> str:
    honest = {"address": _is_address, "account": _is_bank_account}.get(found.lastgroup or "")
    return found.group() if honest and not honest(found.group()) else "z"


def without_honest(text: str) -> str:
    """The text with hashes, UUIDs, times, addresses and bank accounts struck out (a letter in place of each)."""
    return _HONEST.sub(_struck, text)
