"""How charges and refunds are shown, one schema each. A schema writes what it lists and nothing else, and holds nothing of a card."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from marshmallow import Schema, fields

from service.billing.money import refunds
from service.billing.money.payments import Payment
from service.store.models import Refund
from service.web.views import Moment, MoneyOut


class RefundOut(Schema):
    """Money given back of a charge. `unknown` until BlueSnap has been asked how it ended; then it counts against the remainder already."""

    id = fields.String(required=True)
    charge = fields.String(required=True)
    amount = fields.Nested(MoneyOut, required=True)
    status = fields.String(required=True, metadata={"enum": ["unknown", "pending", "succeeded", "failed"]})
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "enum": [*refunds.REASONS, None],
            "description": "Null for what was refunded in BlueSnap's portal.",
        },
    )
    cancel_subscription = fields.Boolean(required=True)
    created_at = Moment(required=True)


class ChargeOut(Schema):
    """A payment that BlueSnap made, and what became of it."""

    id = fields.String(required=True)
    subscription = fields.String(required=True)
    reference = fields.String(required=True, metadata={"description": "BlueSnap's number of it."})
    amount = fields.Nested(MoneyOut, required=True)
    refunded = fields.Nested(MoneyOut, required=True, metadata={"description": "Given back, or on its way."})
    refundable = fields.Nested(
        MoneyOut, required=True, metadata={"description": "What a refund may be ordered of; nothing while disputed."}
    )
    disputed = fields.Boolean(required=True)
    kind = fields.String(required=True, allow_none=True, metadata={"enum": ["initial", "recurring", None]})
    charged_on = fields.Date(required=True, allow_none=True, metadata={"description": "The billing day, where known."})
    recorded_at = Moment(required=True)
    refunds = fields.List(fields.Nested(RefundOut), required=True)


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"text": format(refunds.exact(amount, currency), "f"), "currency": currency}


def refund_data(given: Refund) -> dict[str, Any]:
    """What RefundOut writes."""
    return {
        **{name: getattr(given, name) for name in ("id", "reason", "cancel_subscription", "created_at")},
        "charge": given.charge_id,
        "amount": _money(given.amount, given.currency),
        "status": "unknown" if given.status == "requested" else given.status,
    }


def charge_data(one: Payment) -> dict[str, Any]:
    """What ChargeOut writes."""
    charge = one.charge
    return {
        **{name: getattr(charge, name) for name in ("id", "reference", "kind", "charged_on", "recorded_at")},
        "subscription": charge.subscription_id,
        "amount": _money(charge.amount, charge.currency),
        "refunded": _money(one.refunded, charge.currency),
        "refundable": _money(one.refundable, charge.currency),
        "disputed": one.disputed,
        "refunds": [refund_data(given) for given in one.refunds],
    }
