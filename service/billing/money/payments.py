"""Read what an account has paid, what of it was given back, and what may still be. Changes nothing and calls nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from service.billing.money.refund_records import left_of
from service.billing.tools import Tools
from service.store import charges, disputes, refunds
from service.store.models import Charge, Dispute, Refund

NOTHING = Decimal(0)


@dataclass(frozen=True)
class Payment:
    """A charge with its refunds. `refunded` is given back or on its way; `refundable` is what may be ordered now: nothing while disputed."""

    charge: Charge
    refunds: list[Refund]
    refunded: Decimal
    refundable: Decimal
    disputed: bool


@dataclass(frozen=True)
class Page:
    """Some of an account's payments. `following` is the place after the last of them, None if there are no more."""

    payments: list[Payment]
    following: str | None


def of_account(tools: Tools, account: str, *, after: str | None, limit: int) -> Page:
    """Payments of all subscriptions of an account, in the order in which we heard of them."""
    with tools.engine.connect() as connection:
        found = charges.page_of_account(connection, account, after, limit + 1)
        page = found[:limit]
        given = refunds.of_charges(connection, [charge.id for charge in page])
        told = disputes.of_charges(connection, [charge.reference for charge in page])
    return Page(payments_of(page, given, told), page[-1].id if len(found) > limit else None)


def payments_of(paid: Sequence[Charge], given: Sequence[Refund], told: Sequence[Dispute]) -> list[Payment]:
    """Each charge with what is its own of these refunds and disputes."""
    return [
        _payment(
            charge,
            [one for one in given if one.charge_id == charge.id],
            [one for one in told if one.charge_reference == charge.reference],
        )
        for charge in paid
    ]


def _payment(charge: Charge, given: list[Refund], told: Sequence[Dispute]) -> Payment:
    disputed = disputes.any_open(told)
    refunded = sum((one.amount for one in given if one.status in refunds.ACCEPTED), NOTHING)
    left = NOTHING if disputed else max(left_of(charge, given, told), NOTHING)
    return Payment(charge, given, refunded, left, disputed)
