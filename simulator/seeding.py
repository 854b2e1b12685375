"""Customers that were there before: shoppers with a card, a running subscription and its last charge, many at once. They are entered in the ledger like any other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from simulator import billing, lifecycle
from simulator.billingdays import due_moment
from simulator.cards import NAMED, CardFacts, read_number
from simulator.catalogue import Plan
from simulator.clock import local_start
from simulator.entities import Card, Charge, Shopper, Subscription
from simulator.noticeforms import of_charge
from simulator.telling import tell_of

if TYPE_CHECKING:
    from simulator.world import World

_NOON = 12 * 3600


@dataclass(frozen=True)
class Customer:
    """One that is to be there. `paid_on` is the billing day of the last charge; `outcome` what the card does from now on."""

    plan: Plan
    paid_on: date
    merchant_shopper_id: str = ""
    card: str = "visa"
    outcome: str | None = None
    quantity: int = 1
    override: Decimal | None = None
    auto_renew: bool = True
    canceled: bool = False
    contact: dict[str, str] = field(default_factory=dict)


def seed(world: World, customer: Customer, *, tells: bool) -> tuple[Subscription, Charge]:
    """Make one; with `tells` its first charge sends a notice. Nothing is asked of the card. Call it under the world's lock."""
    digits, month = NAMED[customer.card]
    then = min(world.clock.now(), _noon(world, customer.paid_on))
    card = Card(_facts(world, digits), month, then.year + 3, {}, then, outcome=customer.outcome)
    contact = {"firstName": "Mira", "lastName": "Okafor", "country": "us", "zip": "02451"} | customer.contact
    card.billing = {name: contact[name] for name in ("firstName", "lastName")}
    shopper = Shopper(
        world.ids.next(), customer.merchant_shopper_id, contact, customer.plan.currency, then, cards=[card]
    )
    world.shoppers[shopper.id] = shopper
    world.ledger.record("shopper", shopper.id, then, merchant_shopper_id=shopper.merchant_shopper_id)
    running = Subscription(
        world.ids.next(), customer.plan, shopper, card, customer.quantity, then, override=customer.override
    )
    running.next_charge = customer.plan.following(customer.paid_on, customer.paid_on.day)
    running.anchor, running.auto_renew = customer.paid_on.day, customer.auto_renew
    billing.keep_subscription(world, running)
    charge = _first_charge(world, running, customer.paid_on)
    if tells:
        tell_of(world, "CHARGE", of_charge(charge, due_moment(world, running)))
    if customer.canceled:
        billing.end(world, running, "CANCELED", billing.BY_SELLER if tells else None)
    lifecycle.schedule(world, running)
    return running, charge


def _first_charge(world: World, running: Subscription, paid_on: date) -> Charge:
    numbers = world.ids.next(), world.ids.next()
    period = (paid_on, running.next_charge or paid_on)
    charge = Charge(*numbers, running, running.card, running.plan, running.price, "INITIAL", running.created_at, period)
    running.reference = charge.transaction_id
    billing.keep_charge(world, charge)
    return charge


def _noon(world: World, day: date) -> datetime:
    return local_start(day, world.behaviour.billing_zone, _NOON).astimezone(UTC)


def _facts(world: World, digits: str) -> CardFacts:
    return read_number(digits, world.fingerprint_key)
