"""Notices: recorded once by delivery and once by meaning. What is kept is allow-listed; the raw body never is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from service.store.database import many, one
from service.store.models import NOTICES, Notice

N = NOTICES.c


#: A notice that changed nothing yet: when BlueSnap says the same again, that is another chance.
RECONSIDERED = ("hint", "failed")
AS_FIRST_HEARD = {"id", "delivery", "meaning", "outcome", "reason", "received_at"}


def record(connection: Connection, notice: Notice, deliveries: Sequence[bytes]) -> Notice | None:
    """Insert a notice. If this delivery, or another that meant the same, is known: that row, if it changed nothing yet, else None.

    `deliveries`: the digest of the delivery by every valid key.
    """
    known = (
        N.delivery.in_(deliveries)
        if notice.meaning is None
        else N.delivery.in_(deliveries) | (N.meaning == notice.meaning)
    )
    if connection.execute(select(N.id).where(known)).first() is None:
        statement = insert(NOTICES).values(**vars(notice)).on_conflict_do_nothing().returning(N.id)
        if connection.execute(statement).first() is not None:
            return notice
    again = select(NOTICES).where(known, N.outcome.in_(RECONSIDERED)).order_by(N.id).limit(1).with_for_update()
    kept = one(connection, again, Notice)
    if kept is None:
        return None
    heard = {name: value for name, value in vars(notice).items() if name not in AS_FIRST_HEARD}
    connection.execute(update(NOTICES).where(N.id == kept.id).values(**heard))
    return dataclasses.replace(kept, **heard)


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
