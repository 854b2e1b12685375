"""Payments that BlueSnap made. Inserted once by reference, never changed."""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from service.store.database import many, one
from service.store.journal import Act, Origin, image_of, write
from service.store.models import CHARGES, SUBSCRIPTIONS, Charge, Subscription

C = CHARGES.c


def add(connection: Connection, charge: Charge, subscription: Subscription, origin: Origin) -> bool:
    """Insert a charge with its entry. False if its reference is known."""
    statement = insert(CHARGES).values(**vars(charge)).on_conflict_do_nothing().returning(C.id)
    if connection.execute(statement).first() is None:
        return False
    write(
        connection, Act.CHARGE_RECORDED, origin, subject=charge.id, account=subscription.account, image=image_of(charge)
    )
    return True


def get(connection: Connection, charge_id: str, *, lock_row: bool = False) -> Charge | None:
    """A charge by our id, held until the transaction ends if asked."""
    statement = select(CHARGES).where(C.id == charge_id)
    return one(connection, statement.with_for_update(key_share=True) if lock_row else statement, Charge)


def by_reference(connection: Connection, reference: str) -> Charge | None:
    """A charge by its reference at BlueSnap."""
    return one(connection, select(CHARGES).where(C.reference == reference), Charge)


def of_subscription(connection: Connection, subscription_id: str) -> list[Charge]:
    """All charges of a subscription, oldest first."""
    statement = select(CHARGES).where(C.subscription_id == subscription_id).order_by(C.charged_on, C.id)
    return many(connection, statement, Charge)


def page_of_account(connection: Connection, account: str, after: str | None, limit: int) -> list[Charge]:
    """Charges of all subscriptions of an account in the order in which we heard of them, after one of them."""
    statement = select(CHARGES).join(SUBSCRIPTIONS, SUBSCRIPTIONS.c.id == C.subscription_id)
    statement = statement.where(SUBSCRIPTIONS.c.account == account)
    if after is not None:
        statement = statement.where(C.id > after)
    return many(connection, statement.order_by(C.id).limit(limit), Charge)
