"""Cancel a subscription at the end of what is paid, undo it, or end it when its grace is over. BlueSnap's flag is set, whatever it was, and the read says what is true."""

from __future__ import annotations

from sqlalchemy import Connection

from service.billing.life.intents import Order, carry_out, held, intend
from service.billing.lifecycle import grace_end
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.errors import Code, Refusal
from service.store import disputes
from service.store.journal import Origin
from service.store.models import Subscription

RENEWS = {Order.CANCEL: False, Order.RESUME: True}


def change_renewal(
    tools: Tools, origin: Origin, account: str, order: Order, *, version: int | None = None, for_dispute: bool = False
) -> Subscription:
    """Cancel at the period's end, or undo it. The subscription; its `pending_change` is set while the outcome is unknown. Raises Refusal.

    Ordering what is so already changes nothing and is fine. `for_dispute`: a disputed charge is why, so a won one will undo it.
    """
    renews = RENEWS[order]
    with tools.engine.begin() as connection:
        subscription = held(connection, tools, account, version=version)
        if not for_dispute:
            disputes.forget_stop(
                connection, subscription.id, origin
            )  # ordered for itself now: a won dispute will not undo it
        if subscription.renews == renews:
            return subscription
        if renews and subscription.status == "disputed":
            raise Refusal(Code.SUBSCRIPTION_DISPUTED, version=subscription.version)
        if for_dispute and not renews:
            disputes.stopped_renewal(connection, subscription.id, origin)
        intended = intend(connection, tools, subscription, origin, order=order)

    def judge(connection: Connection, after: Subscription, _: Found) -> Subscription | None:
        if renews and after.renews:
            disputes.forget_stop(connection, after.id, origin)
        return after if after.status == "ended" or after.renews == renews else None

    return carry_out(tools, intended, origin, writes=[{"auto_renew": renews}], judge=judge)


def is_out_of_grace(tools: Tools, subscription: Subscription) -> bool:
    """Whether a failed renewal was not paid within the grace period: then we cancel if BlueSnap has not (DESIGN section 3)."""
    if subscription.status != "past_due" or subscription.paid_until is None:
        return False
    return tools.clock() >= grace_end(subscription.paid_until, tools.settings.grace_days, tools.settings.billing_zone)


def end_after_grace(tools: Tools, origin: Origin, account: str) -> Subscription:
    """Cancel at BlueSnap, at once and for good. Raises Refusal."""
    with tools.engine.begin() as connection:
        subscription = held(connection, tools, account)
        if not is_out_of_grace(tools, subscription):
            return subscription
        intended = intend(connection, tools, subscription, origin, order=Order.END)

    def judge(_: Connection, after: Subscription, __: Found) -> Subscription | None:
        return after if after.status == "ended" else None

    return carry_out(tools, intended, origin, writes=[{"cancel": True}], judge=judge)
