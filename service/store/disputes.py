"""Disputes of charges: read for what they forbid. They are written with their entries by changes.py, and what BlueSnap's words mean is not decided here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sqlalchemy import Connection, func, select, update

from service.store.database import many, one
from service.store.journal import Act, Origin, append
from service.store.models import DISPUTES, Charge, Dispute

D = DISPUTES.c


def any_open(known: Iterable[Dispute]) -> bool:
    """Whether nobody knows yet how one of these ends."""
    return any(one.status == "open" for one in known)


def open_of(connection: Connection, subscription_id: str) -> bool:
    """Whether a charge of this subscription is disputed and nobody knows yet how it ends."""
    return any_open(of_subscription(connection, subscription_id))


def is_disputed(connection: Connection, charge_reference: str) -> bool:
    """Whether this charge is under an open dispute: then it cannot be refunded (DESIGN section 3)."""
    return any_open(of_charges(connection, [charge_reference]))


def lost(charge: Charge, known: Iterable[Dispute]) -> Decimal:
    """What lost ones of a charge's disputes have taken back of it, in its currency: of one whose amount we were not told, all of it."""
    taken = (
        one.amount if one.amount is not None and one.currency == charge.currency else charge.amount
        for one in known
        if one.status == "lost"
    )
    return sum(taken, Decimal(0))


def by_reference(connection: Connection, reference: str, *, lock_row: bool = False) -> Dispute | None:
    """A dispute by its reference at BlueSnap, held until the transaction ends if asked."""
    statement = select(DISPUTES).where(D.reference == reference)
    return one(connection, statement.with_for_update(key_share=True) if lock_row else statement, Dispute)


def get(connection: Connection, dispute_id: str, *, lock_row: bool = False) -> Dispute | None:
    """A dispute by our id, held until the transaction ends if asked."""
    statement = select(DISPUTES).where(D.id == dispute_id)
    return one(connection, statement.with_for_update(key_share=True) if lock_row else statement, Dispute)


def of_charges(connection: Connection, references: Sequence[str]) -> list[Dispute]:
    """All disputes about these charges, by their references at BlueSnap, the first heard of first."""
    return many(connection, select(DISPUTES).where(D.charge_reference.in_(references)).order_by(D.id), Dispute)


def of_subscription(connection: Connection, subscription_id: str) -> list[Dispute]:
    """All disputes about charges of a subscription, the first heard of first."""
    return many(connection, select(DISPUTES).where(D.subscription_id == subscription_id).order_by(D.id), Dispute)


def listed(connection: Connection, status: str | None = None) -> list[Dispute]:
    """All disputes, or those of a status, the first heard of first."""
    statement = select(DISPUTES) if status is None else select(DISPUTES).where(D.status == status)
    return many(connection, statement.order_by(D.id), Dispute)


def stopped_renewal(connection: Connection, subscription_id: str, origin: Origin) -> None:
    """Note that it is for the open disputes of this subscription that its renewal is switched off."""
    which = D.subscription_id == subscription_id, D.status == "open", ~D.stopped_renewal
    statement = update(DISPUTES).where(*which).values(stopped_renewal=True)
    for dispute in many(connection, statement.returning(DISPUTES), Dispute):
        append(connection, Act.DISPUTE_STOPS, dispute, origin)


def won_after_stop(connection: Connection, subscription_id: str) -> bool:
    """Whether disputes stopped the renewal of this subscription, and every one since the first of those was won."""
    stopped = select(func.count(), func.count().filter(D.status == "won"))
    total, won = connection.execute(stopped.where(D.subscription_id == subscription_id, D.stopped_renewal)).one()
    since = select(func.min(D.created_at)).where(D.subscription_id == subscription_id, D.stopped_renewal)
    lost = select(D.id).where(
        D.subscription_id == subscription_id, D.status != "won", D.created_at >= since.scalar_subquery()
    )
    return 0 < total == won and connection.execute(lost.limit(1)).first() is None


def forget_stop(connection: Connection, subscription_id: str, origin: Origin) -> None:
    """The renewal is switched on again, or it is somebody else's decision now."""
    which = D.subscription_id == subscription_id, D.stopped_renewal
    statement = update(DISPUTES).where(*which).values(stopped_renewal=False)
    for dispute in many(connection, statement.returning(DISPUTES), Dispute):
        append(connection, Act.DISPUTE_FREES, dispute, origin)
