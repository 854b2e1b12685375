"""Change the plan or the members of a subscription by the plan rules (DESIGN section 3): features at once, the new price from the next billing date.

A cheaper plan takes effect with the next period, since the dearer one is paid for. At BlueSnap a switch is two PUTs under one intent, the plan and then
the whole amount; nothing of it charges, which is checked before the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import structlog
from sqlalchemy import Connection

from service.billing.catalogue import Plan, Terms
from service.billing.life.intents import Order, Write, carry_out, held, intend, refuse, told
from service.billing.life.truth import NO_NEXT, OVER
from service.billing.lifecycle import Event, subscription_move
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.errors import BlueSnapError, Code, FieldError, NotFound, Refusal, Rejected
from service.store import changes, prices
from service.store.journal import Origin
from service.store.models import Subscription

log = structlog.get_logger()


@dataclass(frozen=True)
class Wish:
    """What somebody wants changed; None stays as it is."""

    plan: str | None = None
    members: int | None = None


@dataclass(frozen=True)
class Preview:
    """What a change would mean: the terms, from which day the plan holds (None: at once), and the next charge."""

    terms: Terms
    plan_from: date | None
    next_charge_on: date | None


def agreed(subscription: Subscription) -> Terms:
    """The terms that the next charges go by."""
    plan, version = subscription.plan, subscription.plan_version
    if subscription.next_plan is not None and subscription.next_plan_version is not None:
        plan, version = subscription.next_plan, subscription.next_plan_version
    return Terms(plan, version, subscription.members, subscription.amount, subscription.currency)


def preview(tools: Tools, account: str, wish: Wish) -> Preview:
    """What would be charged, and when. Changes nothing and asks nobody. Raises Refusal."""
    with tools.engine.begin() as connection:
        subscription = held(connection, tools, account)
    terms = _wanted(tools, subscription, wish)
    _check_changeable(subscription, terms)
    later = not _takes_effect_at_once(tools, subscription, terms)
    return Preview(terms, subscription.next_charge_on if later else None, subscription.next_charge_on)


def change_terms(tools: Tools, origin: Origin, account: str, wish: Wish, *, version: int | None = None) -> Subscription:
    """Change plan, members or both. The subscription; its `pending_change` is set while the outcome is unknown. Raises Refusal."""
    with tools.engine.begin() as connection:
        subscription = held(connection, tools, account, version=version)
    terms = _wanted(tools, subscription, wish)
    _check_changeable(subscription, terms)
    if terms == agreed(subscription):
        return subscription
    _check_free_of_charge(tools, subscription, terms)
    with tools.engine.begin() as connection:
        unchanged = held(connection, tools, account)
        if unchanged.version != subscription.version:
            raise Refusal(Code.SUBSCRIPTION_CHANGED, retry_after=1, version=unchanged.version)
        intended = intend(
            connection, tools, unchanged, origin,
            order=Order.CHANGE, pending_plan=terms.plan, pending_plan_version=terms.plan_version, pending_members=terms.members,
        )  # fmt: skip
    try:
        found = tools.bluesnap.get_subscription(intended.provider_subscription or "")
    except BlueSnapError as error:
        refuse(tools, intended, origin)
        raise told(error) from None
    if found.status in OVER:
        refuse(tools, intended, origin)
        raise Refusal(Code.SUBSCRIPTION_CANCELED)
    return finish(tools, intended, origin, found=found)


def finish(tools: Tools, intended: Subscription, origin: Origin, *, found: Found, begun: bool = False) -> Subscription:
    """Write what BlueSnap does not show yet of an intended change, and confirm it. The worker ends here what was cut off half-way (`begun`)."""
    terms = ordered(tools, intended)
    return carry_out(
        tools, intended, origin,
        writes=_missing(tools, terms, found),
        judge=lambda connection, after, shown: judge(connection, tools, after, found=shown, origin=origin), begun=begun,
    )  # fmt: skip


def judge(
    connection: Connection, tools: Tools, after: Subscription, *, found: Found, origin: Origin
) -> Subscription | None:
    """If BlueSnap shows what was ordered: our record with it, and its price from the next charge on. None if it shows anything else."""
    if after.status == "ended":
        return after
    terms = ordered(tools, after)
    if _missing(tools, terms, found):
        return None
    status, act = subscription_move(after.status, Event.CHANGED)
    today = tools.clock().astimezone(tools.settings.billing_zone).date()
    day = max(found.next_charge_date or today, today)
    values: dict[str, Any] = {"members": terms.members, "amount": terms.amount, **NO_NEXT, "applies_from": day}
    if _takes_effect_at_once(tools, after, terms):
        values |= {"plan": terms.plan, "plan_version": terms.plan_version}
    else:
        values |= {"next_plan": terms.plan, "next_plan_version": terms.plan_version}
    changed = changes.change(connection, after, act, origin, status=status, **values)
    prices.agree(
        connection, changed, day, origin=origin, now=tools.clock(), plan=terms.plan, plan_version=terms.plan_version
    )
    return changed


def is_half_way(tools: Tools, intended: Subscription, found: Found) -> bool:
    """Whether the plan was switched and the amount was not: the one state in which BlueSnap would charge by no agreed price."""
    terms = ordered(tools, intended)
    before = agreed(intended)
    switched = (terms.plan, terms.plan_version) != (before.plan, before.plan_version)
    missing = _missing(tools, terms, found)
    return switched and missing == [{"amount": terms.amount}]


def ordered(tools: Tools, intended: Subscription) -> Terms:
    """The terms of a pending change."""
    plan, version = intended.pending_plan, intended.pending_plan_version
    if plan is None or version is None or intended.pending_members is None:
        raise LookupError
    return tools.catalogue.version(plan, version).terms(intended.pending_members)


def _missing(tools: Tools, terms: Terms, found: Found) -> list[Write]:
    """What is to be written so that BlueSnap shows these terms. After a switch the amount goes always: what a switch does to it is not said."""
    provider = tools.catalogue.version(terms.plan, terms.plan_version).provider_plan
    if found.plan_id != provider:
        return [{"plan_id": provider}, {"amount": terms.amount}]
    return [{"amount": terms.amount}] if found.amount != terms.amount else []


def _wanted(tools: Tools, subscription: Subscription, wish: Wish) -> Terms:
    """The terms that a wish comes to. A plan that stays keeps its version, and so its price."""
    now = agreed(subscription)
    members = now.members if wish.members is None else wish.members
    if not 1 <= members <= tools.settings.max_members:
        raise Refusal(Code.MEMBERS_OUT_OF_RANGE, errors=(FieldError("/members", Code.MEMBERS_OUT_OF_RANGE),))
    return _plan(tools, subscription, wish.plan or now.plan).terms(members)


def _plan(tools: Tools, subscription: Subscription, wanted: str) -> Plan:
    now = agreed(subscription)
    for known, version in ((now.plan, now.plan_version), (subscription.plan, subscription.plan_version)):
        if wanted == known:
            return tools.catalogue.version(known, version)
    plan = tools.catalogue.for_sale(wanted)
    if plan.currency != subscription.currency:  # BlueSnap charges a subscription in one currency for ever
        raise Refusal(Code.PLAN_UNKNOWN, errors=(FieldError("/plan", Code.PLAN_UNKNOWN),))
    return plan


def _check_changeable(subscription: Subscription, terms: Terms) -> None:
    if terms == agreed(subscription):
        return
    if subscription.status == "disputed":
        raise Refusal(Code.SUBSCRIPTION_DISPUTED, version=subscription.version)
    if not subscription.renews:
        raise Refusal(Code.SUBSCRIPTION_CANCELED, version=subscription.version)


def _takes_effect_at_once(tools: Tools, subscription: Subscription, terms: Terms) -> bool:
    """The plan that is paid for is not taken away: a cheaper one waits for the next period."""
    present = tools.catalogue.version(subscription.plan, subscription.plan_version)
    return tools.catalogue.version(terms.plan, terms.plan_version).price >= present.price


def _check_free_of_charge(tools: Tools, subscription: Subscription, terms: Terms) -> None:
    """Ask BlueSnap what the switch itself would charge. A plan that charges on a switch is set up wrongly: nothing is switched."""
    now = agreed(subscription)
    if (terms.plan, terms.plan_version) == (now.plan, now.plan_version):
        return
    plan = tools.catalogue.version(terms.plan, terms.plan_version)
    try:
        due = tools.bluesnap.preview_switch(
            subscription.provider_subscription or "", plan.provider_plan, amount=terms.amount
        )
    except (NotFound, Rejected):
        return  # an account without this call; the plan's own flag is checked by `plans check`
    except BlueSnapError as error:
        raise told(error) from None
    if due:
        log.error("change.would_charge", subscription=subscription.id, account=subscription.account)
        raise Refusal(Code.BLUESNAP_MISCONFIGURED)
