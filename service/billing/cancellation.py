"""Cancel a subscription at the end of what is paid, and undo it. Changes by PUT have no idempotency key at BlueSnap: intent first, write, confirm by reading.

DESIGN section 7 point 7. Nothing is done twice: BlueSnap's renewal flag is set, whatever it was, and the read says what is true.
"""

from __future__ import annotations

import enum
from datetime import timedelta

from sqlalchemy import Connection

from service.billing import looks
from service.billing.outcomes import refusal
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.errors import BlueSnapError, Code, Declined, FieldsRefused, Refusal, Unknown
from service.store import accounts, changes, database, subscriptions
from service.store.journal import Act, Origin
from service.store.models import Subscription


class Order(enum.StrEnum):
    """What may be ordered. The value is `pending_change` while the outcome is not known."""

    CANCEL = "cancellation"
    RESUME = "resumption"

    @property
    def renews(self) -> bool:
        """What the subscription is to be after it."""
        return self is Order.RESUME


def change_renewal(
    tools: Tools, origin: Origin, account: str, order: Order, *, version: int | None = None
) -> Subscription:
    """Cancel at the period's end, or undo it. The subscription; its `pending_change` is set while the outcome is unknown. Raises Refusal.

    Ordering what is so already changes nothing and is fine.
    """
    intended = _intend(tools, origin, account, order=order, version=version)
    if intended.pending_change is None:
        return intended
    provider = intended.provider_subscription or ""
    try:
        tools.bluesnap.update_subscription(provider, auto_renew=order.renews)
    except Unknown:
        return _leave_pending(tools, intended, origin)
    except BlueSnapError as error:
        _refuse(tools, intended, origin)
        if isinstance(error, Declined | FieldsRefused):  # no card is in this call that could be refused
            raise Refusal(Code.BLUESNAP_FAILED) from None
        raise refusal(error) from None
    try:
        found = tools.bluesnap.get_subscription(provider)
    except BlueSnapError:
        return _leave_pending(tools, intended, origin)  # done, as it seems; only a read confirms it
    return _confirm(tools, intended, origin, order=order, found=found)


def _confirm(tools: Tools, intended: Subscription, origin: Origin, *, order: Order, found: Found) -> Subscription:
    """Follow what BlueSnap shows. If that is not what was ordered, it stays pending: the worker looks when it cannot be under way any more."""
    with tools.engine.begin() as connection:
        held = subscriptions.locked(connection, intended.id) or intended
        after = looks.follow(connection, tools, held, found=found, origin=origin)
        if after.status != "ended" and after.renews != order.renews:
            return after
        return changes.change(connection, after, Act.CHANGE_CONFIRMED, origin, **looks.SETTLED)


def _refuse(tools: Tools, intended: Subscription, origin: Origin) -> None:
    """It was definitely not done. A look may show why."""
    with tools.engine.begin() as connection:
        held = subscriptions.locked(connection, intended.id) or intended
        subscriptions.ask_soon(connection, held.provider_subscription or "")
        changes.change(connection, held, Act.CHANGE_REFUSED, origin, **looks.SETTLED)


def _intend(tools: Tools, origin: Origin, account: str, *, order: Order, version: int | None) -> Subscription:
    """Commit the intent, with a look that will settle it if this process dies."""
    seconds = tools.settings.lease_seconds
    with tools.engine.begin() as connection:
        subscription = _live(connection, tools, account)
        if version is not None and version != subscription.version:
            raise Refusal(Code.VERSION_WRONG)
        if subscription.pending_change is not None:
            raise Refusal(Code.SUBSCRIPTION_CHANGED, retry_after=2)
        if subscription.renews == order.renews:
            return subscription
        until = database.now(connection) + timedelta(seconds=seconds)
        subscriptions.look_again(connection, subscription.id, seconds=seconds, looked=0)
        return changes.change(
            connection, subscription, Act.CHANGE_REQUESTED, origin, pending_change=order.value, pending_until=until
        )


def _leave_pending(tools: Tools, intended: Subscription, origin: Origin) -> Subscription:
    """Nobody knows whether it was done. After the quiet period the worker looks, and what it sees is how it ended."""
    seconds = tools.settings.quiet_seconds
    with tools.engine.begin() as connection:
        held = subscriptions.locked(connection, intended.id) or intended
        subscriptions.look_again(connection, held.id, seconds=seconds, looked=0)
        until = database.now(connection) + timedelta(seconds=seconds)
        return changes.change(connection, held, Act.OUTCOME_UNKNOWN, origin, pending_until=until)


def _live(connection: Connection, tools: Tools, account: str) -> Subscription:
    """The account's subscription, held, if there is still something to cancel or to resume."""
    known = accounts.latest_subscription(connection, account)
    held = subscriptions.locked(connection, known.id) if known is not None else None
    if held is None or held.status not in accounts.LIVE:
        raise Refusal(Code.SUBSCRIPTION_NOT_FOUND)
    if not held.renews and held.paid_until is not None and tools.clock() >= held.paid_until:
        raise Refusal(Code.SUBSCRIPTION_NOT_FOUND)
    return held
