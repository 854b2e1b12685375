"""What the sweep reads and holds: its lock, our records by BlueSnap's ids, who a shopper of BlueSnap's is here. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import ColumnElement, Connection, Engine, func, literal, select

from service.store.accounts import LIVE
from service.store.database import many
from service.store.models import CHARGES, SIGNUPS, SUBSCRIPTIONS, TASKS, Signup, Subscription

LOCK = 7_315_007
S = SUBSCRIPTIONS.c
#: Signups in one of these may have a subscription at BlueSnap that we do not know yet.
EXPECTING = ("shopper_vaulted", "subscription_requested", "subscription_unknown", "stuck")


@contextmanager
def alone(engine: Engine) -> Iterator[bool]:
    """Whether no other sweep runs; none begins until the end of the block, or of this process. Keeps a connection, and no transaction open."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        held: bool = connection.execute(select(func.pg_try_advisory_lock(LOCK))).scalar_one()
        try:
            yield held
        finally:
            if held:
                connection.execute(select(func.pg_advisory_unlock(LOCK)))


def of_providers(connection: Connection, references: Collection[str]) -> dict[str, Subscription]:
    """Our records of these subscriptions at BlueSnap, by its ids."""
    found = many(connection, select(SUBSCRIPTIONS).where(S.provider_subscription.in_(references)), Subscription)
    return {one.provider_subscription: one for one in found if one.provider_subscription is not None}


def live_after(connection: Connection, after: str, limit: int) -> list[Subscription]:
    """Live subscriptions that BlueSnap has, in the order of our ids, behind one of them; "" is before all."""
    live = (S.status.in_(LIVE), S.provider_subscription.is_not(None), S.id > after)
    return many(connection, select(SUBSCRIPTIONS).where(*live).order_by(S.id).limit(limit), Subscription)


def expecting(connection: Connection, shoppers: Collection[str]) -> dict[str, Signup]:
    """By shopper at BlueSnap, the signup whose subscription may be there; one that is undecided before one that is stuck."""
    statement = select(SIGNUPS).where(SIGNUPS.c.provider_shopper.in_(shoppers), SIGNUPS.c.state.in_(EXPECTING))
    rows = many(connection, statement.order_by(SIGNUPS.c.state != "stuck", SIGNUPS.c.id), Signup)
    return {one.provider_shopper: one for one in rows if one.provider_shopper is not None}


def account_of_shopper(connection: Connection, shopper: str) -> str | None:
    """The account that a shopper at BlueSnap belongs to here, the latest if there were several."""
    for table in (SUBSCRIPTIONS, SIGNUPS):
        mine = select(table.c.account).where(table.c.provider_shopper == shopper).order_by(table.c.id.desc()).limit(1)
        account: str | None = connection.execute(mine).scalar_one_or_none()
        if account is not None:
            return account
    return None


def is_held(connection: Connection, signup: Signup) -> bool:
    """Whether a process, or its quiet period, still has the signup."""
    held: bool = connection.execute(select(literal(signup.lease_until) > func.clock_timestamp())).scalar_one()
    return held


def recorded(connection: Connection, references: Collection[str]) -> set[str]:
    """Those of these payments at BlueSnap that we have."""
    return set(connection.execute(select(CHARGES.c.reference).where(CHARGES.c.reference.in_(references))).scalars())


def task_state(connection: Connection, kind: str, reference: str, subject: str | None) -> str | None:
    """How far a person is with a matter; None if it was never put before one."""
    about: ColumnElement[bool] = TASKS.c.subject.is_not_distinct_from(subject)
    statement = select(TASKS.c.state).where(TASKS.c.kind == kind, TASKS.c.reference == reference, about)
    state: str | None = connection.execute(statement).scalar_one_or_none()
    return state


def is_decided(connection: Connection, kinds: Collection[str], reference: str) -> bool:
    """Whether a person has done with a matter about this subscription of BlueSnap's."""
    about = (TASKS.c.kind.in_(kinds), TASKS.c.reference == reference, TASKS.c.state != "open")
    return connection.execute(select(TASKS.c.id).where(*about).limit(1)).first() is not None


def is_asked(connection: Connection, kinds: Collection[str], account: str, besides: str) -> bool:
    """Whether a person has such an open matter of the account before him, about another subscription of BlueSnap's."""
    about = (TASKS.c.kind.in_(kinds), TASKS.c.account == account, TASKS.c.state == "open", TASKS.c.reference != besides)
    return connection.execute(select(TASKS.c.id).where(*about).limit(1)).first() is not None
