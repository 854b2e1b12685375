"""What happens to shoppers and cards outside any payment: their bank's mood, the card networks' updater, deletion. It never adds a card that was not there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from simulator import billing, noticeforms
from simulator.cards import PUBLISHED, CardFacts, brand_of, read_number
from simulator.entities import Card, Shopper, Subscription
from simulator.notices import Form, provider_date
from simulator.telling import tell

if TYPE_CHECKING:
    from simulator.world import World

DELETED_AFTER = timedelta(days=7)
KEPT_AFTER_PURCHASE = timedelta(days=365)
UPDATES = {
    "new_number": "New account number",
    "new_expiry": "New expiration date",
    "closed": "Account closed",
}


def active_subscriptions(world: World, shopper: Shopper) -> list[Subscription]:
    """Those that will be charged again or whose period still runs."""
    return [one for one in world.subscriptions.values() if one.shopper is shopper and one.status == "ACTIVE"]


def exchange_card(world: World, shopper: Shopper, old: Card, new: Card) -> None:
    """Another card in the place of one, in the vault and wherever a subscription uses it; past charges keep the old one."""
    shopper.cards = [new if card is old else card for card in shopper.cards]
    for running in world.subscriptions.values():
        if running.shopper is shopper and running.card is old:
            running.card = new


def update_by_network(world: World, shopper: Shopper, kind: str) -> Card:
    """The account updater: a new number or expiry, or the account was closed and the card is bad from now on.

    It concerns the card of an active subscription, or the newest. Raises ValueError for a shopper without cards.
    """
    running = active_subscriptions(world, shopper)
    if not shopper.cards:
        raise ValueError("the shopper has no card")
    old = running[0].card if running else shopper.cards[-1]
    if kind == "closed":
        new = replace(old, outcome="ACCOUNT_CLOSED")
    else:
        facts = _other_number(world, old) if kind == "new_number" else old.facts
        new = replace(old, facts=facts, year=old.year + 3)
    exchange_card(world, shopper, old, new)
    billing.record_change(world, "shopper", shopper.id, updater=kind)
    tell(world, "ACCOUNT_UPDATER", _updater_form(world, shopper, (old, new), UPDATES[kind]))
    if kind == "closed":
        tell_of_shopper(world, "CC_STATUS_CHANGED", shopper, new, more=[("creditCardStatus", "CLOSED")])
    return new


def _other_number(world: World, card: Card) -> CardFacts:
    """Another published number of the brand that succeeds in the card's month."""
    for digits, script in PUBLISHED.items():
        if brand_of(digits) == card.facts.brand and script.outcome(card.month) is None:
            facts = read_number(digits, world.fingerprint_key)
            if facts.last_four != card.facts.last_four:
                return facts
    raise ValueError(f"no other {card.facts.brand} test number is published")


def _updater_form(world: World, shopper: Shopper, cards: tuple[Card, Card], message: str) -> Form:
    """The documented parameters and no more (bluesnap/webhooks.md section 5): no reference number among them."""
    old, new = cards
    linked = ",".join(str(one.id) for one in active_subscriptions(world, shopper))
    form = [("accountId", str(shopper.id)), ("accountUpdaterLineId", str(world.ids.next())), ("authkey", "")]
    form += [("bluesnapNode", "99"), ("creditCardType", old.facts.brand), ("linkedSubscriptions", linked)]
    for which, card in (("original", old), ("updated", new)):
        form += [
            (f"{which}CreditCardExpirationMonth", str(card.month)),
            (f"{which}CreditCardExpirationYear", str(card.year)),
            (f"{which}CreditCardLast4Digits", card.facts.last_four),
        ]
    date = provider_date(world.clock.now(), world.behaviour.billing_zone)
    form += [("responseDate", date), ("responseMessage", message), ("sellerShopperId", shopper.merchant_shopper_id)]
    return [*form, ("updatedCreditCardType", new.facts.brand)]


def tell_of_shopper(
    world: World, kind: str, shopper: Shopper, card: Card | None, *, more: Iterable[tuple[str, str]] = ()
) -> None:
    """A notice about a shopper and maybe a card, without any money in it."""
    date = provider_date(world.clock.now(), world.behaviour.billing_zone)
    form = noticeforms.people(shopper) + (noticeforms.card_of(card) if card else [])
    form += [*more, ("testMode", "N"), ("bluesnapNode", "99"), ("authKey", ""), ("transactionDate", date)]
    tell(world, kind, form)


def why_kept(world: World, shopper: Shopper) -> str | None:
    """What speaks against deleting a shopper (14110), in BlueSnap's kind of words; None when nothing does."""
    if active_subscriptions(world, shopper):
        return "Shopper has active subscriptions."
    since = world.clock.now() - KEPT_AFTER_PURCHASE
    own = (one for one in world.subscriptions.values() if one.shopper is shopper)
    if any(charge.at > since for one in own for charge in one.charges):
        return "Shopper has purchases in the last 12 months."
    return None


def delete_later(world: World, shopper: Shopper) -> None:
    """Deletion is queued, not done (bluesnap/variants.md section 1)."""
    moment = world.clock.now() + DELETED_AFTER
    world.agenda.plan(("deletion", shopper.id), moment, shopper.id, partial(_delete, world, shopper))
    billing.record_change(world, "shopper", shopper.id, deletion="requested")


def _delete(world: World, shopper: Shopper) -> None:
    if why_kept(world, shopper) is None and world.shoppers.pop(shopper.id, None) is not None:
        billing.record_change(world, "shopper", shopper.id, deletion="done")
        tell(
            world,
            "SHOPPER_DELETED",
            [
                ("accountId", str(shopper.id)),
                ("transactionDate", provider_date(world.clock.now(), world.behaviour.billing_zone)),
            ],
        )
