"""Payments that BlueSnap made, each recorded once, whether its answer or a notice told us first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import structlog
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from service.store import notices
from service.store.ids import new_id
from service.store.journal import Act, Origin, image_of, write
from service.store.models import CHARGES, Charge, Subscription
from service.telemetry import metrics

log = structlog.get_logger()


@dataclass(frozen=True)
class Payment:
    """What we heard of a payment, and from where: `answer` or `notice`."""

    reference: str
    amount: Decimal
    currency: str
    source: str


def record(
    connection: Connection, subscription: Subscription, payment: Payment, *, now: datetime, origin: Origin
) -> bool:
    """Record a payment unless it is known; alarm if it is not what was agreed. True if it was new."""
    charge = Charge(
        id=new_id("ch"),
        subscription_id=subscription.id,
        reference=payment.reference,
        amount=payment.amount,
        currency=payment.currency,
        source=payment.source,
        recorded_at=now,
    )
    statement = insert(CHARGES).values(**vars(charge)).on_conflict_do_nothing().returning(CHARGES.c.id)
    if connection.execute(statement).first() is None:
        return False
    write(
        connection, Act.CHARGE_RECORDED, origin, subject=charge.id, account=subscription.account, image=image_of(charge)
    )
    if (payment.amount, payment.currency) != (subscription.amount, subscription.currency):
        metrics.CHARGE_MISMATCHES.inc()
        log.error("charge.mismatch", subscription=subscription.id, account=subscription.account)
    return True


def apply_waiting(connection: Connection, subscription: Subscription, *, now: datetime) -> None:
    """Apply the notices of charges that came before we knew the subscription."""
    for notice in notices.waiting(connection, subscription.provider_subscription or ""):
        if notice.reference is not None and notice.amount is not None and notice.currency is not None:
            payment = Payment(notice.reference, notice.amount, notice.currency, "notice")
            record(connection, subscription, payment, now=now, origin=Origin("bluesnap"))
        notices.settle(connection, notice.id, "applied")
