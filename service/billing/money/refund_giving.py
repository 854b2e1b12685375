"""The call that gives money back, and what its answer means for our record. It decides nothing about whether to make it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from service.billing.money.refund_records import exact, look_at_subscription, move, status_of
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.errors import BlueSnapError
from service.store import database, refunds
from service.store.journal import Origin
from service.store.models import Charge, Refund
from service.store.turns import again


def give(tools: Tools, charge: Charge, refund: Refund) -> payloads.Refund:
    """Ask BlueSnap for it. The same body and the same key every time. Raises BlueSnapError."""
    return tools.bluesnap.refund(
        charge.reference,
        amount=exact(refund.amount, refund.currency),
        reason_word=refund.reason or "other",
        cancel_subscriptions=refund.cancel_subscription,
        refund_reference=refund.id,
        idempotency_key=str(refund.key),
    )


def accept(tools: Tools, refund: Refund, given: payloads.Refund, origin: Origin) -> Refund:
    """BlueSnap has taken it. Where the answer does not say how far it is, the refund's own transaction may. Raises LostRaceError."""
    status = status_of(given.status) or standing(tools, given.refund_id) or "pending"
    return record(tools, refund, status, origin, provider_refund=given.refund_id)


def standing(tools: Tools, number: str | None) -> str | None:
    """Our status for a refund by its own number at BlueSnap; None where that does not say."""
    if number is None:
        return None
    try:
        return status_of(tools.bluesnap.get_transaction(number).status)
    except BlueSnapError:
        return None


@again
def record(tools: Tools, refund: Refund, status: str, origin: Origin, *, provider_refund: str | None = None) -> Refund:
    """Move our record, if it is still as it was read. Raises LostRaceError."""
    with tools.engine.begin() as connection:
        if refund.cancel_subscription and status in refunds.ACCEPTED:
            look_at_subscription(
                connection, refund
            )  # first: whoever holds a subscription may be waiting for its refunds
        refunds.hold(connection, refund)
        values: dict[str, Any] = {}
        if status in {"pending", "unknown"}:
            values["lease_until"] = database.now(connection) + timedelta(seconds=tools.settings.quiet_seconds)
        if provider_refund is not None and refunds.by_provider(connection, provider_refund) is None:
            values["provider_refund"] = provider_refund
        return move(connection, refund, status, origin, **values)


def lose(tools: Tools, refund: Refund, origin: Origin) -> Refund:
    """Nobody knows how the call ended. The quiet period starts now; then the worker looks. Raises LostRaceError."""
    return record(tools, refund, "unknown", origin)
