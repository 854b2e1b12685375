"""The published test cards and what happens to each. The only place with card numbers: none may be printed, logged or kept beyond the moment it is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NEEDS_3DS = "THREE_D_SECURITY_AUTHENTICATION_REQUIRED"
_FAILS = "PROCESSING_GENERAL_DECLINE"  # test-data.md says "failure" and no more

# First match wins; ranges as the brands publish them, as far as test cards need it.
_BRANDS = (
    ("AMEX", r"3[47]"),
    ("DINERS", r"3(?:0[0-5]|[689])"),
    ("JCB", r"35"),
    ("CABAL", r"627170|6042"),
    ("NARANJA", r"589562"),
    ("CHINA_UNION_PAY", r"62"),
    ("DISCOVER", r"6(?:011|4[4-9]|5)"),
    ("MASTERCARD", r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"),
    ("VISA", r"4"),
)
ACCEPTED_BRANDS = frozenset({"AMEX", "DINERS", "DISCOVER", "JCB", "MASTERCARD", "VISA"})


@dataclass(frozen=True)
class Script:
    """What the sandbox does with a number: a decline's name by month of expiry, otherwise `default`; None is success."""

    default: str | None = None
    months: Mapping[int, str | None] = field(default_factory=lambda: MappingProxyType({}))

    def outcome(self, month: int) -> str | None:
        """The errorName of the decline, or None."""
        return self.months.get(month, self.default)


_SUCCESS = Script()
_BY_MONTH = Script(
    "CALL_ISSUER",
    MappingProxyType(
        {1: "INCORRECT_INFORMATION", 4: "EXPIRED_CARD", 5: "INSUFFICIENT_FUNDS", 8: "INVALID_CARD_NUMBER"}
    ),
)

# bluesnap/test-data.md section 2, then numbers that payment networks and other test sets publish.
PUBLISHED: Mapping[str, Script] = MappingProxyType(
    {
        "4263982640269299": _SUCCESS,
        "4111111111111111": _SUCCESS,
        "4917484589897107": _BY_MONTH,
        "4007702835532454": _SUCCESS,
        "5425233430109903": _SUCCESS,
        "2222420000001113": _SUCCESS,
        "5105105105105100": _SUCCESS,
        "374245455400126": _SUCCESS,
        "378282246310005": Script(months=MappingProxyType({5: _FAILS})),
        "60115564485789458": _SUCCESS,
        "6011000991300009": Script(_FAILS),
        "3566000020000410": Script(months=MappingProxyType({3: _FAILS})),
        "6271701225979642": _SUCCESS,
        "5895626746595650": _SUCCESS,
        "4000000000001091": Script(NEEDS_3DS),
        "5200000000001096": Script(NEEDS_3DS),
        **dict.fromkeys(
            (
                "4012888888881881",
                "4242424242424242",
                "2223003122003222",
                "5200828282828210",
                "5555555555554444",
                "371449635398431",
                "30569309025904",
                "36227206271667",
                "38520000023237",
                "3530111333300000",
                "3566002020360505",
                "6011000990139424",
                "6011111111111117",
            ),
            _SUCCESS,
        ),
    }
)

# Names for POST /_levers/fill: number, month of expiry. Our own convenience, not BlueSnap's.
NAMED: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "visa": ("4263982640269299", 2),
        "mastercard": ("5425233430109903", 4),
        "amex": ("374245455400126", 5),
        "discover": ("6011111111111117", 6),
        "diners": ("38520000023237", 6),
        "jcb": ("3566000020000410", 2),
        "incorrect": ("4917484589897107", 1),
        "expired": ("4917484589897107", 4),
        "insufficient_funds": ("4917484589897107", 5),
        "invalid": ("4917484589897107", 8),
        "call_issuer": ("4917484589897107", 6),
        "declined": ("6011000991300009", 6),
        "three_d_secure": ("4000000000001091", 6),
    }
)


class CardRefused(ValueError):
    """The hosted fields do not take this; `name` is the errorName, and the number is nowhere in it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class CardFacts:
    """All that stays of a number once it was read. `last_four` is text: a leading zero counts."""

    brand: str
    last_four: str
    bin_number: str
    sub_type: str
    category: str
    issuing_country: str
    fingerprint: str
    script: Script = field(repr=False)

    @property
    def cvv_length(self) -> int:
        """Digits of the security code."""
        return 4 if self.brand == "AMEX" else 3


def passes_luhn(digits: str) -> bool:
    """The checksum of ISO/IEC 7812-1 over a text of ASCII digits."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(value - 9 * (value > 9) for value in doubled)) % 10 == 0


def brand_of(digits: str) -> str:
    """The brand's name as BlueSnap spells it, or UNKNOWN."""
    return next((brand for brand, prefix in _BRANDS if re.match(prefix, digits)), "UNKNOWN")


def read_number(text: str, secret: str) -> CardFacts:
    """What stays of a typed number. `secret` keys the fingerprint, so that it tells equal cards apart and nothing else.

    Raises CardRefused: INVALID_CC_NUMBER for what fails the checksum and for every number that is not a published
    test number, CARD_TYPE_NOT_SUPPORTED for a brand that the account does not take.
    """
    digits = text.replace(" ", "").replace("-", "")
    if not re.fullmatch(r"[0-9]{12,19}", digits) or not passes_luhn(digits) or digits not in PUBLISHED:
        raise CardRefused("INVALID_CC_NUMBER")
    brand = brand_of(digits)
    if brand not in ACCEPTED_BRANDS:
        raise CardRefused("CARD_TYPE_NOT_SUPPORTED")
    return CardFacts(
        brand=brand,
        last_four=digits[-4:],
        bin_number=digits[:6],
        sub_type="DEBIT" if brand == "MASTERCARD" else "CREDIT",
        category="PLATINUM" if brand == "AMEX" else "CLASSIC",
        issuing_country="gb" if brand == "AMEX" else "us",
        fingerprint=hashlib.sha256(f"{secret}{digits}".encode()).hexdigest()[:40],
        script=PUBLISHED[digits],
    )
