"""Turns BlueSnap's free-text reasons into a word of ours. Must never keep or repeat a piece of the text: people write names and numbers into it."""

from __future__ import annotations

import enum
import re
from urllib.parse import unquote_plus


class Reason(enum.StrEnum):
    """Why something was cancelled, given back, disputed or not paid, as far as a known word in the text tells."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    CARD_EXPIRED = "card_expired"
    INCORRECT_DETAILS = "incorrect_details"
    CALL_ISSUER = "call_issuer"
    AUTHENTICATION_REQUIRED = "authentication_required"
    CARD_REFUSED = "card_refused"
    FRAUD = "fraud"
    DUPLICATE = "duplicate"
    NOT_PAID = "not_paid"
    BY_SELLER = "by_seller"
    BY_SHOPPER = "by_shopper"
    OTHER = "other"


# The first that fits counts: the particular before the general. Names: bluesnap/errors.md section 4; `CANCELLED_BY_SELLER` and
# `Per your instructions`: bluesnap/variants.md section 9; the rest is what such texts are likely to say, and nothing is decided by it.
_SIGNS: tuple[tuple[Reason, str], ...] = (
    (Reason.INSUFFICIENT_FUNDS, r"insufficient funds|limit exceeded"),
    (Reason.AUTHENTICATION_REQUIRED, r"3 ?d secur|three d secur|strong customer|authentication required"),
    (Reason.CARD_EXPIRED, r"(expired card|card (is |has )?expired)"),
    (Reason.FRAUD, r"fraud|high risk|unauthori[sz]ed|not authori[sz]ed by"),
    (Reason.DUPLICATE, r"duplicate"),
    (
        Reason.INCORRECT_DETAILS,
        r"incorrect information|invalid card number|cvv error|invalid payment details|invalid pin",
    ),
    (Reason.CALL_ISSUER, r"call issuer"),
    (
        Reason.CARD_REFUSED,
        (
            r"do not honou?r|general decline|declined|authori[sz]ation (failed|revoked)|lost or stolen|pick ?up card"
            r"|restricted card|account closed|issuer is unavailable"
        ),
    ),
    (Reason.NOT_PAID, r"non ?payment|not paid|unpaid|charge failed|payment failed|grace period"),
    (Reason.BY_SELLER, r"by (the )?(seller|merchant|vendor)|per your instructions"),
    (Reason.BY_SHOPPER, r"by (the )?(shopper|customer|cardholder|buyer)"),
)
_PATTERNS = tuple((word, re.compile(rf"\b(?:{sign})")) for word, sign in _SIGNS)


def reason_of(text: str) -> Reason:
    """The word for a reason, OTHER for every text that none fits. Never raises.

    A failure's text may be percent-encoded once more than the rest of its notice (bluesnap/webhooks.md section 4.5).
    """
    plain = re.sub(r"[^a-z0-9]+", " ", unquote_plus(text).lower())
    return next((word for word, pattern in _PATTERNS if pattern.search(plain)), Reason.OTHER)
