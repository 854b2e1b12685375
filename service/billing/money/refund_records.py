"""The records of refunds: how they may move, what is left of a charge, and how they become what BlueSnap shows. Calls nobody."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy import Connection

from service.billing.catalogue import EXPONENTS
from service.billing.lifecycle import MoveNotAllowedError
from service.billing.money.refund_matching import match
from service.billing.tasks import close, open_task
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.store import accounts, changes, charges, database, disputes, refunds, subscriptions, tasks
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import Charge, Dispute, Refund
from service.telemetry import metrics

log = structlog.get_logger()

#: From a status to the next, and the entry that it leaves. What is not here cannot happen. A failed one comes back only if BlueSnap shows it.
REFUND_MOVES: dict[tuple[str, str], Act] = {
    ("requested", "unknown"): Act.REFUND_UNKNOWN,
    ("requested", "pending"): Act.REFUND_PENDING,
    ("requested", "succeeded"): Act.REFUND_SUCCEEDED,
    ("requested", "failed"): Act.REFUND_FAILED,
    ("unknown", "pending"): Act.REFUND_PENDING,
    ("unknown", "succeeded"): Act.REFUND_SUCCEEDED,
    ("unknown", "failed"): Act.REFUND_FAILED,
    ("pending", "succeeded"): Act.REFUND_SUCCEEDED,
    ("pending", "failed"): Act.REFUND_FAILED,
    ("failed", "pending"): Act.REFUND_PENDING,
    ("failed", "succeeded"): Act.REFUND_SUCCEEDED,
}
#: BlueSnap's words (bluesnap/api.md section 8). Any other means that it is not over yet.
DONE = {"SUCCESS", "SUCCEEDED", "COMPLETED", "REFUNDED"}
GONE = {"FAIL", "FAILED", "CANCELED", "CANCELLED", "DECLINED", "REJECTED"}


def status_of(word: str | None) -> str | None:
    """Our status for BlueSnap's word; None where it says nothing, which proves nothing."""
    if word is None:
        return None
    return "succeeded" if word in DONE else "failed" if word in GONE else "pending"


def exact(amount: Decimal, currency: str) -> Decimal:
    """The amount with the currency's own decimals: so it is written alike whenever it is written."""
    return amount.quantize(Decimal(1).scaleb(-EXPONENTS.get(currency, 2)))


def remainder(connection: Connection, charge: Charge) -> Decimal:
    """What may still be given back of a charge; below zero where BlueSnap gave back more than it took."""
    return left_of(
        charge, refunds.of_charge(connection, charge.id), disputes.of_charges(connection, [charge.reference])
    )


def left_of(charge: Charge, given: Iterable[Refund], told: Iterable[Dispute]) -> Decimal:
    """The same of a charge whose refunds and disputes are known."""
    return exact(charge.amount - refunds.reserved(given) - disputes.lost(charge, told), charge.currency)


def differs(connection: Connection, shown: payloads.Charge) -> bool:
    """Whether a listed payment shows other refunds than we know of it; then its transaction tells which."""
    return shown.refunded is not None and shown.refunded != refunds.accepted(connection, shown.transaction_id)


def move(connection: Connection, refund: Refund, status: str, origin: Origin, **values: Any) -> Refund:
    """Take one move of the table. Raises MoveNotAllowedError."""
    act = REFUND_MOVES.get((refund.status, status))
    if act is None:
        raise MoveNotAllowedError
    due = database.now(connection) if status == "pending" else None
    moved = changes.change(
        connection, refund, act, origin, **({"status": status, "lease_until": due, "looked": 0} | values)
    )
    metrics.REFUNDS.labels(outcome=status).inc()
    log.info("refund.moved", refund=refund.id, account=refund.account, state=status)
    return moved


def learn(tools: Tools, charge: Charge, seen: payloads.Transaction, origin: Origin) -> None:
    """Follow what a transaction shows, in a transaction of its own. Subscriptions are always held before their charges."""
    with tools.engine.begin() as connection:
        subscriptions.locked(connection, charge.subscription_id)
        _make_true(connection, tools, charge, seen, origin=origin)


def follow(connection: Connection, tools: Tools, charge: Charge, seen: payloads.Transaction, *, origin: Origin) -> None:
    """Make our refunds of a charge what BlueSnap shows of it; a second time it changes nothing. Call with the subscription's row held.

    Refunds that we did not order are added with the source `bluesnap`. What might be one of ours waits until that is known. Of a pending
    one about which BlueSnap is silent, the worker asks at once.
    """
    for silent in _make_true(connection, tools, charge, seen, origin=origin):
        refunds.wake(connection, silent)


def _make_true(
    connection: Connection, tools: Tools, charge: Charge, seen: payloads.Transaction, *, origin: Origin
) -> list[Refund]:
    """Answers the pending refunds of which the transaction does not say how far they are."""
    if seen.transaction_id != charge.reference:
        return []
    charges.get(connection, charge.id, lock_row=True)
    ours = refunds.of_charge(connection, charge.id, lock_rows=True)
    matching = match(ours, seen.refunds, tools.settings.billing_zone)
    shown = matching.pairs
    for row in ours:
        if row.id in shown:
            _bring(connection, row, shown[row.id], origin)
    for stranger in matching.strangers:
        _add(connection, charge, stranger, tools=tools, origin=origin)
    return [row for row in ours if row.status == "pending" and (row.id not in shown or shown[row.id].status is None)]


def _bring(connection: Connection, row: Refund, shown: payloads.RefundSeen, origin: Origin) -> None:
    """One of ours, as BlueSnap shows it. Silence about a refund that is shown says that it was taken, and no more."""
    told = status_of(shown.status)
    if row.status == "failed" and told is None and row.provider_refund is not None:
        return  # called off there, and still listed
    status = told or "pending"
    if (row.status, status) not in REFUND_MOVES:
        return
    values: dict[str, Any] = {"provider_refund": row.provider_refund or _free(connection, shown.refund_id)}
    if shown.amount != row.amount:
        values["amount"] = shown.amount
        _ask_person(connection, "refund_mismatch", row, origin)
    move(connection, row, status, origin, **values)
    if row.cancel_subscription and row.status != "pending":
        look_at_subscription(connection, row)


def _add(connection: Connection, charge: Charge, shown: payloads.RefundSeen, *, tools: Tools, origin: Origin) -> None:
    """A refund that somebody gave in BlueSnap's portal."""
    status = status_of(shown.status) or "succeeded"
    if status == "failed" or (shown.refund_id is not None and _free(connection, shown.refund_id) is None):
        return
    owner = accounts.subscription(connection, charge.subscription_id)
    due = database.now(connection) + timedelta(seconds=tools.settings.quiet_seconds) if status == "pending" else None
    found = Refund(
        id=new_id("rf"), charge_id=charge.id, account=owner.account, amount=shown.amount, currency=charge.currency,
        reason=None, cancel_subscription=False, status=status, source="bluesnap", provider_refund=shown.refund_id,
        key=uuid.uuid4(), looked=0, lease_until=due, called_at=None, created_at=tools.clock(),
    )  # fmt: skip
    changes.add(connection, found, Act.REFUND_FOUND, origin)
    metrics.REFUNDS.labels(outcome="found").inc()
    log.info("refund.found", refund=found.id, account=found.account, state=status)


def _free(connection: Connection, number: str | None) -> str | None:
    """The number, unless another refund of ours has it."""
    return number if number is not None and refunds.by_provider(connection, number) is None else None


def look_at_subscription(connection: Connection, refund: Refund) -> None:
    """A refund that ends its subscription: BlueSnap has ended it at once, and the look follows."""
    charge = charges.get(connection, refund.charge_id)
    if charge is not None:
        owner = accounts.subscription(connection, charge.subscription_id)
        subscriptions.ask_soon(connection, owner.provider_subscription or "")


def _ask_person(connection: Connection, kind: str, refund: Refund, origin: Origin) -> None:
    charge = charges.get(connection, refund.charge_id)
    open_task(
        connection, kind, origin, subject=refund.id, reference=charge.reference if charge else None, account=refund.account,
        amount=refund.amount, currency=refund.currency,
    )  # fmt: skip


def give_up(connection: Connection, refund: Refund, origin: Origin) -> None:
    """Only a person can tell how this refund ended. It keeps its part of the charge, and is not asked about any more."""
    _ask_person(connection, "refund_stuck", refund, origin)
    refunds.rest(connection, refund)


def decide(tools: Tools, refund_id: str, origin: Origin, *, given: bool) -> Refund | None:
    """A person has looked at BlueSnap and says how it ended. None if this refund is not left to a person. What BlueSnap shows later still counts."""
    with tools.engine.begin() as connection:
        refund = refunds.get(connection, refund_id)
        if refund is None or refund.status not in {"unknown", "pending"} or refund.lease_until is not None:
            return None
        if given and refund.cancel_subscription:
            look_at_subscription(connection, refund)
        refunds.hold(connection, refund)
        for task in tasks.listed(connection, ("open",)):
            if (task.kind, task.subject) == ("refund_stuck", refund.id):
                close(connection, task.id, "done", origin)
        return move(connection, refund, "succeeded" if given else "failed", origin)
