"""Giving money back: the call of today, its old form, and calling a pending refund off (bluesnap/api.md section 8). The remainder is guarded here, before anything moves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from simulator import refunds
from simulator.answers import Answer, Refused, number, refusal
from simulator.entities import Charge, Refund
from simulator.protocol import payloads
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import amount, boolean, identifier


def create(exchange: Exchange, transaction_id: str) -> Answer:
    """POST /transactions/refund/{id}: all or a part; it ends the subscription unless `cancelSubscriptions` is false."""
    world, body = exchange.world, exchange.body
    given = _give(exchange, transaction_id, body, keeps=boolean(body, "cancelSubscriptions") is False)
    told: dict[str, Any] = {"refundTransactionId": given.id, "amount": number(given.amount)}
    if world.behaviour.refund_status != "absent":
        told["refundStatus"] = world.behaviour.refund_status
    if given.reason:
        told["reason"] = given.reason
    return Answer(200, payloads.with_extras(world, told))


def create_legacy(exchange: Exchange, transaction_id: str) -> Answer:
    """PUT /transactions/{id}/refund?amount=&reason=&cancelsubscriptions=: 204, and nobody learns the refund's id."""
    query = exchange.query
    _give(exchange, transaction_id, query, keeps=query.get("cancelsubscriptions", "true").lower() == "false")
    return Answer(204)


def _give(exchange: Exchange, transaction_id: str, wanted: Mapping[str, Any], *, keeps: bool) -> Refund:
    charge = exchange.world.charges.get(identifier(transaction_id))
    if charge is None:
        raise exchange.missing("the transaction")
    return refunds.give(
        exchange.world,
        charge,
        _amount(charge, wanted),
        cancels=not keeps,
        reason=str(wanted.get("reason") or "")[:4000],
        metadata=wanted.get("transactionMetaData"),
    )


def _amount(charge: Charge, wanted: Mapping[str, Any]) -> Decimal:
    """What is to be given back; raises Refused in the order in which BlueSnap's names suggest it looks."""
    if any(refund.status == "PENDING" for refund in charge.refunds):
        raise Refused(refusal("14023", "REFUND_IN_PROCESS", "A refund of the invoice is in process."))
    if any(one.status not in ("Completed_Won", "Completed_Lost") for one in charge.chargebacks):
        raise Refused(refusal("14004", "REFUND_GENERAL_FAILURE", "The transaction is disputed."))
    if not charge.refundable:
        raise Refused(
            refusal("14022", "INVOICE_ALREADY_FULLY_REFUNDED", "The invoice has already been fully refunded.")
        )
    if wanted.get("amount") is None:
        return charge.refundable
    below = Refused(refusal("14005", None, "The refund amount is below the minimum."))
    part = amount(wanted["amount"], charge.plan.currency, below)
    if not part:
        raise below
    if part > charge.refundable:
        raise Refused(refusal("14006", None, "The refund amount is above the maximum."))
    return part


def call_off(exchange: Exchange, transaction_id: str) -> Answer:
    """DELETE /transactions/pending-refund/{id}, by the refund's own id or the transaction's: 204."""
    wanted = identifier(transaction_id)
    for refund in exchange.world.refunds.values():
        if refund.status == "PENDING" and wanted in (refund.id, refund.charge.transaction_id):
            refunds.call_off(exchange.world, refund)
            return Answer(204)
    raise exchange.missing("the refund")
