"""The life of a subscription in time: how it begins, what falls due, what a failed renewal leads to. Only this file plans when one is due."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from simulator import billing
from simulator.answers import refused_charge
from simulator.billingdays import due_moment, moment_on, period_end, today
from simulator.entities import Charge, Subscription
from simulator.noticeforms import of_charge, of_subscription
from simulator.telling import tell_of

if TYPE_CHECKING:
    from simulator.world import World

# Without a grace period BlueSnap tries until somebody cancels (bluesnap/api.md section 9); how often is not known.
_ENDLESS_SPACING = 7


def open_subscription(world: World, subscription: Subscription) -> Charge | None:
    """Begin a subscription whose card is good: the first charge and its notice, or none during a trial."""
    start = today(world)
    plan = subscription.plan
    trial = plan.trial_days or 0
    first_end = start + timedelta(days=trial) if trial else plan.following(start, start.day)
    subscription.next_charge = first_end
    subscription.anchor = first_end.day if trial and first_end else start.day
    billing.keep_subscription(world, subscription)
    amount = plan.initial_amount or (Decimal(0) if trial else subscription.price)
    schedule(world, subscription)
    if not amount:
        subscription.reference = world.ids.next()
        about = of_subscription(subscription, world.clock.now(), due_moment(world, subscription))
        tell_of(world, "AUTH_ONLY", about)
        return None
    charge = billing.make_charge(world, subscription, amount, "INITIAL", period=(start, first_end or start))
    subscription.reference = charge.transaction_id
    tell_of(world, "CHARGE", of_charge(charge, due_moment(world, subscription)))
    return charge


def schedule(world: World, subscription: Subscription) -> None:
    """Plan what falls due next, instead of what was planned before."""
    due = due_moment(world, subscription) if subscription.status == "ACTIVE" else None
    renewal, reminder = ("renewal", subscription.id), ("reminder", subscription.id)
    world.agenda.forget(reminder)
    if due is None or subscription.next_charge is None:
        world.agenda.forget(renewal)
        return
    world.agenda.plan(renewal, due, subscription.id, partial(_fall_due, world, subscription))
    days = world.behaviour.reminder_days
    if days and subscription.auto_renew and subscription.attempt_on is None:
        moment = moment_on(world, subscription, subscription.next_charge - timedelta(days=days))
        if moment > world.clock.now():
            world.agenda.plan(reminder, moment, subscription.id, partial(_remind, world, subscription))


def schedule_all(world: World) -> None:
    """Plan anew for everybody, after a behaviour changed that decides when things fall due."""
    for subscription in world.subscriptions.values():
        schedule(world, subscription)


def _remind(world: World, subscription: Subscription) -> None:
    if subscription.status == "ACTIVE" and subscription.auto_renew:
        about = of_subscription(subscription, world.clock.now(), period_end(world, subscription))
        tell_of(world, "SUBSCRIPTION_REMINDER", about)


def _fall_due(world: World, subscription: Subscription) -> None:
    """What happens on a charge date: a renewal, a failed one, or the end."""
    if world.subscriptions.get(subscription.id) is not subscription or subscription.status != "ACTIVE":
        return
    if not subscription.auto_renew:
        billing.end(world, subscription, "CANCELED", "End of subscription")
    elif _grace_is_over(subscription):
        billing.end(world, subscription, "CANCELED", "Failed recurring charge")
    elif subscription.card.decline_reason:
        _fail(world, subscription)
    else:
        _renew(world, subscription)


def _renew(world: World, subscription: Subscription) -> None:
    start = subscription.next_charge or today(world)
    following = _next_after(world, subscription, start)
    subscription.next_charge, subscription.attempt_on = following, None
    _charge_again(world, subscription, (start, following or start))
    limit = subscription.plan.max_charges
    paid = sum(charge.kind != "SWITCH" for charge in subscription.charges)
    if following is None or (limit and paid >= limit):
        billing.end(world, subscription, "FINISHED")
    else:
        schedule(world, subscription)


def _next_after(world: World, subscription: Subscription, start: date) -> date | None:
    """The charge date after the one that is being paid; when that is past too, what the behaviour late_payment says."""
    following, now = _following(world, subscription, start), today(world)
    late = world.behaviour.late_payment
    if subscription.attempt_on is None or late == "catches_up":
        return following
    if late == "restarts":
        subscription.anchor = now.day
        return subscription.plan.following(now, now.day)
    while following is not None and following <= now:
        following = _following(world, subscription, following)
    return following


def _following(world: World, subscription: Subscription, day: date) -> date | None:
    anchor = subscription.anchor if world.behaviour.month_end == "anchored" else None
    return subscription.plan.following(day, anchor)


def _charge_again(world: World, subscription: Subscription, period: tuple[date, date]) -> None:
    charge = billing.make_charge(world, subscription, subscription.price, "RECURRING", period=period)
    subscription.reference = subscription.reference or charge.transaction_id
    told = world.behaviour.renewal_notice
    for kind in ("RECURRING", "CHARGE") if told == "both" else (told,):
        tell_of(world, kind, of_charge(charge, due_moment(world, subscription)))


def _grace_is_over(subscription: Subscription) -> bool:
    """Whether the day of a retry is already the one after the grace period."""
    first_day, tried, grace = subscription.next_charge, subscription.attempt_on, subscription.plan.grace_days
    return bool(first_day and tried and grace is not None and tried >= first_day + timedelta(days=grace))


def _fail(world: World, subscription: Subscription) -> None:
    """Tell of it, and try again on the behaviour's retry_days; after the plan's grace period it ends (bluesnap/api.md section 9)."""
    _tell_of_failure(world, subscription)
    first_day = subscription.next_charge or today(world)
    days = ((subscription.attempt_on or first_day) - first_day).days
    grace = subscription.plan.grace_days
    later = next((day for day in world.behaviour.retry_days if day > days), None)
    if grace is None:
        later = later or days + _ENDLESS_SPACING
    elif later is None or later > grace:
        later = grace
    if later <= days:
        billing.end(world, subscription, "CANCELED", "Failed recurring charge")
    else:
        subscription.attempt_on = first_day + timedelta(days=later)
        schedule(world, subscription)


def _tell_of_failure(world: World, subscription: Subscription) -> None:
    reason = f"{refused_charge(subscription.card.decline_reason or 'unnamed')} Payment ID {world.ids.next()}"
    if world.behaviour.failure_reason == "twice":
        reason = quote(reason)
    about = of_subscription(subscription, world.clock.now(), period_end(world, subscription))
    tell_of(world, "SUBSCRIPTION_CHARGE_FAILURE", about, [("failureReason", reason)])


def run_now(world: World, subscription: Subscription) -> None:
    """The sandbox's run-specific: a renewal happens or fails now, and no date moves (bluesnap/test-data.md section 4)."""
    start = subscription.next_charge or today(world)
    if subscription.card.decline_reason:
        _tell_of_failure(world, subscription)
    else:
        _charge_again(world, subscription, (start, _following(world, subscription, start) or start))
