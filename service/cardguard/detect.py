"""Says whether text or bytes hold card data, by a constant word and never by the value. Pure; linear in the input.

Found: a number of 13 to 19 digits of a brand with its check digit, and from 14 digits on with a wrong one too; track data; security codes under
their names. Through: digits of other scripts, NFKC forms, invisible and bidi signs, any separators, percent-encoding (repeated too), HTML entities,
JSON escapes, quoted-printable, base64, base32, hexadecimal, UTF-16, UTF-7, gzip and zlib, up to three encodings in one another; numbers in several
fields or items through `numbers_hold_card`; names of card fields through `names_card_data`.

Not found, and not to be found: letters in place of digits (O for 0), numbers in words, digits of a number among other digits, splits over several
requests, expiry dates and names of people without a label, ciphers and encodings of one's own, base64 broken into lines, card numbers within what
has the exact format of a hash, UUID, time, network address or bank account, a number in hexadecimal unless it has 16 digits and stands alone,
a number backwards that has 13 or 19 digits or reads as a moment in microseconds, digits that were rounded, slips in a number that is split, in base 16 or in exponent form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from service.cardguard import detect_forms as forms
from service.cardguard import detect_numbers as numbers

DIGITS = b"0123456789"
LAYERS = 3
ROUNDS = 4
#: What is decoded and looked at again may be this many times the input, and this many bytes more.
TIMES, MORE = 4, 2 * forms.UNPACKED


@dataclass(frozen=True)
class Find:
    """What was found. `rule` is one of the constant words below; it is all that may be said of the find."""

    rule: str


CARD_NUMBER = Find("card_number")
TRACK_DATA = Find("track_data")
SECURITY_CODE = Find("security_code")
PIN = Find("pin")
EXPIRY = Find("expiry")
#: So deeply or so much encoded that it cannot be said what it holds.
TOO_TANGLED = Find("too_tangled")

#: ISO/IEC 7813: %B number ^ name ^ expiry, service code ... ? and ; number = expiry, service code ... ?
_TRACK = re.compile(r"[0-9]{12,19}(?:\^[^^\r\n]{2,26}\^|[=D])[0-9]{4}")
_CODE = re.compile(
    r"(?:cvv2?|cvc2?|cvn2?|(?<![a-z])csc|security[ _-]?code|card[ _-]?verification(?:[ _-]?(?:code|number|value))?)"
    r"[\W_]{1,6}[0-9]{3,4}(?![0-9])"
    r"|(?<![a-z])cid[\"']?[:=]{1}[\"' ]{0,2}[0-9]{3,4}(?![0-9])",
    re.IGNORECASE,
)
_NAMES = (
    (SECURITY_CODE, re.compile(r"cvv|cvc|securitycode|cardverification|^(?:cid|csc|cvn2?|cav2?)$")),
    (CARD_NUMBER, re.compile(r"cardnumber|ccnumber|ccnum|creditcard|^(?:pan|cardno|primaryaccountnumber)$")),
    (TRACK_DATA, re.compile(r"^track[123]?(?:data)?$|trackdata|magstripe|^servicecode$")),
    (PIN, re.compile(r"^(?:card|cc)?pin(?:block|code|number)?$")),
    (
        EXPIRY,
        re.compile(
            r"^(?:card|cc)?exp(?:iry|iration)?(?:date|month|year|mm|yy|yyyy)$|^cc?exp$|^cardexp(?:iry|iration)?$"
        ),
    ),
)
#: Short text without a digit and without a sign that could stand for others; or digits, fewer than thirteen.
_PLAIN = re.compile(r"[A-Za-z ,.'/:;_-]*|[0-9.]{0,12}")
#: A number written in hexadecimal: 13 or 14 such digits for 16 decimal ones.
_HEX_NUMBER = re.compile(r"\s*(?:0[xX])?([0-9A-Fa-f]{13,14})\s*")


def _digits(text: str) -> int:
    data = text.encode("utf-8", "replace")
    return len(data) - len(data.translate(None, DIGITS))


def _look(text: str) -> Find | None:
    """Folded text as it stands."""
    count = _digits(text)
    if count < 3:
        return None
    if count >= numbers.FEWEST:
        if _TRACK.search(text):
            return TRACK_DATA
        if numbers.may_hold(text) and numbers.in_text(forms.without_honest(text)):
            return CARD_NUMBER
    return SECURITY_CODE if _CODE.search(text) else None


class _Search:
    """One call's search, with what it may still decode."""

    def __init__(self, size: int) -> None:
        self.left = TIMES * size + MORE

    def text(self, text: str, layer: int) -> Find | None:
        """The text, the text with its escapes undone, and what is encoded in either."""
        views = [forms.fold(text)]
        found = _look(views[0])
        for _ in range(ROUNDS):
            view = views[-1]
            if found or not any(sign in view for sign in "%\\&<"):
                break
            views.append(forms.fold(forms.unescape(view)))
            found = _look(views[-1]) if views[-1] != view else None
            if views[-1] == view:
                break
        if not found and "=" in views[-1]:
            found = _look(forms.fold(forms.unquote(views[-1])))
        return found or self.encoded({views[0], views[-1]}, layer)

    def encoded(self, views: set[str], layer: int) -> Find | None:
        """What the long words of a text hold."""
        if layer >= LAYERS:
            return None
        for view in views:
            for data in forms.decoded(view):
                found = self.data(data, layer + 1)
                if found:
                    return found
        return None

    def data(self, data: bytes, layer: int) -> Find | None:
        """Decoded bytes, if they could be anything: compressed, rich in digits, or text."""
        plain = forms.unpack(data)
        if plain is None:
            return TOO_TANGLED
        data = plain or data
        if not plain and len(data) - len(data.translate(None, DIGITS)) < numbers.FEWEST:
            try:
                data.decode("utf-8")
            except UnicodeDecodeError:
                return None
        self.left -= len(data)
        return TOO_TANGLED if self.left < 0 else self.text(forms.as_text(data), layer)


def _hex_number(text: str) -> Find | None:
    found = _HEX_NUMBER.fullmatch(text)
    number = str(int(found.group(1), 16)) if found else ""
    return CARD_NUMBER if len(number) == 16 and numbers.is_card(number) else None


def holds_card(data: bytes | str) -> Find | None:
    """What card data one value holds, or None. `data` is a path segment, a header's value, a text of a document, a number as text, or a raw body."""
    if isinstance(data, bytes):
        plain = forms.unpack(data)
        if plain is None:
            return TOO_TANGLED
        data = forms.as_text(plain or data)
    if len(data) < forms.BASE64_FROM and _PLAIN.fullmatch(data):
        return None  # most values are such, and can be none of what follows
    return _Search(len(data)).text(data, 0) or _hex_number(data)


def numbers_hold_card(values: Iterable[str]) -> Find | None:
    """What the numbers of one document make together: all its scalars as text, in their order. Those that are more than digits are passed over."""
    folded = (forms.fold(value).strip() for value in values if len(value) <= 40)
    return CARD_NUMBER if numbers.in_pieces([value for value in folded if value.isdecimal()]) else None


def names_card_data(name: str) -> Find | None:
    """What a name says that its value is: a JSON key, a query parameter, a header, a form field. Not for values: people are called Pan and Cid."""
    plain = "".join(sign for sign in forms.fold(name[:200]).casefold() if sign.isalnum())
    return next((find for find, pattern in _NAMES if pattern.search(plain)), None)
