"""Payments that BlueSnap made, each recorded once, whether its answer, a notice or a look told us first, and compared with what was agreed for its day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import structlog
from sqlalchemy import Connection

from service.billing.tasks import open_task
from service.store import charges, prices
from service.store.ids import new_id
from service.store.journal import Origin
from service.store.models import Charge, Price, Subscription
from service.telemetry import metrics

log = structlog.get_logger()


@dataclass(frozen=True)
class Payment:
    """What we heard of a payment, and from where: `answer`, `notice`, `look` or `sweep`. `charged_on` is a billing day, `kind` initial or recurring."""

    reference: str
    amount: Decimal
    currency: str
    source: str
    charged_on: date | None = None
    kind: str | None = None


def record(
    connection: Connection, subscription: Subscription, payment: Payment, *, now: datetime, origin: Origin
) -> bool:
    """Record a payment unless it is known, and compare it with what was agreed. True if it was new."""
    charge = Charge(id=new_id("ch"), subscription_id=subscription.id, recorded_at=now, **vars(payment))
    if not charges.add(connection, charge, subscription, origin):
        return False
    _compare(connection, subscription, charge, origin)
    return True


def _compare(connection: Connection, subscription: Subscription, charge: Charge, origin: Origin) -> None:
    """More than was agreed goes to a person, who gives it back; less is never charged again (DESIGN section 7 point 7)."""
    day, first_unpaid = charge.charged_on, subscription.next_charge_on
    if subscription.status == "ended" and day is not None and first_unpaid is not None and day >= first_unpaid:
        # paid for a period after the end, which gives no access: all of it is too much
        open_task(
            connection, "overcharge", origin, subject=charge.id, reference=charge.reference, account=subscription.account,
            amount=charge.amount, currency=charge.currency,
        )  # fmt: skip
        return
    agreed: Price | Subscription | None = subscription
    if charge.charged_on is not None:
        agreed = prices.on(connection, subscription.id, charge.charged_on)
    if agreed is None:  # of before an adoption: nobody here agreed on it
        return
    if (charge.amount, charge.currency) == (agreed.amount, agreed.currency):
        return
    metrics.CHARGE_MISMATCHES.inc()
    log.error("charge.mismatch", subscription=subscription.id, account=subscription.account)
    if charge.currency != agreed.currency or charge.amount > agreed.amount:
        excess = charge.amount - agreed.amount if charge.currency == agreed.currency else charge.amount
        open_task(
            connection, "overcharge", origin, subject=charge.id, reference=charge.reference, account=subscription.account,
            amount=excess, currency=charge.currency,
        )  # fmt: skip
