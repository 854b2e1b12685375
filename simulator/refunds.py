"""Money that goes back: refunds at once or after a while, and disputes of cardholders (bluesnap/api.md section 8). A refund never ends a subscription that it was told to keep."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from simulator import billing
from simulator.billingdays import period_end
from simulator.entities import Charge, Chargeback, Refund
from simulator.noticeforms import Subject, of_charge
from simulator.telling import tell_of

if TYPE_CHECKING:
    from simulator.world import World

DISPUTE_STATUSES = ("New", "Working", "Completed_Pending", "Completed_Won", "Completed_Lost", "Closed")
_FINAL = frozenset({"Completed_Won", "Completed_Lost", "Closed"})


def give(world: World, charge: Charge, amount: Decimal, *, cancels: bool, reason: str, metadata: Any) -> Refund:
    """Give money back; with `cancels` the subscription ends, as BlueSnap does unless told otherwise."""
    pending = world.behaviour.refund_status == "PENDING"
    now = world.clock.now()
    status = "PENDING" if pending else "SUCCESS"
    given = Refund(world.ids.next(), amount, reason, cancels, metadata, now, charge, status)
    charge.refunds.append(given)
    world.refunds[given.id] = given
    subscription = charge.subscription
    world.ledger.record(
        "refund",
        given.id,
        given.at,
        amount=f"{amount:.2f}",
        currency=charge.plan.currency,
        transaction_id=str(charge.transaction_id),
        subscription_id=str(subscription.id),
        merchant_shopper_id=subscription.shopper.merchant_shopper_id,
        cancels_subscription=cancels,
        status="PENDING" if pending else None,
    )
    if cancels and subscription.status == "ACTIVE":
        given.ended = True
        billing.end(world, subscription, "CANCELED")
    if pending:
        _tell(world, given, "PENDING_REFUND")
        moment = now + timedelta(days=world.behaviour.refund_pending_days)
        world.agenda.plan(("refund", given.id), moment, given.id, partial(_settle, world, given))
    else:
        _tell(world, given, "CANCELLATION_REFUND" if given.ended else "REFUND")
    return given


def _settle(world: World, given: Refund) -> None:
    given.status = "SUCCESS"
    billing.record_change(world, "refund", given.id, status=given.status)
    _tell(world, given, "CANCELLATION_REFUND" if given.ended else "REFUND")


def call_off(world: World, given: Refund) -> None:
    """A pending refund that will not happen; a subscription that ended with it stays ended."""
    given.status = "CANCELED"
    world.agenda.forget(("refund", given.id))
    billing.record_change(world, "refund", given.id, status=given.status)


def _tell(world: World, given: Refund, kind: str) -> None:
    reason = given.reason or "Per your instructions"
    more = [("reversalRefNum", str(given.id)), ("reversalReason", reason)]
    if kind == "CANCELLATION_REFUND":
        more.append(("cancelReason", billing.BY_SELLER))
    tell_of(world, kind, _subject(world, given.charge, given.amount, world.clock.now()), more)


def _subject(world: World, charge: Charge, amount: Decimal, at: datetime) -> Subject:
    """The charge that a reversal is about; its referenceNumber is that of the charge (bluesnap/variants.md section 9)."""
    paid = of_charge(charge, period_end(world, charge.subscription))
    return Subject(**(vars(paid) | {"amount": amount, "at": at}))


def dispute(world: World, charge: Charge, amount: Decimal, reason: str) -> Chargeback:
    """The cardholder's bank takes money back. Nothing else changes: BlueSnap goes on renewing."""
    opened = Chargeback(world.ids.next(), charge, amount, reason, world.clock.now())
    charge.chargebacks.append(opened)
    world.chargebacks[opened.id] = opened
    world.ledger.record(
        "chargeback",
        opened.id,
        opened.at,
        amount=f"{amount:.2f}",
        currency=charge.plan.currency,
        transaction_id=str(charge.transaction_id),
        subscription_id=str(charge.subscription.id),
        merchant_shopper_id=charge.subscription.shopper.merchant_shopper_id,
    )
    _tell_of_dispute(world, opened, "CHARGEBACK")
    return opened


def move_dispute(world: World, opened: Chargeback, status: str) -> None:
    """The dispute goes on; raises ValueError for a step back or out of an end."""
    if opened.status in _FINAL or DISPUTE_STATUSES.index(status) <= DISPUTE_STATUSES.index(opened.status):
        raise ValueError(f"the chargeback is {opened.status}; it cannot become {status}")
    opened.status = status
    billing.record_change(world, "chargeback", opened.id, status=status)
    _tell_of_dispute(world, opened, "CHARGEBACK_STATUS_CHANGED")


def _tell_of_dispute(world: World, opened: Chargeback, kind: str) -> None:
    more = [("reversalRefNum", str(opened.id)), ("reversalReason", opened.reason), ("cbStatus", opened.status)]
    tell_of(world, kind, _subject(world, opened.charge, opened.amount, world.clock.now()), more)
