"""Takes from BlueSnap's 2xx answers the few values we keep, each by its exact format. Must never keep, log or raise anything else of them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NoReturn

from service.bluesnap.causes import Cause
from service.bluesnap.json_text import parse_json
from service.bluesnap.payloads import STATUSES, UNRECOGNISED, Charge, Subscription
from service.bluesnap.scalars import (
    CURRENCY,
    WORDS,
    amount_of,
    count_of,
    day_of,
    flag_of,
    id_of,
    items_of,
    last_segment,
    object_of,
    word_of,
)
from service.bluesnap.transport import Answer
from service.errors import Unknown

#: 64 hex digits and a sign, a JWT, or free text (bluesnap/variants.md section 2); a card number or a labelled code is no token.
_FIELDS_TOKEN = re.compile(r"(?=[^A-Za-z]*[A-Za-z])[0-9A-Za-z._~-]{1,2048}")
_KIND = re.compile(r"INITIAL|RECURRING")


def unreadable(answer: Answer) -> NoReturn:
    """The way out for an answer that says it succeeded and does not show what must be there. Raises Unknown, always."""
    raise Unknown(Cause.UNREADABLE_ANSWER, status=answer.status)


def document_of(answer: Answer) -> dict[str, Any]:
    """The JSON object in an answer, {} for an empty body. Raises Unknown for anything else."""
    document = parse_json(answer.body) if answer.body.strip() else {}
    return document if isinstance(document, dict) else unreadable(answer)


def read_fields_token(answer: Answer) -> str:
    """The payment-fields token: the last segment of Location, whatever its form (bluesnap/variants.md section 2). Raises Unknown."""
    token = last_segment(answer.location)
    return token if _FIELDS_TOKEN.fullmatch(token) else unreadable(answer)


def read_subscription(answer: Answer) -> Subscription:
    """One subscription. Raises Unknown if the answer shows no id."""
    return _subscription(parse_json(answer.body)) or unreadable(answer)


def read_this_subscription(answer: Answer, subscription_id: str) -> Subscription:
    """The subscription that was asked for. Raises Unknown if the answer shows no id, or another one."""
    shown = read_subscription(answer)
    if shown.subscription_id != subscription_id:
        raise Unknown(Cause.ANOTHERS_ANSWER, status=answer.status)
    return shown


def read_changed_subscription(answer: Answer, subscription_id: str) -> Subscription | None:
    """What the answer to an update shows, which may be the changed field alone, or nothing (bluesnap/variants.md section 1): None.

    Raises Unknown for what is no JSON object, and for another subscription than the one that was changed.
    """
    document = document_of(answer)
    if not document:
        return None
    shown = _subscription({"subscriptionId": subscription_id, **document})
    return shown if shown is not None and shown.subscription_id == subscription_id else unreadable(answer)


def read_switch_price(answer: Answer) -> Decimal | None:
    """What a switch would charge at once: the `value` of a price object (BlueSnap's page on the call); None where it shows none.

    No source shows the object itself, so it is looked for where such objects stand elsewhere. Raises Unknown for what is no JSON object.
    """
    document = document_of(answer)
    price = object_of(document.get("price")) or document
    return next((found for name in ("value", "amount") if (found := amount_of(price.get(name))) is not None), None)


def read_subscriptions(answer: Answer) -> tuple[list[Subscription], bool | None]:
    """One page of subscriptions, and whether it is the last, if it says. Raises Unknown if only one of them cannot be read."""
    items, last = read_page(answer, "subscriptions")
    return [_subscription(item) or unreadable(answer) for item in items], last


def read_charges(answer: Answer) -> tuple[list[Charge], bool | None]:
    """One page of charges, and whether it is the last, if it says.

    Raises Unknown if only one of them cannot be read: a charge must not be overlooked.
    """
    items, last = read_page(answer, "charges")
    return [_charge(item) or unreadable(answer) for item in items], last


def read_page(answer: Answer, name: str) -> tuple[list[Any], bool | None]:
    """The items of one page and whether it says that it is the last. Raises Unknown for an answer that is no page."""
    document = object_of(parse_json(answer.body))
    items, last = document.get(name), flag_of(document.get("lastPage"))
    # An empty list may be left out, as empty lists are elsewhere, but only where the answer is a page at all.
    if items is None and last:
        items = []
    return (items, last) if isinstance(items, list) else unreadable(answer)


def _subscription(document: Any) -> Subscription | None:
    found = object_of(document)
    subscription_id = id_of(found.get("subscriptionId"))
    if subscription_id is None:
        return None
    status = word_of(found.get("status"), WORDS)
    overridden = amount_of(found.get("overrideRecurringChargeAmount"))
    return Subscription(
        subscription_id=subscription_id,
        plan_id=id_of(found.get("planId")),
        shopper_id=id_of(found.get("vaultedShopperId")),
        status=status if status in STATUSES else UNRECOGNISED,
        quantity=count_of(found.get("quantity")),
        amount=amount_of(found.get("recurringChargeAmount")) if overridden is None else overridden,
        currency=word_of(found.get("currency"), CURRENCY),
        auto_renew=flag_of(found.get("autoRenew")),
        next_charge_date=day_of(found.get("nextChargeDate")),
        charge=_charge(found.get("charge")),
    )


def _charge(document: Any) -> Charge | None:
    found = object_of(document)
    transaction_id = id_of(found.get("transactionId"))
    amount, currency = amount_of(found.get("amount")), word_of(found.get("currency"), CURRENCY)
    if transaction_id is None or amount is None or currency is None:
        return None
    return Charge(
        charge_id=id_of(found.get("chargeId")),
        transaction_id=transaction_id,
        amount=amount,
        currency=currency,
        charge_date=day_of(found.get("transactionDate")),
        kind=word_of(object_of(found.get("chargeInfo")).get("chargeType"), _KIND),
        refunded=_refunded(found.get("refunds")),
    )


def _refunded(document: Any) -> Decimal | None:
    """The sum of the refunds shown; None if none are, or if only one of them cannot be added."""
    amounts = [amount_of(object_of(one).get("amount")) for one in items_of(object_of(document).get("refund"))]
    readable = [abs(amount) for amount in amounts if amount is not None]
    return sum(readable, Decimal(0)) if readable and len(readable) == len(amounts) else None
