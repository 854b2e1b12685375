"""Changes of a subscription by PUT, which no idempotency key covers at BlueSnap: intent first, write, confirm by reading (DESIGN section 7 point 7).

An ordered change is `pending_change` until a read has shown how it ended; meanwhile nothing else is ordered. If the process dies, the worker's
look settles it once it cannot be under way any more.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from service.billing.life.following import follow
from service.billing.outcomes import refusal
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.errors import BlueSnapError, Code, Declined, FieldsRefused, Refusal, Unknown
from service.store import accounts, changes, database, subscriptions
from service.store.journal import Act, Origin
from service.store.models import Subscription
from service.store.turns import again
from service.telemetry import metrics


class Order(enum.StrEnum):
    """What may be ordered; the value of `pending_change` while the outcome is not known."""

    CANCEL = "cancellation"
    RESUME = "resumption"
    CHANGE = "change"
    END = "ending"


#: An ordered change whose outcome is known.
SETTLED: dict[str, Any] = {
    "pending_change": None, "pending_until": None, "pending_plan": None, "pending_plan_version": None, "pending_members": None,
}  # fmt: skip
#: Until the worker orders again what BlueSnap has refused it.
REFUSED_SECONDS = 3_600
Write = dict[str, Any]
#: Confirms what a read shows, or says None: that is not what was ordered.
Judge = Callable[[Connection, Subscription, Found], Subscription | None]


def held(connection: Connection, tools: Tools, account: str, *, version: int | None = None) -> Subscription:
    """The account's subscription, held, if something may be ordered of it now. Raises Refusal."""
    known = accounts.latest_subscription(connection, account)
    subscription = subscriptions.locked(connection, known.id) if known is not None else None
    if subscription is None or subscription.status not in accounts.LIVE:
        raise Refusal(Code.SUBSCRIPTION_NOT_FOUND)
    if not subscription.renews and subscription.paid_until is not None and tools.clock() >= subscription.paid_until:
        raise Refusal(Code.SUBSCRIPTION_NOT_FOUND)
    if version is not None and version != subscription.version:
        raise Refusal(Code.VERSION_WRONG, version=subscription.version)
    if subscription.pending_change is not None:
        raise Refusal(Code.SUBSCRIPTION_CHANGED, retry_after=2, version=subscription.version)
    return subscription


def intend(
    connection: Connection, tools: Tools, subscription: Subscription, origin: Origin, *, order: Order, **ordered: Any
) -> Subscription:
    """Commit the intent, with a look that will settle it if this process dies."""
    # a switch is two reads and two writes, of which one may take as long as a charge: the intent outlives them all
    seconds = tools.settings.lease_seconds + 3 * tools.settings.total_seconds
    until = database.now(connection) + timedelta(seconds=seconds)
    subscriptions.look_again(connection, subscription.id, seconds=seconds, looked=0)
    ordered |= {"pending_change": order.value, "pending_until": until}
    return changes.change(connection, subscription, Act.CHANGE_REQUESTED, origin, **ordered)


def carry_out(
    tools: Tools, intended: Subscription, origin: Origin, *, writes: Sequence[Write], judge: Judge, begun: bool = False
) -> Subscription:
    """Write, then confirm by reading. The subscription; `pending_change` stays while the outcome is unknown. Raises Refusal if it was not done.

    `begun`: a part of it was done before, so that a refusal of the rest does not end it.
    """
    provider = intended.provider_subscription or ""
    for number, write in enumerate(writes):
        try:
            tools.bluesnap.update_subscription(provider, **write)
        except Unknown:
            return leave_pending(tools, intended, origin)
        except BlueSnapError as error:
            if number or begun:  # half of it is done: the worker finishes it, so that no charge goes by the wrong price
                return leave_pending(tools, intended, origin)
            refuse(tools, intended, origin)
            raise told(error) from None
    try:
        found = tools.bluesnap.get_subscription(provider)
    except BlueSnapError:
        return leave_pending(tools, intended, origin)  # done, as it seems; only a read confirms it
    return confirm(tools, intended, origin, found=found, judge=judge)


@again
def confirm(tools: Tools, intended: Subscription, origin: Origin, *, found: Found, judge: Judge) -> Subscription:
    """Follow what BlueSnap shows. If that is not what was ordered, it stays pending: the worker looks when it cannot be under way any more."""
    with tools.engine.begin() as connection:
        mine = subscriptions.locked(connection, intended.id) or intended
        after = follow(connection, tools, mine, found=found, origin=origin)
        if after.pending_change != intended.pending_change:
            return after  # the worker was quicker
        confirmed = judge(connection, after, found)
        if confirmed is None:
            return after
        _counted(intended.pending_change, "confirmed")
        return changes.change(connection, confirmed, Act.CHANGE_CONFIRMED, origin, **SETTLED)


@again
def refuse(tools: Tools, intended: Subscription, origin: Origin) -> None:
    """It was definitely not done. A look may show why."""
    with tools.engine.begin() as connection:
        mine = subscriptions.locked(connection, intended.id) or intended
        if origin.actor == "worker":  # ordered by ourselves, and again after the next look: not at once
            subscriptions.look_again(connection, mine.id, seconds=REFUSED_SECONDS, looked=mine.looked)
        else:
            subscriptions.ask_soon(connection, mine.provider_subscription or "")
        if mine.pending_change == intended.pending_change:
            changes.change(connection, mine, Act.CHANGE_REFUSED, origin, **SETTLED)
    _counted(intended.pending_change, "refused")


@again
def leave_pending(tools: Tools, intended: Subscription, origin: Origin) -> Subscription:
    """Nobody knows whether it was done. After the quiet period the worker looks, and what it sees is how it ended."""
    seconds = tools.settings.quiet_seconds
    with tools.engine.begin() as connection:
        mine = subscriptions.locked(connection, intended.id) or intended
        if mine.pending_change != intended.pending_change:
            return mine
        subscriptions.look_again(connection, mine.id, seconds=seconds, looked=mine.looked)
        until = database.now(connection) + timedelta(seconds=seconds)
        _counted(mine.pending_change, "unknown")
        return changes.change(connection, mine, Act.OUTCOME_UNKNOWN, origin, pending_until=until)


def told(error: BlueSnapError) -> Refusal:
    """What the caller is told of a change that was not made. No card is in it that could be refused."""
    if isinstance(error, Declined | FieldsRefused):
        return Refusal(Code.BLUESNAP_FAILED, retry_after=10)
    return refusal(error)


def _counted(order: str | None, outcome: str) -> None:
    metrics.CHANGES.labels(kind=order or "none", outcome=outcome).inc()
