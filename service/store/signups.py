"""Signups: one row for each card attempt. Leases and the quiet period run on database time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, func, select, update

from service.store.changes import LostRaceError
from service.store.database import many, one
from service.store.leases import Lease
from service.store.models import SIGNUPS, SUBSCRIPTIONS, Signup

S = SIGNUPS.c
#: States in which nobody knows yet how it ends.
UNDECIDED = (
    "shopper_requested",
    "shopper_unknown",
    "shopper_vaulted",
    "subscription_requested",
    "subscription_unknown",
    "card_requested",
)
#: A released attempt tried no card.
RELEASED = "released"
LEASE = Lease(SIGNUPS, Signup, S.lease_until, S.state.in_(UNDECIDED))


@dataclass(frozen=True)
class Attempts:
    """Card attempts that were decided within a time: how many, and how many of them declined."""

    decided: int
    declined: int


def get(connection: Connection, signup_id: str) -> Signup | None:
    """One attempt."""
    return one(connection, select(SIGNUPS).where(S.id == signup_id), Signup)


def in_states(connection: Connection, states: Collection[str]) -> list[Signup]:
    """All attempts in one of these states, the oldest first."""
    return many(connection, select(SIGNUPS).where(S.state.in_(states)).order_by(S.id), Signup)


def of_shopper(connection: Connection, provider_shopper: str) -> Signup | None:
    """The undecided attempt that vaulted this shopper at BlueSnap; a shopper belongs to one attempt."""
    statement = select(SIGNUPS).where(S.provider_shopper == provider_shopper, S.state.in_(UNDECIDED))
    return one(connection, statement, Signup)


def latest_of_shopper(connection: Connection, provider_shopper: str) -> Signup | None:
    """The last attempt of this shopper, however it ended; None for a shopper who never bought through us."""
    statement = select(SIGNUPS).where(S.provider_shopper == provider_shopper)
    return one(connection, statement.order_by(S.id.desc()).limit(1), Signup)


def of_card(connection: Connection, subscription_id: str) -> Signup | None:
    """The undecided attempt to replace the card of a subscription."""
    statement = select(SIGNUPS).where(S.subscription_id == subscription_id, S.state == "card_requested")
    return one(connection, statement, Signup)


def vaulted_here(connection: Connection, provider_shopper: str) -> bool:
    """Whether a session of ours made this shopper, so that every card in his vault came through us."""
    statement = select(S.id).where(S.provider_shopper == provider_shopper, S.session_id.is_not(None)).limit(1)
    return connection.execute(statement).first() is not None


def has_shopper_elsewhere(connection: Connection, signup: Signup, provider_shopper: str) -> bool:
    """Whether another attempt, or any subscription but this attempt's own, is of this shopper."""
    attempt = select(S.id).where(S.provider_shopper == provider_shopper, S.id != signup.id)
    bought = select(SUBSCRIPTIONS.c.id).where(
        SUBSCRIPTIONS.c.provider_shopper == provider_shopper, SUBSCRIPTIONS.c.id != signup.subscription_id
    )
    return connection.execute(attempt.union_all(bought).limit(1)).first() is not None


def lease_end(connection: Connection, seconds: float) -> datetime:
    """Database time plus so many seconds."""
    moment: datetime = connection.execute(select(func.clock_timestamp() + timedelta(seconds=seconds))).scalar_one()
    return moment


def take(connection: Connection, signup_id: str, seconds: float) -> Signup | None:
    """Take over an undecided signup whose lease has ended; whoever held it before loses by the fence. None if it is not to be had."""
    return LEASE.take(connection, signup_id, seconds, fence=S.fence + 1)


def hold(connection: Connection, signup: Signup) -> None:
    """Keep the signup from everybody else until the transaction ends. Raises LostRaceError if another process has taken it over."""
    statement = select(S.id).where(S.id == signup.id, S.fence == signup.fence).with_for_update(key_share=True)
    if connection.execute(statement).first() is None:
        raise LostRaceError


def keep(connection: Connection, signup: Signup, seconds: float) -> None:
    """Hold on to the signup for so long from now. Raises LostRaceError if another process has taken it over."""
    until = func.clock_timestamp() + timedelta(seconds=seconds)
    statement = update(SIGNUPS).where(S.id == signup.id, S.fence == signup.fence, S.state.in_(UNDECIDED))
    if connection.execute(statement.values(lease_until=until)).rowcount != 1:
        raise LostRaceError


def wake(connection: Connection, signup: Signup) -> None:
    """End a waiting signup's quiet period early: something was heard of it."""
    statement = update(SIGNUPS).where(S.id == signup.id, S.state.in_(("shopper_unknown", "subscription_unknown")))
    connection.execute(statement.values(lease_until=func.clock_timestamp()))


def look_again(connection: Connection, signup: Signup, seconds: float) -> None:
    """Nothing was found: give the signup back until then. Steers the worker only, so it leaves no entry."""
    statement = update(SIGNUPS).where(S.id == signup.id, S.fence == signup.fence)
    until = func.clock_timestamp() + timedelta(seconds=seconds)
    connection.execute(statement.values(lease_until=until, looked=signup.looked + 1))


def tried(
    connection: Connection, *, session_id: str | None = None, account: str | None = None, since: datetime | None = None
) -> int:
    """How many card attempts a session, or an account since a moment, has made; released ones do not count."""
    statement = select(func.count()).where(S.state != RELEASED)
    if session_id is not None:
        statement = statement.where(S.session_id == session_id)
    if account is not None:
        statement = statement.where(S.account == account)
    if since is not None:
        statement = statement.where(S.created_at > since)
    return connection.execute(statement).scalar_one()


def decided(connection: Connection, since: datetime, addresses: Sequence[bytes] = ()) -> Attempts:
    """Attempts that ended since a moment, of one address prefix or of all."""
    declined = func.coalesce(func.sum(case((S.state == "declined", 1), else_=0)), 0)
    statement = select(func.count(), declined).where(
        S.created_at > since, S.state.in_(("declined", "active", "replaced"))
    )
    if addresses:
        statement = statement.where(S.address.in_(addresses))
    total, bad = connection.execute(statement).one()
    return Attempts(total, int(bad))
