"""Charges of subscriptions, and the same payments as transactions: reading them only (bluesnap/api.md sections 8 and 10)."""

from __future__ import annotations

from typing import Any

from simulator.answers import Answer, number
from simulator.entities import Charge, Refund
from simulator.protocol import payloads
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import identifier, page
from simulator.protocol.subscriptions import known


def list_of_subscription(exchange: Exchange, subscription_id: str) -> Answer:
    """GET /recurring/subscriptions/{id}/charges."""
    made = {charge.id: charge for charge in known(exchange, subscription_id).charges if exchange.visible(charge.at)}
    ids, facts = page(exchange.query, list(made))
    return Answer(200, {**facts, "charges": [payloads.charge(exchange.world, made[charge_id]) for charge_id in ids]})


def get_of_subscription(exchange: Exchange, subscription_id: str, charge_id: str) -> Answer:
    """GET /recurring/subscriptions/{id}/charges/{chargeId}."""
    for charge in known(exchange, subscription_id).charges:
        if charge.id == identifier(charge_id) and exchange.visible(charge.at):
            return Answer(200, payloads.charge(exchange.world, charge))
    raise exchange.missing("the charge")


def resolve(exchange: Exchange) -> Answer:
    """GET /recurring/subscriptions/charges/resolve?transactionid=."""
    return Answer(200, payloads.charge(exchange.world, _charge(exchange, exchange.query.get("transactionid"))))


def get(exchange: Exchange, transaction_id: str) -> Answer:
    """GET /transactions/{id}: a payment, or a refund by its own id."""
    refund = exchange.world.refunds.get(identifier(transaction_id))
    if refund is not None and exchange.visible(refund.at):
        return Answer(200, _as_transaction(exchange, refund))
    return Answer(200, payloads.transaction(exchange.world, _charge(exchange, transaction_id)))


def _as_transaction(exchange: Exchange, refund: Refund) -> dict[str, Any]:
    body = payloads.transaction(exchange.world, refund.charge)
    for name in ("refunds", "chargebacks"):
        body.pop(name, None)
    body["processingInfo"]["processingStatus"] = refund.status
    own = {"cardTransactionType": "REFUND", "transactionId": str(refund.id), "amount": number(refund.amount)}
    return body | own | {"originalTransactionId": str(refund.charge.transaction_id)}


def _charge(exchange: Exchange, transaction_id: object) -> Charge:
    found = exchange.world.charges.get(identifier(transaction_id))
    if found is None or not exchange.visible(found.at):
        raise exchange.missing("the transaction")
    return found
