"""Notices: recorded once by delivery and once by meaning. What is kept is allow-listed; the raw body never is."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from service.store.database import many
from service.store.models import NOTICES, Notice

N = NOTICES.c


def record(connection: Connection, notice: Notice, deliveries: Sequence[bytes]) -> bool:
    """Insert a notice. False if this delivery, or another that meant the same, is known. `deliveries`: its digest by every valid key."""
    if connection.execute(select(N.id).where(N.delivery.in_(deliveries))).first() is not None:
        return False
    statement = insert(NOTICES).values(**vars(notice)).on_conflict_do_nothing().returning(N.id)
    return connection.execute(statement).first() is not None


def hold(connection: Connection, provider_subscription: str) -> None:
    """One at a time for each subscription at BlueSnap, until the transaction ends: else a notice waits for the very activation that overlooks it."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(provider_subscription, 0))))


def settle(connection: Connection, notice_id: str, outcome: str, reason: str | None = None) -> None:
    """Say what became of a notice."""
    connection.execute(update(NOTICES).where(N.id == notice_id).values(outcome=outcome, reason=reason))


def waiting(connection: Connection, provider_subscription: str) -> list[Notice]:
    """Notices that came before we knew the subscription they speak of."""
    statement = select(NOTICES).where(N.provider_subscription == provider_subscription, N.outcome == "waiting")
    return many(connection, statement.order_by(N.id), Notice)
