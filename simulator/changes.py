"""Changing a running subscription: plan, price, quantity, renewal, date, card, or ending it. It must change everything that was asked or, when a charge is declined, nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from simulator import billing, lifecycle
from simulator.answers import Refused, decline
from simulator.billingdays import due_moment, period_end, today
from simulator.catalogue import Plan
from simulator.entities import Card, Subscription
from simulator.noticeforms import of_charge, of_subscription
from simulator.notices import Form
from simulator.telling import tell_of

if TYPE_CHECKING:
    from simulator.world import World

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Change:
    """What is asked for; None leaves a thing as it is. `override` is per unit, in the plan's currency."""

    plan: Plan | None = None
    quantity: int | None = None
    override: Decimal | None = None
    auto_renew: bool | None = None
    next_charge: date | None = None
    card: Card | None = None
    cancels: bool = False


def apply(world: World, running: Subscription, change: Change, fields: list[str]) -> None:
    """Make the change, with its charge, its ledger entry and its notices; raises Refused for a declined charge.

    Prices and quantities count from the next charge on. Only a switch to a plan with `chargeOnPlanSwitch` is charged
    at once, for the rest of the paid period (bluesnap/api.md section 10).
    """
    switches = change.plan is not None and change.plan is not running.plan
    at_once = switch_amount(world, running, change) if switches and not change.cancels else Decimal(0)
    card = change.card or running.card
    if at_once and card.decline_reason:
        raise Refused(decline(card.decline_reason))
    before = of_subscription(running, world.clock.now(), period_end(world, running))
    renewed, same_card = running.auto_renew, card is running.card
    _set(world, running, change)
    if change.cancels:
        billing.end(world, running, "CANCELED", billing.BY_SELLER)
        return
    lifecycle.schedule(world, running)
    billing.record_change(world, "subscription", running.id, fields=fields, **_standing(running))
    if switches and change.plan is not None:
        tell_of(world, "CONTRACT_CHANGE", before, _plans(before.plan, change.plan))
    if at_once:
        _charge_switch(world, running, at_once)
    if renewed and not running.auto_renew:
        about = of_subscription(running, world.clock.now(), period_end(world, running))
        tell_of(world, "CANCEL_ON_RENEWAL", about, [("cancelReason", billing.BY_SELLER)])
    if not same_card:
        about = of_subscription(running, world.clock.now(), period_end(world, running))
        tell_of(world, "PAYMENT_UPDATED", about)


def switch_amount(world: World, running: Subscription, change: Change) -> Decimal:
    """What a switch of plan charges at once: the difference of the prices for the days that are left, never less than nothing."""
    plan = change.plan or running.plan
    if not plan.charge_on_switch or running.next_charge is None:
        return Decimal(0)
    kept = running.override if world.behaviour.plan_switch_amount == "kept" else None
    unit = change.override or kept or plan.recurring_amount
    difference = unit * (change.quantity or running.quantity) - running.price
    now = today(world)
    began = running.charges[-1].period[0] if running.charges else now
    whole, left = (running.next_charge - began).days, (running.next_charge - now).days
    return max(difference * left / max(whole, left, 1), Decimal(0)).quantize(_CENT, ROUND_HALF_UP)


def _set(world: World, running: Subscription, change: Change) -> None:
    if change.plan is not None and change.plan is not running.plan:
        running.plan = change.plan
        if world.behaviour.plan_switch_amount == "reset":
            running.override = None
    if change.quantity is not None:
        running.quantity = change.quantity
    if change.override is not None:
        running.override = change.override
    if change.auto_renew is not None:
        running.auto_renew = change.auto_renew
    if change.next_charge is not None:
        running.next_charge, running.anchor, running.attempt_on = change.next_charge, change.next_charge.day, None
    if change.card is not None:
        running.card = change.card


def _charge_switch(world: World, running: Subscription, amount: Decimal) -> None:
    now = today(world)
    charge = billing.make_charge(world, running, amount, "SWITCH", period=(now, running.next_charge or now))
    tell_of(world, "CHARGE", of_charge(charge, due_moment(world, running)))


def _plans(old: Plan, new: Plan) -> Form:
    """The parameters of the recorded CONTRACT_CHANGE; its contractId is still the old plan."""
    return [
        ("oldContractId", str(old.id)), ("oldContractName", f"Subscription {old.name}"),
        ("newContractId", str(new.id)), ("newContractName", f"Subscription {new.name}"),
        ("oldProductId", "990001"), ("oldProductName", "Subscription"),
        ("newProductId", "990001"), ("newProductName", "Subscription"),
    ]  # fmt: skip


def _standing(running: Subscription) -> dict[str, object]:
    """A subscription after a change, for the ledger."""
    return {
        "amount": f"{running.price:.2f}",
        "currency": running.plan.currency,
        "quantity": running.quantity,
        "plan_id": str(running.plan.id),
        "auto_renew": running.auto_renew,
    }
