"""Charges of subscriptions, and the same payments as transactions: reading them and giving money back (bluesnap/api.md sections 8 and 10)."""

from __future__ import annotations

from typing import Any

from simulator import billing
from simulator.answers import Answer, Refused, number, refusal
from simulator.entities import Charge, Refund
from simulator.protocol import payloads
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import amount, boolean, identifier, page
from simulator.protocol.subscriptions import known


def list_of_subscription(exchange: Exchange, subscription_id: str) -> Answer:
    """GET /recurring/subscriptions/{id}/charges."""
    made = {charge.id: charge for charge in known(exchange, subscription_id).charges if exchange.visible(charge.at)}
    ids, facts = page(exchange.query, list(made))
    return Answer(200, {**facts, "charges": [payloads.charge(exchange.world, made[charge_id]) for charge_id in ids]})


def resolve(exchange: Exchange) -> Answer:
    """GET /recurring/subscriptions/charges/resolve?transactionid=."""
    return Answer(200, payloads.charge(exchange.world, _charge(exchange, exchange.query.get("transactionid"))))


def get(exchange: Exchange, transaction_id: str) -> Answer:
    """GET /transactions/{id}: a payment, or a refund by its own id."""
    for charge in exchange.world.charges.values():
        for refund in charge.refunds:
            if refund.id == identifier(transaction_id):
                return Answer(200, _as_transaction(exchange, charge, refund))
    return Answer(200, payloads.transaction(exchange.world, _charge(exchange, transaction_id)))


def _as_transaction(exchange: Exchange, charge: Charge, refund: Refund) -> dict[str, Any]:
    body = payloads.transaction(exchange.world, charge)
    body.pop("refunds", None)
    own = {"cardTransactionType": "REFUND", "transactionId": str(refund.id), "amount": number(refund.amount)}
    return body | own | {"originalTransactionId": str(charge.transaction_id)}


def _charge(exchange: Exchange, transaction_id: object) -> Charge:
    found = exchange.world.charges.get(identifier(transaction_id))
    if found is None or not exchange.visible(found.at):
        raise exchange.missing("the transaction")
    return found


def refund(exchange: Exchange, transaction_id: str) -> Answer:
    """POST /transactions/refund/{id}: all or a part; it ends the subscription unless `cancelSubscriptions` is false."""
    world, body = exchange.world, exchange.body
    charge = world.charges.get(identifier(transaction_id))
    if charge is None:
        raise exchange.missing("the transaction")
    if not charge.refundable:
        raise Refused(
            refusal("14022", "INVOICE_ALREADY_FULLY_REFUNDED", "The invoice has already been fully refunded.")
        )
    wanted = charge.refundable
    if body.get("amount") is not None:
        below = Refused(refusal("14005", None, "The refund amount is below the minimum."))
        wanted = amount(body["amount"], charge.plan.currency, below)
        if not wanted:
            raise below
    if wanted > charge.refundable:
        raise Refused(refusal("14006", None, "The refund amount is above the maximum."))
    cancels = boolean(body, "cancelSubscriptions")
    given = billing.refund(
        world,
        charge,
        wanted,
        cancels=cancels is not False,
        reason=str(body.get("reason") or "")[:4000],
        metadata=body.get("transactionMetaData"),
    )
    told: dict[str, Any] = {"refundTransactionId": given.id, "amount": number(given.amount)}
    if world.behaviour.refund_status != "absent":
        told["refundStatus"] = world.behaviour.refund_status
    if given.reason:
        told["reason"] = given.reason
    return Answer(200, payloads.with_extras(world, told))
