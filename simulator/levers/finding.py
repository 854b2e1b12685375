"""Finding what a lever names, by the id that the API and the ledger use. An unknown one is a clear text, never a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeVar

from simulator.levers.reading import BadLever

if TYPE_CHECKING:
    from simulator.catalogue import Plan
    from simulator.entities import Shopper, Subscription
    from simulator.world import World

T = TypeVar("T")


def found(things: Mapping[int, T], sent: Mapping[str, object], name: str) -> T:
    """The thing of that id, sent as a number or as text."""
    value = sent.get(name)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,15}", str(value)):
        raise BadLever(f"{name} must be an id")
    thing = things.get(int(str(value)))
    if thing is None:
        raise BadLever(f"there is nothing with that {name}")
    return thing


def subscription(world: World, sent: Mapping[str, object], *, active: bool = False) -> Subscription:
    """The subscription under `subscription_id`, if asked for only one that still runs."""
    one = found(world.subscriptions, sent, "subscription_id")
    if active and one.status != "ACTIVE":
        raise BadLever(f"the subscription is {one.status}")
    return one


def shopper(world: World, sent: Mapping[str, object]) -> Shopper:
    """The shopper under `shopper_id`."""
    return found(world.shoppers, sent, "shopper_id")


def plan(world: World, sent: Mapping[str, object]) -> Plan:
    """The plan under `plan_id`."""
    return found(world.plans, sent, "plan_id")


def amount(sent: Mapping[str, object], name: str) -> Decimal:
    """A positive amount in major units with at most two decimals, sent as text or number."""
    value = sent.get(name)
    try:
        read = Decimal(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except InvalidOperation:
        read = None
    if read is None or not read.is_finite() or not 0 < read < 10**9 or read != round(read, 2):
        raise BadLever(f"{name} must be a positive amount with at most two decimals")
    return round(read, 2)


def truth(sent: Mapping[str, object], name: str, *, default: bool) -> bool:
    """A JSON boolean."""
    value = sent.get(name, default)
    if not isinstance(value, bool):
        raise BadLever(f"{name} must be true or false")
    return value
