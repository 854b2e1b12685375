"""The life of a payment-fields token: empty, filled, spent, expired. What is typed is read, judged and dropped here; only what cards.py keeps of it remains."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.answers import Refused, refusal
from simulator.cards import CardRefused, read_number
from simulator.entities import Token

if TYPE_CHECKING:
    from simulator.world import World

LIFETIME = timedelta(minutes=60)
_PARTS = frozenset({"ccNumber", "expDate", "cvv"})
_TEXTS = {
    "14040": ("EXPIRED_TOKEN", "Token is expired"),
    "14041": ("TOKEN_NOT_FOUND", "Token is not found"),
    "14042": (
        "NO_PAYMENT_DETAILS_LINKED_TO_TOKEN",
        "Token is not associated with a payment method, please verify your client integration or contact BlueSnap support.",
    ),
}


def create(world: World) -> Token:
    """A fresh one: 64 hex digits and the sandbox's underscore. Its text is never predictable, whatever the seed."""
    token = Token(f"{secrets.token_hex(32)}_", world.clock.now())
    world.tokens[token.text] = token
    return token


def refused(code: str) -> Refused:
    """The error 14040, 14041 or 14042."""
    name, text = _TEXTS[code]
    return Refused(refusal(code, name, text))


def usable(world: World, text: object) -> Token:
    """The filled, unspent, unexpired token; raises Refused in the words of bluesnap/test-data.md section 5."""
    token = world.tokens.get(str(text))
    if token is None:
        raise refused("14041")
    if token.spent:
        raise refused(world.behaviour.spent_token_code)
    if world.clock.now() - token.created_at >= LIFETIME:
        raise refused("14040")
    if not token.filled:
        raise refused("14042")
    return token


def fill(world: World, text: str, parts: Mapping[str, object]) -> Token:
    """Take any of `ccNumber`, `expDate` (MM/YYYY) and `cvv`, all or none of them; nothing at all is a probe.

    Raises Refused for the token and CardRefused for a part.
    """
    token = world.tokens.get(text)
    if token is None:
        raise refused("14041")
    if token.spent:
        raise CardRefused("TOKEN_WAS_ALREADY_USED_FOR_CC")
    if world.clock.now() - token.created_at >= LIFETIME:
        raise refused("14040")
    given = {name: str(value) for name, value in parts.items() if name in _PARTS and value is not None}
    facts = read_number(given["ccNumber"], world.fingerprint_key) if "ccNumber" in given else token.facts
    month, year = _expiry(world, given["expDate"]) if "expDate" in given else (token.month, token.year)
    cvv_length = token.cvv_length
    if "cvv" in given:
        cvv_length = len(given["cvv"]) if re.fullmatch(r"[0-9]{3,4}", given["cvv"]) else 0
        if not cvv_length or (facts and cvv_length != facts.cvv_length):
            raise CardRefused("INVALID_CVV")
    token.facts, token.month, token.year, token.cvv_length = facts, month, year, cvv_length
    return token


def _expiry(world: World, text: str) -> tuple[int, int]:
    """Month and year of `MM/YYYY`, good to the end of that month in the billing zone; raises CardRefused."""
    found = re.fullmatch(r"(0?[1-9]|1[0-2]) ?/ ?(20[0-9]{2})", text.strip())
    if not found:
        raise CardRefused("INVALID_EXP_DATE")
    month, year = int(found[1]), int(found[2])
    today = world.clock.now().astimezone(world.behaviour.billing_zone)
    if (year, month) < (today.year, today.month):
        raise CardRefused("INVALID_EXP_DATE")
    return month, year


def spend(world: World, text: object) -> None:
    """After this the token is of no use; an unknown one is ignored."""
    token = world.tokens.get(str(text))
    if token is not None:
        token.spent = True
