"""Vaulted shoppers: making, reading and finding them (bluesnap/api.md section 7). A card comes in by a payment-fields token only; a card number in a request is refused."""

from __future__ import annotations

from typing import Any

from simulator import three_d_secure, vault
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
    made = store(exchange, exchange.body)
    location = exchange.location(f"/vaulted-shoppers/{made.id}")
    if exchange.version == "1.0":
        return Answer(201, None, headers=location)
    return Answer(200, payloads.shopper(exchange.world, made), headers=location)


def store(exchange: Exchange, body: dict[str, Any]) -> Shopper:
    """Check and keep a new shopper; raises Refused, and a decline spends the token."""
    world = exchange.world
    contact = contact_of(body)
    new = Shopper(
        id=world.ids.next(),
        merchant_shopper_id=text(body, "merchantShopperId"),
        contact=contact,
        currency=text(body, "shopperCurrency") or "USD",
        created_at=world.clock.now(),
    )
    for entry in card_entries(body):
        new.cards.append(new_card(exchange, body, entry, contact))
    world.shoppers[new.id] = new
    world.ledger.record("shopper", new.id, new.created_at, merchant_shopper_id=new.merchant_shopper_id)
    vault.tell_of_shopper(world, "VAULTED_SHOPPER", new, new.cards[-1] if new.cards else None)
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


def known(exchange: Exchange, shopper_id: object) -> Shopper:
    """The shopper; raises Refused with a 403."""
    shopper = exchange.world.shoppers.get(identifier(shopper_id))
    if shopper is None or not exchange.visible(shopper.created_at):
        raise exchange.missing("the vaulted shopper")
    return shopper


def contact_of(body: dict[str, Any]) -> dict[str, str]:
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


def card_entries(body: dict[str, Any]) -> list[dict[str, Any]]:
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


def new_card(exchange: Exchange, body: dict[str, Any], entry: dict[str, Any], contact: dict[str, str]) -> Card:
    """The card behind a token, checked with its bank; raises Refused."""
    world = exchange.world
    token = usable(world, entry.get("pfToken"))
    given = mapping(entry, "billingContactInfo")
    names = {name: text(given, name) for name in _BILLING if text(given, name)}
    card = _card_of(exchange, token, names or {name: contact[name] for name in ("firstName", "lastName")})
    three_d_secure.accept(world, card, token, three_d_secure.reference_in(mapping(body, "threeDSecure")))
    spend(world, token.text)
    reason = None
    if world.behaviour.decline_at == "vault":
        reason = card.decline_reason or three_d_secure.asked_for(world, card)
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


def matching(cards: list[Card], wanted: dict[str, Any]) -> list[Card]:
    """The cards of that brand and last four digits; either may be left out."""
    brand, digits = wanted.get("cardType"), wanted.get("cardLastFourDigits")
    same_brand = [card for card in cards if brand is None or card.facts.brand == str(brand).upper()]
    return [card for card in same_brand if digits is None or card.facts.last_four == str(digits).zfill(4)]
