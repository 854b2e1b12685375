"""Accounts and what belongs to them: the row whose lock orders all purchases of an account, its sessions and its subscriptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from service.store.database import many, one
from service.store.models import ACCOUNTS, SESSIONS, SUBSCRIPTIONS, CheckoutSession, Subscription

#: A subscription in one of these claims the account (the index one_purchase_per_account says the same).
CLAIMING = ("incomplete", "active", "past_due", "disputed")
LIVE = ("active", "past_due", "disputed")
#: Sold once too often: no account has it; it is cancelled and given back.
SURPLUS = "surplus"


def lock(connection: Connection, account: str, now: datetime) -> None:
    """Make the account known and hold its row until the transaction ends."""
    connection.execute(insert(ACCOUNTS).values(account=account, created_at=now).on_conflict_do_nothing())
    # key_share: a row that refers to the account may be written meanwhile, or its writer and we could wait for each other
    statement = select(ACCOUNTS.c.account).where(ACCOUNTS.c.account == account)
    connection.execute(statement.with_for_update(key_share=True))


def bought(connection: Connection, account: str) -> list[Subscription]:
    """The account's subscriptions that came to something, or still may: all but the void ones and those sold too often."""
    mine = (SUBSCRIPTIONS.c.account == account, SUBSCRIPTIONS.c.status.in_((*CLAIMING, "ended")))
    return many(connection, select(SUBSCRIPTIONS).where(*mine), Subscription)


def claiming_of(subscriptions: Iterable[Subscription]) -> Subscription | None:
    """Of an account's subscriptions the live or undecided one; there is at most one."""
    return next((one for one in subscriptions if one.status in CLAIMING), None)


def latest_of(subscriptions: Iterable[Subscription]) -> Subscription | None:
    """Of an account's subscriptions the live one, or else the last one that ended."""
    known = [one for one in subscriptions if one.status in {*LIVE, "ended"}]
    return max(known, key=lambda one: (one.status != "ended", one.id), default=None)


def claiming_subscription(connection: Connection, account: str) -> Subscription | None:
    """The account's live or undecided subscription."""
    return claiming_of(bought(connection, account))


def latest_subscription(connection: Connection, account: str) -> Subscription | None:
    """The account's live subscription, or else the last one that ended."""
    return latest_of(bought(connection, account))


def subscription(connection: Connection, subscription_id: str) -> Subscription:
    """A subscription that is known to exist."""
    found = one(connection, select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.id == subscription_id), Subscription)
    if found is None:
        raise LookupError
    return found


def subscription_of_provider(connection: Connection, provider_subscription: str) -> Subscription | None:
    """Our record of a subscription at BlueSnap."""
    statement = select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.provider_subscription == provider_subscription)
    return one(connection, statement, Subscription)


def session(connection: Connection, session_id: str, *, lock_row: bool = False) -> CheckoutSession | None:
    """A checkout session, held until the transaction ends if asked."""
    statement = select(SESSIONS).where(SESSIONS.c.id == session_id)
    return one(connection, statement.with_for_update(key_share=True) if lock_row else statement, CheckoutSession)


def expired_with_fields(connection: Connection, now: datetime, limit: int) -> list[CheckoutSession]:
    """Open sessions past their end that still hold a sealed token, held until the transaction ends; those that others hold are left to them."""
    statement = select(SESSIONS).where(
        SESSIONS.c.state == "open", SESSIONS.c.expires_at <= now, SESSIONS.c.fields_sealed.is_not(None)
    )
    return many(connection, statement.limit(limit).with_for_update(key_share=True, skip_locked=True), CheckoutSession)


def sessions_of_address(connection: Connection, addresses: Sequence[bytes], since: datetime) -> int:
    """How many sessions this address prefix opened since then; it is known by one digest for each key of ours. Waits for others of the same prefix to finish counting."""
    connection.execute(select(func.pg_advisory_xact_lock(int.from_bytes(min(addresses)[:8], signed=True))))
    statement = select(func.count()).where(SESSIONS.c.address.in_(addresses), SESSIONS.c.created_at > since)
    return connection.execute(statement).scalar_one()
