"""Vaulted shoppers and their cards (bluesnap/api.md section 7). A card comes in by a payment-fields token only; a card number in a request is refused."""

from __future__ import annotations

from typing import Any

from simulator import billing
from simulator.answers import Answer, Refused, decline, invalid, messages, refusal
from simulator.entities import Card, Shopper, Token
from simulator.protocol import payloads
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import identifier, mapping, text
from simulator.tokens import spend, usable

CONTACT = (
    "firstName",
    "lastName",
    "email",
    "phone",
    "country",
    "state",
    "address",
    "address2",
    "city",
    "zip",
    "companyName",
)
_BILLING = ("firstName", "lastName", "address1", "address2", "city", "state", "zip", "country")


def create(exchange: Exchange) -> Answer:
    """POST /vaulted-shoppers: 200 with the object, or 201 with nothing but Location in version 1.0."""
    made = vault(exchange, exchange.body)
    location = exchange.location(f"/vaulted-shoppers/{made.id}")
    if exchange.version == "1.0":
        return Answer(201, None, headers=location)
    return Answer(200, payloads.shopper(exchange.world, made), headers=location)


def vault(exchange: Exchange, body: dict[str, Any]) -> Shopper:
    """Check and keep a new shopper; raises Refused, and a decline spends the token."""
    world = exchange.world
    contact = _contact(body)
    new = Shopper(
        id=world.ids.next(),
        merchant_shopper_id=text(body, "merchantShopperId"),
        contact=contact,
        currency=text(body, "shopperCurrency") or "USD",
        created_at=world.clock.now(),
    )
    for entry in _card_entries(body):
        new.cards.append(_new_card(exchange, body, entry, contact))
    world.shoppers[new.id] = new
    world.ledger.record("shopper", new.id, new.created_at, merchant_shopper_id=new.merchant_shopper_id)
    return new


def get(exchange: Exchange, shopper_id: str) -> Answer:
    """GET /vaulted-shoppers/{id}."""
    return Answer(200, payloads.shopper(exchange.world, known(exchange, shopper_id)))


def find(exchange: Exchange, merchant_shopper_id: str) -> Answer:
    """GET /vaulted-shoppers/merchant/{merchantShopperId}; of several with one id, the newest."""
    for shopper in reversed(exchange.world.shoppers.values()):
        if shopper.merchant_shopper_id == merchant_shopper_id and exchange.visible(shopper.created_at):
            return Answer(200, payloads.shopper(exchange.world, shopper))
    raise exchange.missing("the vaulted shopper")


def update(exchange: Exchange, shopper_id: str) -> Answer:
    """PUT /vaulted-shoppers/{id}: replaces the contact, adds cards by token, deletes those with status D."""
    world, body = exchange.world, exchange.body
    shopper = known(exchange, shopper_id)
    contact = _contact(body)
    cards = list(shopper.cards)
    for entry in _card_entries(body):
        if entry.get("status") == "D":
            cards.remove(_deletable(exchange, shopper, cards, entry))
        elif "pfToken" in entry:
            card = _new_card(exchange, body, entry, contact)
            cards = [old for old in cards if old.facts.fingerprint != card.facts.fingerprint] + [card]
            _refresh(exchange, shopper, card)
    shopper.contact, shopper.cards = contact, cards
    billing.record_change(world, "shopper", shopper.id, cards=len(cards))
    return Answer(204) if exchange.version == "1.0" else Answer(200, payloads.shopper(world, shopper))


def known(exchange: Exchange, shopper_id: object) -> Shopper:
    """The shopper; raises Refused with a 403."""
    shopper = exchange.world.shoppers.get(identifier(shopper_id))
    if shopper is None or not exchange.visible(shopper.created_at):
        raise exchange.missing("the vaulted shopper")
    return shopper


def _contact(body: dict[str, Any]) -> dict[str, str]:
    """The payer's fields; countries and states are answered in their usual case, whatever was sent."""
    absent = [name for name in ("firstName", "lastName") if not text(body, name).strip()]
    if absent:
        entries = [invalid(name, "Field is required.").body["message"][0] for name in absent]
        raise Refused(messages(*entries))
    contact = {name: text(body, name) for name in CONTACT if text(body, name)}
    if "country" in contact:
        contact["country"] = contact["country"].lower()
        if len(contact["country"]) != 2:
            raise Refused(invalid("country", "Country code is not valid."))
    return contact


def _card_entries(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of paymentSources.creditCardInfo, and a top-level pfToken as one more."""
    listed = mapping(body, "paymentSources").get("creditCardInfo", [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise Refused(invalid("paymentSources.creditCardInfo", "Field validation failed."))
    entries = [*listed, {"pfToken": body["pfToken"]}] if "pfToken" in body else list(listed)
    for entry in entries:
        refuse_number(mapping(entry, "creditCard"))
    return entries


def refuse_number(card: dict[str, Any]) -> None:
    """A server that sends a number itself lacks the role for it: 403."""
    if {"cardNumber", "encryptedCardNumber", "securityCode"} & set(card):
        why = "<xml>You are not authorized to perform this request due to inappropriate role permissions.</xml>"
        raise Refused(Answer(403, why, "application/xml"))


def _new_card(exchange: Exchange, body: dict[str, Any], entry: dict[str, Any], contact: dict[str, str]) -> Card:
    """The card behind a token, checked with its bank; raises Refused."""
    token = usable(exchange.world, entry.get("pfToken"))
    given = mapping(entry, "billingContactInfo")
    names = {name: text(given, name) for name in _BILLING if text(given, name)}
    card = _card_of(exchange, token, names or {name: contact[name] for name in ("firstName", "lastName")})
    card.authenticated = bool(mapping(body, "threeDSecure").get("threeDSecureReferenceId"))
    spend(exchange.world, token.text)
    reason = card.decline_reason if exchange.world.behaviour.decline_at == "vault" else None
    if contact.get("email") == "decline@test.com" or contact.get("city") == "KADIMA-ZORAN":
        reason = "FRAUD_DETECTED"  # bluesnap/test-data.md section 3
    if reason:
        raise Refused(decline(reason, vaulting=True))
    return card


def _card_of(exchange: Exchange, token: Token, billing_contact: dict[str, str]) -> Card:
    if token.facts is None:
        raise Refused(refusal("15009", None, "Order creation failure, since no payment information was provided."))
    now = exchange.world.clock.now()
    return Card(token.facts, token.month, token.year, billing_contact, now)


def _deletable(exchange: Exchange, shopper: Shopper, cards: list[Card], entry: dict[str, Any]) -> Card:
    """The card that an entry names; raises Refused when there is none, or a running subscription needs it."""
    found = matching(cards, mapping(entry, "creditCard"))
    if not found:
        raise Refused(invalid("creditCard", "Card was not found."))
    running = exchange.world.subscriptions.values()
    if any(
        one.shopper is shopper and one.status == "ACTIVE" and one.card.identity == found[0].identity for one in running
    ):
        raise Refused(refusal("10001", "VALIDATION_GENERAL_FAILURE", "Card is used by an active subscription."))
    return found[0]


def matching(cards: list[Card], wanted: dict[str, Any]) -> list[Card]:
    """The cards of that brand and last four digits; either may be left out."""
    brand, digits = wanted.get("cardType"), wanted.get("cardLastFourDigits")
    same_brand = [card for card in cards if brand is None or card.facts.brand == str(brand).upper()]
    return [card for card in same_brand if digits is None or card.facts.last_four == str(digits).zfill(4)]


def _refresh(exchange: Exchange, shopper: Shopper, card: Card) -> None:
    """A card sent again refreshes its expiry, also where a subscription uses it."""
    for running in exchange.world.subscriptions.values():
        if running.shopper is shopper and running.card.facts.fingerprint == card.facts.fingerprint:
            running.card = card
