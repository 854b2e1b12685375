"""What a person does in BlueSnap's own portal, behind the merchant's back: cancelling and changing a subscription. It has the same effects and notices as the API's calls."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify

from simulator import changes
from simulator.answers import Refused
from simulator.billingdays import today
from simulator.changes import Change
from simulator.levers import finding
from simulator.levers.reading import BadLever, body, only, whole

if TYPE_CHECKING:
    from simulator.entities import Subscription
    from simulator.world import World

_FIELDS = {"subscription_id", "plan_id", "quantity", "amount", "auto_renew", "next_charge_date"}


def add_portal_levers(blueprint: Blueprint, world: World) -> None:
    """`POST /_levers/cancel` and `POST /_levers/change`."""

    @blueprint.post("/cancel")
    def cancel() -> Response:
        sent = body()
        only(sent, {"subscription_id", "at_period_end"})
        with world.lock:
            running = finding.subscription(world, sent, active=True)
            later = finding.truth(sent, "at_period_end", default=False)
            wanted = Change(auto_renew=False) if later else Change(cancels=True)
            return _made(world, running, wanted, sent)

    @blueprint.post("/change")
    def change() -> Response:
        sent = body()
        only(sent, _FIELDS)
        with world.lock:
            running = finding.subscription(world, sent, active=True)
            return _made(world, running, _wanted(world, sent), sent)


def _made(world: World, running: Subscription, wanted: Change, sent: dict[str, Any]) -> Response:
    try:
        changes.apply(world, running, wanted, sorted(set(sent) - {"subscription_id"}))
    except Refused as refused:
        name = refused.answer.body["message"][0].get("errorName")
        raise BadLever(f"the change would be charged, and the card declines: {name}") from None
    return jsonify(
        subscription_id=str(running.id),
        status=running.status,
        plan_id=str(running.plan.id),
        quantity=running.quantity,
        amount=f"{running.price:.2f}",
        auto_renew=running.auto_renew,
        next_charge_date=running.next_charge.isoformat() if running.next_charge else None,
    )


def _wanted(world: World, sent: dict[str, Any]) -> Change:
    if len(sent) < 2:
        raise BadLever(f"beside subscription_id send one of: {', '.join(sorted(_FIELDS - {'subscription_id'}))}")
    return Change(
        plan=finding.plan(world, sent) if "plan_id" in sent else None,
        quantity=whole(sent, "quantity", 1, (1, 999_999)) if "quantity" in sent else None,
        override=finding.amount(sent, "amount") if "amount" in sent else None,
        auto_renew=finding.truth(sent, "auto_renew", default=True) if "auto_renew" in sent else None,
        next_charge=_future_day(world, sent["next_charge_date"]) if "next_charge_date" in sent else None,
    )


def _future_day(world: World, value: object) -> date:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        day = date.min
    if day <= today(world):
        raise BadLever("next_charge_date must be a day after today, such as 2027-01-31")
    return day
