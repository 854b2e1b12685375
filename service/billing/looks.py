"""Look at BlueSnap and make our record what it shows. Notices say when to look; the look settles the state, in whatever order they came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Connection

from service.billing import charges
from service.billing.lifecycle import subscription_move
from service.billing.tools import Tools
from service.billing.truth import PATIENCE, Seen, differences, is_understood
from service.bluesnap import payloads
from service.errors import BlueSnapError
from service.store import changes, subscriptions
from service.store.journal import Act, Origin
from service.store.models import Subscription
from service.telemetry import metrics

log = structlog.get_logger()
WORKER = Origin("worker")
BATCH = 100
LONGEST_WAIT_SECONDS = 3_600
#: A change whose outcome is known.
SETTLED: dict[str, Any] = {"pending_change": None, "pending_until": None}


def look_due(tools: Tools) -> int:
    """Look at every subscription that is due: those that a notice spoke of, and those whose paid period is over. The number looked at."""
    with tools.engine.begin() as connection:
        subscriptions.expect_renewals(connection, tools.clock())
        due = subscriptions.due(connection, BATCH)
    for subscription_id in due:
        look(tools, subscription_id)
    return len(due)


def look(tools: Tools, subscription_id: str) -> None:
    """Look at one subscription, if nobody else is just doing it."""
    with tools.engine.begin() as connection:
        taken = subscriptions.take(connection, subscription_id, tools.settings.lease_seconds)
    if taken is None or taken.provider_subscription is None:
        return
    try:
        found = tools.bluesnap.get_subscription(taken.provider_subscription)
        paid = tools.bluesnap.list_charges(taken.provider_subscription)
    except BlueSnapError as error:
        log.warning("look.failed", subscription=taken.id, account=taken.account, cause=error.cause)
        with tools.engine.begin() as connection:
            _again(connection, tools, taken)
        return
    with tools.engine.begin() as connection:
        _settle(connection, tools, taken, found=found, paid=paid)


def _settle(
    connection: Connection,
    tools: Tools,
    taken: Subscription,
    *,
    found: payloads.Subscription,
    paid: Sequence[payloads.Charge],
) -> None:
    """Record what was paid, take every move that has happened, and say when to look again."""
    now = tools.clock()
    subscription = subscriptions.locked(connection, taken.id) or taken
    for charge in paid:
        if charge.amount:
            payment = charges.Payment(charge.transaction_id, charge.amount, charge.currency, "look")
            charges.record(connection, subscription, payment, now=now, origin=WORKER)
    subscription = follow(connection, tools, subscription, found=found, origin=WORKER)
    if subscriptions.is_settled(connection, subscription):
        subscription = changes.change(connection, subscription, Act.CHANGE_SETTLED, WORKER, **SETTLED)
    if subscription.look_at != taken.look_at:
        return  # something was heard while we were reading: that look is still to come
    waits = subscription.status == "active" and subscription.paid_until is not None and now >= subscription.paid_until
    if subscription.pending_change is not None:
        subscriptions.look_when_settled(connection, subscription)
    elif waits or subscription.status == "past_due":
        _again(connection, tools, subscription)
    else:
        subscriptions.looked_enough(connection, subscription.id)


def follow(
    connection: Connection, tools: Tools, subscription: Subscription, *, found: payloads.Subscription, origin: Origin
) -> Subscription:
    """Take every move that brings our record to what BlueSnap shows. Call with the row held."""
    now = tools.clock()
    since = (subscription.paid_until or now) - PATIENCE
    told = subscriptions.told_unpaid(connection, found.subscription_id, since)
    seen = Seen(found.status, found.auto_renew, found.next_charge_date, told)
    if not is_understood(seen):
        metrics.LOOKS_ODD.inc()
        log.error("look.odd_status", subscription=subscription.id, account=subscription.account)
        return subscription
    for event, values in differences(subscription, seen, now=now, zone=tools.settings.billing_zone):
        status, act = subscription_move(subscription.status, event)
        subscription = changes.change(connection, subscription, act, origin, status=status, **values)
        metrics.SUBSCRIPTION_MOVES.labels(event=event.value).inc()
        log.info(
            "subscription.moved",
            subscription=subscription.id,
            account=subscription.account,
            state=status,
            reason=event.value,
        )
    return subscription


def _again(connection: Connection, tools: Tools, subscription: Subscription) -> None:
    """Later and later, but at least once an hour."""
    seconds = min(tools.settings.look_seconds * 2 ** min(subscription.looked, 10), LONGEST_WAIT_SECONDS)
    subscriptions.look_again(connection, subscription.id, seconds=seconds, looked=subscription.looked + 1)
