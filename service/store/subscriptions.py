"""When BlueSnap is to be asked about a subscription. All of it steers the worker only, in database time, and leaves no entry."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from service.store.accounts import LIVE, SURPLUS
from service.store.database import now, one
from service.store.leases import Lease
from service.store.models import NOTICES, SUBSCRIPTIONS, Subscription

S = SUBSCRIPTIONS.c
N = NOTICES.c
#: Who looks at a subscription; a look that is not needed has no moment.
LEASE = Lease(SUBSCRIPTIONS, Subscription, S.look_at)


def ask_soon(connection: Connection, provider_subscription: str) -> bool:
    """Something was heard of this subscription at BlueSnap: look at once. False if it is none of ours."""
    statement = update(SUBSCRIPTIONS).where(
        S.provider_subscription == provider_subscription, S.status.in_((*LIVE, "ended", SURPLUS))
    )
    values = {"look_at": func.clock_timestamp(), "looked": 0}
    return connection.execute(statement.values(values).returning(S.id)).first() is not None


def surplus_of_shopper(connection: Connection, provider_shopper: str) -> list[str]:
    """BlueSnap's references of what was sold to a shopper once too often."""
    mine = (S.provider_shopper == provider_shopper, S.status == SURPLUS, S.provider_subscription.is_not(None))
    return [*connection.execute(select(S.provider_subscription).where(*mine).order_by(S.id)).scalars()]


def expect_renewals(connection: Connection, moment: datetime) -> None:
    """Look at every live subscription whose paid period is over, unless a look is due already."""
    over = (S.status.in_(LIVE), S.look_at.is_(None), S.paid_until <= moment)
    connection.execute(update(SUBSCRIPTIONS).where(*over).values(look_at=func.clock_timestamp(), looked=0))


def locked(connection: Connection, subscription_id: str) -> Subscription | None:
    """The subscription, held until the transaction ends."""
    statement = select(SUBSCRIPTIONS).where(S.id == subscription_id).with_for_update(key_share=True)
    return one(connection, statement, Subscription)


def look_again(connection: Connection, subscription_id: str, *, seconds: float, looked: int) -> None:
    """Look again then."""
    values = {"look_at": func.clock_timestamp() + timedelta(seconds=seconds), "looked": looked}
    connection.execute(update(SUBSCRIPTIONS).where(S.id == subscription_id).values(values))


def looked_enough(connection: Connection, subscription_id: str) -> None:
    """Nothing is awaited any more."""
    connection.execute(update(SUBSCRIPTIONS).where(S.id == subscription_id).values(look_at=None, looked=0))


def look_when_settled(connection: Connection, subscription: Subscription) -> None:
    """Look when the ordered change cannot be under way any more."""
    statement = update(SUBSCRIPTIONS).where(S.id == subscription.id)
    connection.execute(statement.values(look_at=subscription.pending_until))


def told_unpaid(connection: Connection, provider_subscription: str, since: datetime) -> bool:
    """Whether BlueSnap has told of a failed renewal since then (by its own clock)."""
    told = (
        N.provider_subscription == provider_subscription,
        N.type == "SUBSCRIPTION_CHARGE_FAILURE",
        N.provider_time >= since,
    )
    return connection.execute(select(N.id).where(*told).limit(1)).first() is not None


def is_settled(connection: Connection, subscription: Subscription) -> bool:
    """Whether an ordered change cannot be under way any more: what BlueSnap shows now is how it ended."""
    if subscription.pending_change is None or subscription.pending_until is None:
        return False
    return now(connection) >= subscription.pending_until
