"""Changing and deleting vaulted shoppers: contact, cards that come, cards that go (bluesnap/api.md section 7). A card that a running subscription uses stays."""

from __future__ import annotations

from typing import Any

from simulator import billing, vault
from simulator.answers import Answer, Refused, invalid, refusal
from simulator.entities import Card, Shopper
from simulator.protocol import payloads
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import mapping
from simulator.protocol.shoppers import card_entries, contact_of, known, matching, new_card


def update(exchange: Exchange, shopper_id: str) -> Answer:
    """PUT /vaulted-shoppers/{id}: replaces the contact, adds cards by token, deletes those with status D."""
    world, body = exchange.world, exchange.body
    shopper = known(exchange, shopper_id)
    contact = contact_of(body)
    cards, fresh = list(shopper.cards), []
    for entry in card_entries(body):
        if entry.get("status") == "D":
            cards.remove(_deletable(exchange, shopper, cards, entry))
        elif "pfToken" in entry:
            card = new_card(exchange, body, entry, contact)
            cards = [old for old in cards if old.facts.fingerprint != card.facts.fingerprint] + [card]
            fresh.append(card)
    shopper.contact, shopper.cards = contact, cards
    for card in fresh:
        _refresh(exchange, shopper, card)
        vault.tell_of_shopper(world, "PAYMENT_UPDATED", shopper, card)
    vault.tell_of_shopper(world, "VAULTED_SHOPPER", shopper, cards[-1] if cards else None)
    billing.record_change(world, "shopper", shopper.id, cards=len(cards))
    return Answer(204) if exchange.version == "1.0" else Answer(200, payloads.shopper(world, shopper))


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


def _refresh(exchange: Exchange, shopper: Shopper, card: Card) -> None:
    """A card sent again refreshes its expiry, also where a subscription uses it."""
    for running in exchange.world.subscriptions.values():
        if running.shopper is shopper and running.card.facts.fingerprint == card.facts.fingerprint:
            running.card = card


def delete(exchange: Exchange, shopper_id: str) -> Answer:
    """DELETE /vaulted-shoppers/{id}: 200 with a text, and gone within a week; 14110 while anything speaks against it."""
    shopper = known(exchange, shopper_id)
    if reason := vault.why_kept(exchange.world, shopper):
        raise Refused(refusal("14110", "DELETE_SHOPPER_VALIDATION_FAILURE", reason))
    vault.delete_later(exchange.world, shopper)
    return Answer(200, {"description": "The shopper will be deleted within 7 days."})
