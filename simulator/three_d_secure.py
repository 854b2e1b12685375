"""3-D Secure: which card is challenged, how a run ends, and what its reference is worth afterwards (bluesnap/hosted-fields.md section 5). What the browser says of a result counts for nothing here."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from simulator.answers import Refused, invalid, refusal
from simulator.cards import NEEDS_3DS
from simulator.entities import Authentication, Card, Token
from simulator.tokens import usable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.world import World

ASKED_FOR = "STRONG_CUSTOMER_AUTHENTICATION_REQUIRED"
SUCCEEDED, FAILED = "AUTHENTICATION_SUCCEEDED", "AUTHENTICATION_FAILED"
UNAVAILABLE = "AUTHENTICATION_UNAVAILABLE"
_TEXTS = {
    "14100": ("THREE_D_SECURE_NOT_ENABLED", "3D Secure is not enabled"),
    "14101": ("THREE_D_SECURE_FAILED", "3D Secure authentication failed"),
    "14102": ("THREE_D_SECURE_DATA_MISSING", "3D Secure data is missing"),
    "14103": ("THREE_D_SECURE_CLIENT_ERROR", "3D Secure is not under way"),
}


def refused(code: str) -> Refused:
    """The error 14100, 14101, 14102 or 14103."""
    name, text = _TEXTS[code]
    return Refused(refusal(code, name, text))


def begin(world: World, text: str, data: Mapping[str, Any]) -> Authentication:
    """Start a run for a filled token; it is over at once unless the card is challenged. Raises Refused, also 14100 and 14102."""
    check(world, data)
    mode = world.behaviour.three_d_secure
    token = usable(world, text)
    started = Authentication(str(world.ids.next()))
    if mode == "unavailable":
        started.result = UNAVAILABLE
    elif mode != "always_challenge" and not _is_challenged(token):
        started.result = SUCCEEDED
    token.authentication = world.authentications[started.reference] = started
    return started


def check(world: World, data: Mapping[str, Any]) -> None:
    """Raises Refused: 14100 where 3-D Secure is off, 14102 without an amount above zero and a currency."""
    if world.behaviour.three_d_secure == "off":
        raise refused("14100")
    if not _is_amount(data.get("amount")) or not re.fullmatch("[A-Z]{3}", str(data.get("currency"))):
        raise refused("14102")


def _is_amount(value: object) -> bool:
    try:
        return not isinstance(value, bool) and Decimal(str(value)) > 0
    except InvalidOperation:
        return False


def _is_challenged(token: Token) -> bool:
    return token.facts is not None and token.facts.script.outcome(token.month) == NEEDS_3DS


def finish(world: World, text: str, *, passed: bool) -> Authentication:
    """The cardholder passed the challenge, or did not; raises Refused 14101 for the latter, 14103 when none is open."""
    token = world.tokens.get(text)
    if token is None or token.authentication is None or token.authentication.result:
        raise refused("14103")
    token.authentication.result = SUCCEEDED if passed else FAILED
    if not passed:
        raise refused("14101")
    return token.authentication


def reference_in(body: Mapping[str, Any]) -> str:
    """The reference of a `threeDSecure` object, as text, "" when there is none; raises Refused for what is no number."""
    given = body.get("threeDSecureReferenceId")
    if given in (None, ""):
        return ""
    if isinstance(given, bool) or not re.fullmatch(r"[0-9]{1,19}", str(given)):
        raise Refused(invalid("threeDSecure.threeDSecureReferenceId", "Field validation failed."))
    return str(given)


def accept(world: World, card: Card, token: Token, reference: str) -> None:
    """A card comes into the vault with a reference: it counts once, for the token that it was made for, if the run succeeded."""
    own = token.authentication
    card.reference = own.reference if own else ""
    if own is not None and reference == own.reference:
        card.authenticated = own.result == SUCCEEDED and not own.used
        own.used = True
    else:
        card.authenticated = _is_foreign_but_fine(world, reference)


def confirm(world: World, card: Card, reference: str) -> None:
    """A card of the vault is charged with a reference: its own adds nothing to what the vault accepted; see `accept` for others."""
    if reference != card.reference and _is_foreign_but_fine(world, reference):
        card.authenticated = True


def _is_foreign_but_fine(world: World, reference: str) -> bool:
    """A reference that this simulator never gave out is believed, unless the behaviour says otherwise; another token's never is."""
    known = not reference or reference in world.authentications
    return not known and world.behaviour.three_d_secure_reference == "any"


def asked_for(world: World, card: Card) -> str | None:
    """The errorName of the soft decline when every card is asked, by behaviour, and this one was not authenticated."""
    return ASKED_FOR if world.behaviour.authentication_required == "always" and not card.authenticated else None
