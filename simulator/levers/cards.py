"""Levers over cards and payments: a card turns good or bad, the networks' updater, disputes. None of them moves money to the merchant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify

from simulator import refunds, vault
from simulator.answers import DECLINES
from simulator.levers import finding
from simulator.levers.reading import BadLever, body, only

if TYPE_CHECKING:
    from simulator.world import World


def add_card_levers(blueprint: Blueprint, world: World) -> None:
    """`POST /_levers/card`, `/updater`, `/chargeback` and `/chargeback_status`."""
    for name, act in (
        ("card", _judge),
        ("updater", _update),
        ("chargeback", _dispute),
        ("chargeback_status", _move_dispute),
    ):
        blueprint.add_url_rule(f"/{name}", name, _pulled(world, act), methods=["POST"])


def _pulled(world: World, act: Any) -> Any:
    def pull() -> Response:
        sent = body()
        with world.lock:
            return jsonify(act(world, sent))

    return pull


def _judge(world: World, sent: dict[str, Any]) -> dict[str, Any]:
    """From now on the stored cards succeed or decline."""
    only(sent, {"shopper_id", "subscription_id", "outcome"})
    if ("shopper_id" in sent) == ("subscription_id" in sent):
        raise BadLever("send either shopper_id or subscription_id")
    outcome = sent.get("outcome")
    if outcome != "success" and outcome not in DECLINES:
        raise BadLever(f"outcome must be success or one of: {', '.join(sorted(DECLINES))}")
    cards = (
        [finding.subscription(world, sent).card] if "subscription_id" in sent else finding.shopper(world, sent).cards
    )
    for card in cards:
        card.outcome = outcome
    return {"outcome": outcome, "cards": len(cards)}


def _update(world: World, sent: dict[str, Any]) -> dict[str, Any]:
    only(sent, {"shopper_id", "kind"})
    kind = sent.get("kind")
    if not isinstance(kind, str) or kind not in vault.UPDATES:
        raise BadLever(f"kind must be one of: {', '.join(vault.UPDATES)}")
    try:
        card = vault.update_by_network(world, finding.shopper(world, sent), kind)
    except ValueError as error:
        raise BadLever(str(error)) from None
    shown = {"brand": card.facts.brand, "last_four": card.facts.last_four}
    return {"kind": kind, "card": shown | {"expires": f"{card.month:02d}/{card.year}"}}


def _dispute(world: World, sent: dict[str, Any]) -> dict[str, Any]:
    only(sent, {"transaction_id", "amount", "reason"})
    charge = finding.found(world.charges, sent, "transaction_id")
    reason = sent.get("reason", "Fraudulent transaction")
    if not isinstance(reason, str) or not reason.isprintable() or len(reason) > 200:
        raise BadLever("reason must be a text of at most 200 characters")
    amount = finding.amount(sent, "amount") if "amount" in sent else charge.refundable
    if not amount or amount > charge.refundable:
        raise BadLever(f"of that transaction {charge.refundable:.2f} can be disputed")
    opened = refunds.dispute(world, charge, amount, reason)
    return {"id": str(opened.id), "status": opened.status, "amount": f"{amount:.2f}"}


def _move_dispute(world: World, sent: dict[str, Any]) -> dict[str, Any]:
    only(sent, {"id", "status"})
    status = sent.get("status")
    if status not in refunds.DISPUTE_STATUSES[1:]:
        raise BadLever(f"status must be one of: {', '.join(refunds.DISPUTE_STATUSES[1:])}")
    opened = finding.found(world.chargebacks, sent, "id")
    try:
        refunds.move_dispute(world, opened, str(status))
    except ValueError as error:
        raise BadLever(str(error)) from None
    return {"id": str(opened.id), "status": opened.status}
