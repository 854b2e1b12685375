"""Takes from an answer about a vaulted shopper its ids, its cards' names and, for a PUT that must repeat it, its contact. Must never keep more."""

from __future__ import annotations

import re
from typing import Any

from service.bluesnap.answers import document_of, unreadable
from service.bluesnap.cards import BRAND, UNRECOGNISED, CardHint, PayerHint
from service.bluesnap.causes import Cause
from service.bluesnap.json_text import parse_json
from service.bluesnap.payloads import Shopper
from service.bluesnap.scalars import id_of, items_of, last_segment, object_of
from service.bluesnap.transport import Answer
from service.errors import Unknown

_MERCHANT_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
_LONGEST = 200
_MOST_DIGITS = 12  # in a name: as many as no card number has
# What a PUT, which is close to a replacement, would lose if it did not send it again (bluesnap/api.md section 7).
_CONTACT = (
    "firstName", "lastName", "email", "phone", "country", "state", "address", "address2", "city", "zip", "companyName",
    "shopperCurrency", "merchantShopperId", "softDescriptor", "descriptorPhoneNumber", "personalIdentificationNumber",
)  # fmt: skip


def read_shopper(answer: Answer, *, ours: str | None = None) -> Shopper:
    """The shopper; the id from the body, else from Location or Content-Location (bluesnap/variants.md section 1).

    Raises Unknown where there is none, and for an answer that names another id of ours than the one that was given or asked for.
    """
    document = object_of(parse_json(answer.body))
    headers = (last_segment(answer.location), last_segment(answer.content_location))
    shopper_id = next(filter(None, map(id_of, (document.get("vaultedShopperId"), *headers))), None)
    if shopper_id is None:
        unreadable(answer)
    told = document.get("merchantShopperId")
    named = told if isinstance(told, str) and _MERCHANT_ID.fullmatch(told) else None
    if ours is not None and named not in {None, ours}:
        raise Unknown(Cause.ANOTHERS_ANSWER, status=answer.status)
    return Shopper(shopper_id, named)


def read_cards(answer: Answer, shopper_id: str) -> list[CardHint]:
    """The cards of the shopper that was read, in BlueSnap's order. Raises Unknown for an answer that is no shopper, or another."""
    return _cards(_shown_shopper(answer, shopper_id))


def read_changed_cards(answer: Answer) -> list[CardHint] | None:
    """The cards that the answer to an update shows; None where it shows too little to tell (bluesnap/variants.md section 1).

    Raises Unknown for what is no JSON object.
    """
    document = document_of(answer)
    whole = "vaultedShopperId" in document or "paymentSources" in document
    return _cards(document) if whole else None


def read_charged_card(answer: Answer, subscription_id: str) -> CardHint | None:
    """The card that the subscription is charged to; None where it shows none. Raises Unknown for an answer that is no subscription, or another."""
    document = _named(answer, "subscriptionId", subscription_id)
    return next(iter(_listed(document.get("paymentSource"))), None)


def read_payer(answer: Answer, shopper_id: str) -> PayerHint:
    """Name and e-mail of the shopper. Raises Unknown for an answer that is no shopper, or another."""
    document = _shown_shopper(answer, shopper_id)
    return PayerHint(*(_name(document.get(field)) for field in ("firstName", "lastName", "email")))


def read_contact(answer: Answer, shopper_id: str) -> dict[str, Any]:
    """What an update must repeat, under BlueSnap's names. Raises Unknown where it cannot, or shows another shopper: then a PUT would lose it."""
    document = _shown_shopper(answer, shopper_id)
    contact: dict[str, Any] = {field: text for field in _CONTACT if (text := _text(document.get(field))) is not None}
    if "firstName" not in contact or "lastName" not in contact:
        unreadable(answer)
    if "softDescriptor" in contact:
        # the answer has a prefix that BlueSnap put there (bluesnap/api.md section 6)
        contact["softDescriptor"] = contact["softDescriptor"].removeprefix("BLS*")
    shipping = object_of(document.get("shippingContactInfo"))
    address = {field: text for field in sorted(shipping) if (text := _text(shipping[field])) is not None}
    return {**contact, "shippingContactInfo": address} if address else contact


def _shown_shopper(answer: Answer, shopper_id: str) -> dict[str, Any]:
    return _named(answer, "vaultedShopperId", shopper_id)


def _named(answer: Answer, field: str, asked: str) -> dict[str, Any]:
    """The answer's object, if it is about what was asked for."""
    document = object_of(parse_json(answer.body))
    shown = id_of(document.get(field))
    if shown is None:
        unreadable(answer)
    if shown != asked:
        raise Unknown(Cause.ANOTHERS_ANSWER, status=answer.status)
    return document


def _cards(document: dict[str, Any]) -> list[CardHint]:
    return _listed(document.get("paymentSources"))


def _listed(sources: object) -> list[CardHint]:
    """`creditCardInfo` is a list in shoppers and an object in subscriptions (bluesnap/variants.md section 8)."""
    return [_card(object_of(one).get("creditCard")) for one in items_of(object_of(sources).get("creditCardInfo"))]


def _card(document: object) -> CardHint:
    """What cannot be read stands as such: a card must not be overlooked, nor stop the others from being shown."""
    found = object_of(document)
    brand = _text(found.get("cardType")) or ""
    known = brand.strip().upper().replace("MASTER CARD", "MASTERCARD")
    return CardHint(known if BRAND.fullmatch(known) else UNRECOGNISED, _last_four(found.get("cardLastFourDigits")))


def _last_four(value: object) -> str:
    """Text, or a number that has lost its leading zeros (bluesnap/variants.md section 4)."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text.zfill(4) if re.fullmatch(r"[0-9]{1,4}", text) else ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable() else None


def _name(value: object) -> str | None:
    text = _text(value)
    return text if text is not None and sum(map(str.isdigit, text)) <= _MOST_DIGITS else None
