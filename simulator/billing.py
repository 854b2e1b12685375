"""What moves money: first charges, renewals and refunds. Each charge is one entry in the ledger and one or two notices, never more."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulator import notices
from simulator.clock import local_start
from simulator.entities import Charge, Refund, Subscription

if TYPE_CHECKING:
    from simulator.world import World


def today(world: World) -> date:
    """The billing day."""
    return world.clock.now().astimezone(world.behaviour.billing_zone).date()


def open_subscription(world: World, subscription: Subscription) -> Charge | None:
    """Begin a subscription whose card is good: the first charge and its notice, or none during a trial."""
    start = today(world)
    plan = subscription.plan
    subscription.anchor = start.day
    trial = plan.trial_days or 0
    first_end = start + timedelta(days=trial) if trial else plan.following(start, start.day)
    subscription.next_charge = first_end
    if trial and first_end:
        subscription.anchor = first_end.day
    world.subscriptions[subscription.id] = subscription
    _record_subscription(world, subscription)
    amount = plan.initial_amount or (Decimal(0) if trial else subscription.price)
    if not amount:
        return None
    charge = _charge(world, subscription, amount, "INITIAL", period=(start, first_end or start))
    world.outbox.post(notices.of_charge(world, charge, "CHARGE", due_moment(world, subscription)))
    return charge


def _record_subscription(world: World, subscription: Subscription) -> None:
    shopper = subscription.shopper
    world.ledger.record(
        "subscription",
        subscription.id,
        world.clock.now(),
        amount=f"{subscription.price:.2f}",
        currency=subscription.plan.currency,
        quantity=subscription.quantity,
        plan_id=str(subscription.plan.id),
        shopper_id=str(shopper.id),
        merchant_shopper_id=shopper.merchant_shopper_id,
    )


def _charge(
    world: World, subscription: Subscription, amount: Decimal, kind: str, *, period: tuple[date, date]
) -> Charge:
    charge = Charge(
        id=world.ids.next(),
        transaction_id=world.ids.next(),
        subscription=subscription,
        card=subscription.card,
        plan=subscription.plan,
        amount=amount,
        kind=kind,
        at=world.clock.now(),
        period=period,
    )
    subscription.charges.append(charge)
    world.charges[charge.transaction_id] = charge
    world.ledger.record(
        "charge",
        charge.transaction_id,
        charge.at,
        amount=f"{amount:.2f}",
        currency=charge.plan.currency,
        quantity=subscription.quantity,
        type=kind,
        subscription_id=str(subscription.id),
        shopper_id=str(subscription.shopper.id),
        merchant_shopper_id=subscription.shopper.merchant_shopper_id,
    )
    return charge


def refund(world: World, charge: Charge, amount: Decimal, *, cancels: bool, reason: str, metadata: Any) -> Refund:
    """Give money back; with `cancels` the subscription ends, as BlueSnap does unless told otherwise (bluesnap/api.md section 8)."""
    given = Refund(world.ids.next(), amount, reason, cancels, metadata, world.clock.now())
    charge.refunds.append(given)
    subscription = charge.subscription
    world.ledger.record(
        "refund",
        given.id,
        given.at,
        amount=f"{amount:.2f}",
        currency=charge.plan.currency,
        transaction_id=str(charge.transaction_id),
        subscription_id=str(subscription.id),
        merchant_shopper_id=subscription.shopper.merchant_shopper_id,
        cancels_subscription=cancels,
    )
    if cancels and subscription.status == "ACTIVE":
        end(world, subscription, "CANCELED")
    return given


def end(world: World, subscription: Subscription, status: str) -> None:
    """No charge will follow any more."""
    subscription.status = status
    subscription.auto_renew = False
    record_change(world, "subscription", subscription.id, status=status)


def record_change(world: World, what: str, thing_id: int, **facts: object) -> None:
    """A change of something that exists already: kind `change` in the ledger."""
    world.ledger.record("change", thing_id, world.clock.now(), of=what, **facts)


def due_moment(world: World, subscription: Subscription) -> datetime | None:
    """When the next renewal happens, in UTC: the start of its billing day, or the time of day of the signup."""
    day = subscription.attempt_on or subscription.next_charge
    if day is None:
        return None
    zone = world.behaviour.billing_zone
    seconds = 0
    if world.behaviour.renewal_time == "signup":
        signed_up = subscription.created_at.astimezone(zone)
        seconds = signed_up.hour * 3600 + signed_up.minute * 60 + signed_up.second
    return local_start(day, zone, seconds).astimezone(UTC)


def next_due(world: World, until: datetime) -> tuple[datetime, Subscription] | None:
    """The earliest thing that is due by then; of two at the same moment, the older subscription."""
    last_day = until.astimezone(world.behaviour.billing_zone).date()
    candidates = (
        (moment, subscription.id, subscription)
        for subscription in world.subscriptions.values()
        if subscription.status == "ACTIVE"
        and (day := subscription.attempt_on or subscription.next_charge)
        and day <= last_day  # dates are cheap to compare, moments are not
        and (moment := due_moment(world, subscription))
        and moment <= until
    )
    first = min(candidates, key=lambda candidate: candidate[:2], default=None)
    return (first[0], first[2]) if first else None


def fall_due(world: World, subscription: Subscription) -> None:
    """What happens on the next charge date: a renewal, or the end."""
    if not subscription.auto_renew:
        end(world, subscription, "CANCELED")
    elif subscription.card.decline_reason:
        _renewal_failed(world, subscription)
    else:
        _renew(world, subscription)


def _renew(world: World, subscription: Subscription) -> None:
    start = subscription.next_charge or today(world)
    anchor = subscription.anchor if world.behaviour.month_end == "anchored" else None
    following = subscription.plan.following(start, anchor)
    subscription.next_charge, subscription.attempt_on = following, None
    charge = _charge(world, subscription, subscription.price, "RECURRING", period=(start, following or start))
    told = world.behaviour.renewal_notice
    for transaction_type in ("RECURRING", "CHARGE") if told == "both" else (told,):
        world.outbox.post(notices.of_charge(world, charge, transaction_type, due_moment(world, subscription)))
    limit = subscription.plan.max_charges
    if following is None or (limit and len(subscription.charges) >= limit):
        end(world, subscription, "FINISHED")


def _renewal_failed(world: World, subscription: Subscription) -> None:
    """Try again every day of the plan's grace period, then end; without one, for ever (bluesnap/api.md section 9)."""
    first_day = subscription.next_charge or today(world)
    tried = subscription.attempt_on or first_day
    grace = subscription.plan.grace_days
    if grace is not None and tried >= first_day + timedelta(days=grace):
        end(world, subscription, "CANCELED")
    else:
        subscription.attempt_on = tried + timedelta(days=1)
