"""The lever that makes existing customers in bulk, for adopting and for sweeps."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify

from simulator.answers import DECLINES
from simulator.billingdays import today
from simulator.cards import NAMED
from simulator.levers import finding
from simulator.levers.reading import BadLever, body, only, whole
from simulator.seeding import Customer, seed

if TYPE_CHECKING:
    from simulator.world import World

LIMIT = 10_000
_FIELDS = {
    "count", "plan_id", "quantity", "amount", "card", "outcome", "merchant_shopper_id", "paid_on", "auto_renew",
    "status", "contact",
}  # fmt: skip
_CONTACT = {"firstName", "lastName", "email", "country", "state", "city", "zip", "companyName"}


def add_seed_lever(blueprint: Blueprint, world: World) -> None:
    """`POST /_levers/seed`. Everything is read before anything is made."""

    @blueprint.post("/seed")
    def make() -> Response:
        sent = body()
        only(sent, {"subscriptions", "notices"})
        tells = finding.truth(sent, "notices", default=False)
        wanted = sent.get("subscriptions")
        if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
            raise BadLever("subscriptions must be a list of objects")
        with world.lock:
            customers = [customer for one in wanted for customer in _customers(world, one)]
            if not 1 <= len(customers) <= LIMIT:
                raise BadLever(f"seed 1 to {LIMIT} subscriptions at a time")
            made = [seed(world, customer, tells=tells) for customer in customers]
        return jsonify(
            subscriptions=[
                {
                    "subscription_id": str(running.id),
                    "shopper_id": str(running.shopper.id),
                    "merchant_shopper_id": running.shopper.merchant_shopper_id,
                    "transaction_id": str(charge.transaction_id),
                    "next_charge_date": running.next_charge.isoformat() if running.next_charge else None,
                }
                for running, charge in made
            ]
        )


def _customers(world: World, sent: dict[str, Any]) -> list[Customer]:
    """One line of the list: `count` customers alike, `{n}` in their merchant's id counts them from 1."""
    only(sent, _FIELDS)
    plan = finding.plan(world, sent) if "plan_id" in sent else world.plans[2340001]
    for name, known in (("card", set(NAMED)), ("outcome", DECLINES | {"success"}), ("status", {"ACTIVE", "CANCELED"})):
        if name in sent and (not isinstance(sent[name], str) or sent[name] not in known):
            raise BadLever(f"{name} must be one of: {', '.join(sorted(known))}")
    own_id = sent.get("merchant_shopper_id", "")
    if not isinstance(own_id, str) or len(own_id) > 50:
        raise BadLever("merchant_shopper_id must be a text of at most 50 characters")
    one = {
        "plan": plan,
        "paid_on": _paid_on(world, sent),
        "card": sent.get("card", "visa"),
        "outcome": sent.get("outcome"),
        "quantity": whole(sent, "quantity", 1, (1, 999_999)),
        "override": finding.amount(sent, "amount") if "amount" in sent else None,
        "auto_renew": finding.truth(sent, "auto_renew", default=True),
        "canceled": sent.get("status") == "CANCELED",
        "contact": _contact(sent.get("contact", {})),
    }
    count = whole(sent, "count", 1, (1, LIMIT))
    return [Customer(merchant_shopper_id=own_id.replace("{n}", str(n)), **one) for n in range(1, count + 1)]


def _paid_on(world: World, sent: dict[str, Any]) -> date:
    now = today(world)
    try:
        day = date.fromisoformat(str(sent.get("paid_on", now)))
    except ValueError:
        raise BadLever("paid_on must be a day such as 2027-01-31") from None
    if day > now:
        raise BadLever("paid_on must not be after today")
    return day


def _contact(given: object) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(text, str) and len(text) <= 100 for text in given.values()):
        raise BadLever("contact must be an object of texts")
    only(given, _CONTACT)
    return given
