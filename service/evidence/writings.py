"""The ways in which a card number can be written down that the scanner recognises, each as a program would write it; and by name those that it does not. Pure."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from urllib.parse import quote

Writing = Callable[[str], bytes]


def _grouped(sign: str) -> Writing:
    return lambda number: _groups(number, sign).encode()


def _groups(number: str, sign: str) -> str:
    return sign.join(number[start : start + 4] for start in range(0, len(number), 4))


def _each(pattern: str) -> Writing:
    return lambda number: "".join(pattern.format(code=ord(digit), digit=digit) for digit in number).encode()


def _script(signs: str) -> Writing:
    return lambda number: number.translate({ord("0") + digit: signs[digit] for digit in range(10)}).encode()


def _from(zero: int) -> Writing:
    return _script("".join(chr(zero + digit) for digit in range(10)))


def _base64(prefix: str) -> Writing:
    return lambda number: base64.b64encode((prefix + number).encode())


def _words(number: str) -> bytes:
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return " ".join(names[int(digit)] for digit in number).encode()


def _numeric(number: str) -> bytes:
    """PostgreSQL's numeric on disk: digits of base 10,000, in the machine's order, without zeros at the end."""
    value, groups = int(number), list[int]()
    while value:
        value, group = divmod(value, 10_000)
        groups.insert(0, group)
    while not groups[-1]:
        groups.pop()
    return struct.pack(f"<{len(groups)}h", *groups)


#: As text, wherever it stands.
ANYWHERE: Mapping[str, Writing] = {
    "plain": str.encode,
    "first eight digits": lambda number: number[:8].encode(),
    "last twelve digits in a word": lambda number: b"ref" + number[-12:].encode() + b"end",
    "in a longer run": lambda number: b"9182" + number.encode() + b"7654",
    "with zeros before it": lambda number: b"+000" + number.encode(),
    "as a decimal number": lambda number: number.encode() + b".0",
    "in exponent form": lambda number: f"{number[0]}.{number[1:]}E+{len(number) - 1}".encode(),
    "as a Decimal": lambda number: repr(Decimal(number)).encode(),
    "backwards": lambda number: number[::-1].encode(),
    "with blanks": _grouped(" "),
    "with dashes": _grouped("-"),
    "with dots": _grouped("."),
    "with slashes": _grouped("/"),
    "with tabs": _grouped("\t"),
    "with line ends": _grouped("\r\n"),
    "with letters": _grouped("x"),
    "with words": _grouped(" and then "),
    "with no-break spaces": _grouped("\u00a0"),
    "with zero-width spaces": lambda number: "\u200b".join(number).encode(),
    "between bidi controls": lambda number: f"\u202e{number[:8]}\u202c\u2066{number[8:]}\u2069".encode(),
    "with thousands commas": lambda number: f"{int(number):,}".encode(),
    "halves in two fields": lambda number: f'{{"a": "{number[:7]}", "b": "{number[7:]}"}}'.encode(),
    "digits in an array": lambda number: json.dumps([int(digit) for digit in number]).encode(),
    "full-width digits": _from(0xFF10),
    "Arabic-Indic digits": _from(0x0660),
    "Devanagari digits": _from(0x0966),
    "mathematical digits": _from(0x1D7CE),
    "circled digits": _script("⓪①②③④⑤⑥⑦⑧⑨"),
    "Chinese digits": _script("〇一二三四五六七八九"),
    "UTF-16, little end first": lambda number: number.encode("utf-16-le"),
    "UTF-16, big end first": lambda number: number.encode("utf-16-be"),
    "UTF-32": lambda number: number.encode("utf-32-le"),
    "UTF-7": lambda number: b"+" + base64.b64encode(number.encode("utf-16-be")).rstrip(b"=") + b"-",
    "percent-encoded": _each("%{code:02X}"),
    "percent-encoded twice": _each("%25{code:02x}"),
    "HTML entities": _each("&#{code};"),
    "hexadecimal HTML entities": _each("&#x{code:x};"),
    "JSON escapes": _each("\\u{code:04x}"),
    "JSON escapes, escaped": _each("\\\\u{code:04X}"),
    "hexadecimal escapes": _each("\\x{code:02x}"),
    "octal escapes": _each("\\{code:03o}"),
    "quoted-printable": _each("={code:02X}"),
    "list of bytes": lambda number: ", ".join(hex(ord(digit)) for digit in number).encode(),
    "hexadecimal of the text": lambda number: number.encode().hex().encode(),
    "hexadecimal with colons": lambda number: number.encode().hex(":").upper().encode(),
    "bytes as PostgreSQL shows them": lambda number: b"\\x" + number.encode().hex().encode(),
    "hexadecimal of the number": lambda number: f"0x{int(number):X}".encode(),
    "base64": _base64(""),
    "base64, one byte on": _base64("x"),
    "base64, two bytes on": _base64("xy"),
    "base64, in short lines": lambda number: b"\r\n".join(
        base64.b64encode(number.encode())[start : start + 8] for start in range(0, 24, 8)
    ),
    "base64url in a JWT": lambda number: (
        b"." + base64.urlsafe_b64encode(b'{"sub": "%b"}' % number.encode()).rstrip(b"=")
    ),
    "base64 of UTF-16": lambda number: base64.b64encode(number.encode("utf-16-le")),
    "base32": lambda number: base64.b32encode(number.encode()),
    "base32 in small letters": lambda number: base64.b32encode(b"xyz" + number.encode()).lower(),
    "JSON in JSON in JSON": lambda number: json.dumps({"a": json.dumps({"b": json.dumps({"c": number})})}).encode(),
    "in a CDATA section": lambda number: b"<![CDATA[" + number.encode() + b"]]>",
    "gzip": lambda number: gzip.compress(b"a line with " + number.encode() + b" in it\n", mtime=0),
    "gzip, cut off": lambda number: gzip.compress(b"%b\n" % number.encode() * 3 + bytes(64), mtime=0)[:-9],
    "gzip in gzip": lambda number: gzip.compress(gzip.compress(number.encode(), mtime=0), mtime=0),
    "gzip in base64": lambda number: base64.b64encode(gzip.compress(number.encode(), mtime=0)),
    "gzip in hexadecimal": lambda number: gzip.compress(number.encode(), mtime=0).hex().encode(),
    "zlib": lambda number: zlib.compress(b"a line with " + _groups(number, " ").encode()),
    "words": _words,
    "letters O and l": lambda number: number.replace("0", "O").replace("1", "l").encode(),
}
#: Two ways at once, which are undone in text only.
IN_TEXT: Mapping[str, Writing] = {
    "groups, percent-encoded": lambda number: quote(_groups(number, " "), safe="").encode(),
    "groups, JSON-escaped": lambda number: json.dumps(_groups(number, "\u2009")).encode(),
    "groups, as PostgreSQL's bytes": lambda number: b"\\x" + _groups(number, "-").encode().hex().encode(),
    "other scripts' digits, JSON-escaped": lambda number: json.dumps(_from(0x0E50)(number).decode()).encode(),
    "digits of two scripts": lambda number: number[:6].encode() + _from(0x0660)(number[6:]),
    "superscript digits": _script("⁰¹²³⁴⁵⁶⁷⁸⁹"),
}
#: As programs and databases keep numbers.
IN_BINARY: Mapping[str, Writing] = {
    "integer, little end first": lambda number: struct.pack("<q", int(number)),
    "integer, big end first": lambda number: struct.pack(">q", int(number)),
    "floating point": lambda number: struct.pack("<d", int(number)),
    "packed decimal": lambda number: bytes.fromhex(number.zfill(len(number) + len(number) % 2)),
    "PostgreSQL's numeric": _numeric,
    "Python's integer": lambda number: struct.pack("<II", int(number) & (1 << 30) - 1, int(number) >> 30),
}
#: Structures that name card data whose values are too short to be searched for; the name is in the last line.
NAMES: Mapping[str, bytes] = {
    "property of JSON": b'{"plan": "team",\n"cvv": "737"}',
    "property of JSON in JSON": b'{"body": "{\\"securityCode\\": 737}"}',
    "parameter of a form": b"first line\nplan=team&expirationYear=2030",
    "element of XML": b"<order>\n<card-number>x</card-number>",
    "header": b"Host: x\nCVC2: 737",
    "column of a dump": b"--\nCOPY public.orders (id, pan, plan) FROM stdin;",
    "column of a table": b"CREATE TABLE orders (\n    credit_card text",
}
#: What is not recognised unless it is what was sent (canary.sent), for the report to say so.
UNRECOGNISED: Mapping[str, str] = {
    "encryption and hashes": "what is enciphered, hashed or keyed cannot be told from random bytes",
    "other compression": "only gzip and zlib are unpacked, and in writing only gzip: not deflate without a header, bzip2, xz, zstd, brotli, lz4, and "
    "not what PostgreSQL compresses on disk beyond the literal bytes in it (the logical dump shows it as it is)",
    "other encodings": "base85, base58, base36, uuencode, EBCDIC, and alphabets of one's own; base64 and hexadecimal of what is encoded already",
    "letters and words": "letters for digits other than O and l, words other than English ones",
    "digits among other digits": "where other digits stand between those of the number, except eight in a row that stand alone and twelve that do not",
    "fewer digits": "fewer than eight digits in a row, or than twelve in a longer word, a fraction, a moment in time or a UUID",
    "two ways at once in binary data": "separators or other scripts' digits that are escaped as well: undone in text only",
    "poor numbers in binary data": "a number of fewer than four different digits with control characters between them",
    "parts far apart": "parts in two pieces of a sink or in two sinks, or more than 8 kB apart (with escapes between them: 96 bytes)",
    "changed numbers": "a number that was added to, rounded or otherwise reckoned with",
    "backwards in another form": "a number backwards is recognised as digits only",
    "pictures and sound": "what only an eye or an ear would recognise",
}
