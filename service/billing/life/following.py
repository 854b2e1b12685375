"""Bring our record of a subscription to what BlueSnap shows. The one way to do so: looks, confirmations and the sweep all go it. Calls nobody."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from service.billing.life.truth import OVER, PAST, PATIENCE, Difference, Seen, differences, is_understood, other_terms
from service.billing.lifecycle import subscription_move
from service.billing.tasks import open_task
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.store import changes, disputes, subscriptions
from service.store.journal import Origin
from service.store.models import Subscription
from service.telemetry import metrics

log = structlog.get_logger()


def seen(connection: Connection, tools: Tools, subscription: Subscription, found: payloads.Subscription) -> Seen:
    """What BlueSnap's answer shows, with what only notices can tell: that a renewal failed, and that a charge is disputed."""
    since = (subscription.paid_until or tools.clock()) - PATIENCE
    return Seen(
        found.status,
        found.auto_renew,
        found.next_charge_date,
        told_unpaid=subscriptions.told_unpaid(connection, found.subscription_id, since),
        disputed=disputes.open_of(connection, subscription.id),
    )


def moves(
    connection: Connection, tools: Tools, subscription: Subscription, found: payloads.Subscription
) -> list[Difference] | None:
    """The moves that bring our record there; None for a status of BlueSnap's that we do not understand. Changes nothing."""
    shown = seen(connection, tools, subscription, found)
    if not is_understood(shown):
        return None
    return differences(subscription, shown, now=tools.clock(), zone=tools.settings.billing_zone)


def follow(
    connection: Connection, tools: Tools, subscription: Subscription, *, found: payloads.Subscription, origin: Origin
) -> Subscription:
    """Take every move that brings our record to what BlueSnap shows. Call with the row held."""
    due = moves(connection, tools, subscription, found)
    if due is None:
        metrics.LOOKS_ODD.inc()
        log.error("look.odd_status", subscription=subscription.id, account=subscription.account)
        open_task(
            connection,
            "odd_status",
            origin,
            subject=subscription.id,
            account=subscription.account,
            reference=subscription.provider_subscription,
        )
        return subscription
    for event, values in due:
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
    _check_terms(connection, tools, subscription, found=found, origin=origin)
    return subscription


def _check_terms(
    connection: Connection, tools: Tools, subscription: Subscription, *, found: payloads.Subscription, origin: Origin
) -> None:
    """Terms at BlueSnap that were never agreed go to a person: no amount, plan or quantity is written there without a confirmed order."""
    if subscription.pending_change is not None or subscription.status in PAST or found.status in OVER:
        return
    plan = tools.catalogue.version(
        subscription.next_plan or subscription.plan, subscription.next_plan_version or subscription.plan_version
    )
    wrong = other_terms(
        subscription, plan.provider_plan, plan_id=found.plan_id, amount=found.amount, currency=found.currency
    )
    if wrong is not None:
        log.error("look.other_terms", subscription=subscription.id, account=subscription.account, reason=wrong)
        open_task(
            connection,
            "other_terms",
            origin,
            subject=subscription.id,
            account=subscription.account,
            reference=subscription.provider_subscription,
        )
