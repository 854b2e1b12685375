"""Give money back of a charge: reserve the part first, ask BlueSnap once, keep what is not known as unknown. Never more than is left.

DESIGN section 7 point 9. Network outside, transactions inside; the charge's row orders all who want a part of it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import structlog
from sqlalchemy import Connection

from service.billing.money.refund_giving import accept, give, lose, record
from service.billing.money.refund_records import decide, differs, exact, follow, learn, remainder
from service.billing.money.refund_settling import settle_due
from service.billing.outcomes import refusal
from service.billing.tools import Tools
from service.bluesnap.causes import Cause
from service.errors import (
    BlueSnapError,
    Code,
    FieldError,
    Misconfigured,
    NeverSent,
    Refusal,
    RetryLater,
    Unknown,
)
from service.store import accounts, changes, charges, database, disputes, refunds
from service.store.changes import LostRaceError
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import Charge, Refund

log = structlog.get_logger()

__all__ = ["REASONS", "Order", "decide", "differs", "exact", "follow", "order", "remainder", "settle_due"]

#: Why money is given back; BlueSnap is told the word.
REASONS = ("requested_by_customer", "duplicate", "fraudulent", "service_not_provided", "other")
#: BlueSnap refuses a refund while another one of the payment is in process (bluesnap/errors.md section 5, 14023 and 20003).
RUNNING_SECONDS = 60


@dataclass(frozen=True)
class Order:
    """What is to be given back: an amount in the charge's currency, or all that is left for None.

    `currency`, where given, must be the charge's. `key` is what the caller's repeats have in common: under it money is given back once.
    """

    amount: Decimal | None
    reason: str
    cancel_subscription: bool
    currency: str | None = None
    key: uuid.UUID | None = None


def order(tools: Tools, origin: Origin, charge_id: str, wanted: Order) -> Refund:
    """Give money back. The refund as it stands: succeeded, pending, or unknown until the worker has settled it. Raises Refusal."""
    charge, refund, begun = _reserve(tools, origin, charge_id, wanted)
    if begun:
        try:
            refund = _give(tools, origin, charge, refund)
        except LostRaceError:  # a look or the worker knew it before us: what it knows is the answer
            with tools.engine.connect() as connection:
                refund = refunds.get(connection, refund.id) or refund
    if refund.status == "failed":
        raise Refusal(Code.REFUND_REFUSED)
    return refund


def _give(tools: Tools, origin: Origin, charge: Charge, refund: Refund) -> Refund:
    """The call, and what it did. Raises Refusal for a definite no, which releases the reserved part."""
    try:
        given = give(tools, charge, refund)
    except Unknown:
        return lose(tools, refund, origin)
    except BlueSnapError as error:
        record(tools, refund, "failed", origin)
        log.warning("refund.refused", refund=refund.id, account=refund.account, cause=error.cause)
        raise _refused(tools, charge, refund, error) from None
    return accept(tools, refund, given, origin)


def _refused(tools: Tools, charge: Charge, refund: Refund, error: BlueSnapError) -> Refusal:
    if isinstance(error, NeverSent | RetryLater | Misconfigured):
        return refusal(error)
    if error.cause == Cause.REFUND_RUNNING:
        return Refusal(Code.REFUND_REFUSED, retry_after=RUNNING_SECONDS)
    if error.cause not in {Cause.ALREADY_REFUNDED, Cause.REFUND_AMOUNT}:
        return Refusal(Code.REFUND_REFUSED)
    _learn_what_is_left(tools, charge)
    with tools.engine.connect() as connection:
        spent = error.cause == Cause.ALREADY_REFUNDED or refund.amount > remainder(connection, charge)
    return Refusal(Code.REFUND_ABOVE_REMAINDER if spent else Code.REFUND_REFUSED)


def _learn_what_is_left(tools: Tools, charge: Charge) -> None:
    """BlueSnap knows of less than we do: somebody has given money back there."""
    try:
        seen = tools.bluesnap.get_transaction(charge.reference)
    except BlueSnapError:
        return  # the next look or sweep tells
    learn(tools, charge, seen, Origin("worker"))


def _reserve(tools: Tools, origin: Origin, charge_id: str, wanted: Order) -> tuple[Charge, Refund, bool]:
    """Commit the intent, which takes its part of the remainder at once. False with a refund that this key has ordered before. Raises Refusal."""
    with tools.engine.begin() as connection:
        charge = charges.get(connection, charge_id, lock_row=True)
        if charge is None:
            raise Refusal(Code.CHARGE_NOT_FOUND)
        key, known = _attempt(connection, charge, wanted)
        if known is not None:
            return charge, known, False
        if disputes.is_disputed(connection, charge.reference):
            raise Refusal(Code.CHARGE_DISPUTED)
        owner = accounts.subscription(connection, charge.subscription_id)
        now = database.now(connection)
        refund = Refund(
            id=new_id("rf"), charge_id=charge.id, account=owner.account, amount=_amount(connection, charge, wanted),
            currency=charge.currency, reason=wanted.reason, cancel_subscription=wanted.cancel_subscription, status="requested",
            source="operator" if origin.is_operator else "api", provider_refund=None, key=key, looked=0,
            lease_until=now + timedelta(seconds=tools.settings.lease_seconds), called_at=now, created_at=tools.clock(),
        )  # fmt: skip
        return charge, changes.add(connection, refund, Act.REFUND_REQUESTED, origin), True


def _attempt(connection: Connection, charge: Charge, wanted: Order) -> tuple[uuid.UUID, Refund | None]:
    """The key towards BlueSnap, and the refund that has used it. After a definite no the same order is a new attempt, with a key of its own.

    One that BlueSnap took and called off later is no such no: ordering it again takes a new key of the caller's.
    """
    if wanted.key is None:
        return uuid.uuid4(), None
    attempt = 0
    while True:
        key = uuid.uuid5(wanted.key, f"{charge.id}/{attempt}")
        known = refunds.by_key(connection, charge.id, key)
        if known is None or known.status != "failed" or known.provider_refund is not None:
            return key, known
        attempt += 1


def _amount(connection: Connection, charge: Charge, wanted: Order) -> Decimal:
    """What is to be given back, in the currency's decimals. Raises Refusal."""
    left = remainder(connection, charge)
    if wanted.currency not in {None, charge.currency}:
        raise _field(Code.CURRENCY_WRONG, "/amount/currency")
    if wanted.amount is not None and (wanted.amount <= 0 or wanted.amount != exact(wanted.amount, charge.currency)):
        raise _field(Code.AMOUNT_MALFORMED, "/amount/amount")
    amount = left if wanted.amount is None else exact(wanted.amount, charge.currency)
    if not 0 < amount <= left:
        raise Refusal(Code.REFUND_ABOVE_REMAINDER)
    return amount


def _field(code: Code, pointer: str) -> Refusal:
    return Refusal(code, errors=(FieldError(pointer, code),))
