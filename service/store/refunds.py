"""Refunds: found by charge, by BlueSnap's number, or because they are due. Leases run on database time, and a changed lease says that somebody else took over."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection, func, select, update

from service.store.changes import LostRaceError
from service.store.database import many, one
from service.store.leases import Lease
from service.store.models import CHARGES, REFUNDS, Refund

R = REFUNDS.c
#: Nobody knows yet how these end; the worker asks.
UNDECIDED = ("requested", "unknown", "pending")
#: BlueSnap has taken the order.
ACCEPTED = ("pending", "succeeded")
LEASE = Lease(REFUNDS, Refund, R.lease_until, R.status.in_(UNDECIDED))


def get(connection: Connection, refund_id: str) -> Refund | None:
    """A refund by our id."""
    return one(connection, select(REFUNDS).where(R.id == refund_id), Refund)


def by_key(connection: Connection, charge_id: str, key: uuid.UUID) -> Refund | None:
    """The refund of a charge that was ordered under this key."""
    return one(connection, select(REFUNDS).where(R.charge_id == charge_id, R.key == key), Refund)


def by_provider(connection: Connection, provider_refund: str) -> Refund | None:
    """The refund that has this number at BlueSnap."""
    return one(connection, select(REFUNDS).where(R.provider_refund == provider_refund), Refund)


def of_charge(connection: Connection, charge_id: str, *, lock_rows: bool = False) -> list[Refund]:
    """All refunds of a charge, oldest first, held until the transaction ends if asked."""
    statement = select(REFUNDS).where(R.charge_id == charge_id).order_by(R.id)
    return many(connection, statement.with_for_update(key_share=True) if lock_rows else statement, Refund)


def of_charges(connection: Connection, charge_ids: Sequence[str]) -> list[Refund]:
    """All refunds of several charges, oldest first."""
    return many(connection, select(REFUNDS).where(R.charge_id.in_(charge_ids)).order_by(R.id), Refund)


def undecided(connection: Connection) -> list[Refund]:
    """Refunds whose end is not known, oldest first; those without a lease are left to a person."""
    return many(connection, select(REFUNDS).where(R.status.in_(UNDECIDED)).order_by(R.id), Refund)


def reserved(given: Iterable[Refund]) -> Decimal:
    """What of a charge's refunds counts against its remainder: every one that has not failed."""
    return sum((one.amount for one in given if one.status != "failed"), Decimal(0))


def accepted(connection: Connection, charge_reference: str) -> Decimal:
    """What BlueSnap has given back of a payment, or is about to, as far as we know; by the payment's reference."""
    mine = (CHARGES.c.reference == charge_reference, R.status.in_(ACCEPTED))
    total = select(func.coalesce(func.sum(R.amount), Decimal(0))).join(CHARGES, CHARGES.c.id == R.charge_id)
    amount: Decimal = connection.execute(total.where(*mine)).scalar_one()
    return amount


def hold(connection: Connection, refund: Refund) -> None:
    """Keep the refund from everybody else until the transaction ends. Raises LostRaceError if it has been moved or taken over since it was read."""
    mine = (R.id == refund.id, R.status == refund.status, R.lease_until.is_not_distinct_from(refund.lease_until))
    if connection.execute(select(R.id).where(*mine).with_for_update(key_share=True)).first() is None:
        raise LostRaceError


def look_again(connection: Connection, refund: Refund, seconds: float) -> None:
    """Nothing new: give it back until then. Steers the worker only, so it leaves no entry."""
    mine = (R.id == refund.id, R.lease_until == refund.lease_until)
    values = {"lease_until": func.clock_timestamp() + timedelta(seconds=seconds), "looked": refund.looked + 1}
    connection.execute(update(REFUNDS).where(*mine).values(values))


def wake(connection: Connection, refund: Refund) -> None:
    """Something was heard of a refund that is pending: ask now, not when it was planned."""
    waiting = (R.id == refund.id, R.status == "pending", R.lease_until > func.clock_timestamp())
    connection.execute(update(REFUNDS).where(*waiting).values(lease_until=func.clock_timestamp(), looked=0))


def rest(connection: Connection, refund: Refund) -> None:
    """The worker leaves it alone from now on. Steers the worker only, so it leaves no entry."""
    connection.execute(update(REFUNDS).where(R.id == refund.id).values(lease_until=None))
