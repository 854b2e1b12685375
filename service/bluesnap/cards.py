"""The little of a card and of a payer that a person may be shown, live. Must never be stored, logged, or kept longer than an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

UNRECOGNISED = "UNRECOGNISED"
BRAND = re.compile(r"[A-Z][A-Z _]{0,39}")  # no digits: what BlueSnap says here is shown
_LAST_FOUR = re.compile(r"[0-9]{4}")


@dataclass(frozen=True)
class CardHint:
    """A stored card: BlueSnap gives it no id, so that its brand and last four digits are all there is to name it by.

    Two cards can be equal. `brand` in capitals (an open set), UNRECOGNISED if it could not be read; `last_four` is then or otherwise "".
    """

    brand: str
    last_four: str = field(repr=False)

    @property
    def nameable(self) -> bool:
        """Whether the card can be named to BlueSnap."""
        readable = BRAND.fullmatch(self.brand) and _LAST_FOUR.fullmatch(self.last_four)
        return bool(readable) and self.brand != UNRECOGNISED


@dataclass(frozen=True)
class PayerHint:
    """Who pays, for a person in support to recognise; None for what BlueSnap does not show."""

    first_name: str | None = field(repr=False)
    last_name: str | None = field(repr=False)
    email: str | None = field(repr=False)
