"""The shapes of our answers, one schema each. A schema writes what it lists and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marshmallow import Schema, fields

from service.billing.accounts import AccountView, total_of
from service.billing.buying.checkout import SessionView
from service.billing.catalogue import Money
from service.billing.life.terms import Preview
from service.billing.outcomes import advice
from service.billing.tools import Tools
from service.errors import DeclineReason
from service.store.models import Subscription

SCRIPT = "/web-sdk/5/bluesnap.js"


class Moment(fields.String):
    """RFC 3339 in UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"format": "date-time"}, **options)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str | None:
        if not isinstance(value, datetime):
            return None
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class MoneyOut(Schema):
    """An amount in major units, with exactly the currency's decimals, as text."""

    amount = fields.String(
        required=True, attribute="text", metadata={"pattern": r"^[0-9]+(\.[0-9]+)?$", "example": "290.00"}
    )
    currency = fields.String(required=True, metadata={"pattern": "^[A-Z]{3}$"})


class HostedFieldsOut(Schema):
    """What the page needs to mount BlueSnap's hosted fields."""

    token = fields.String(
        required=True, metadata={"description": "BlueSnap's payment-fields token: a secret of this session."}
    )
    script_url = fields.String(required=True, metadata={"format": "uri"})
    expires_at = Moment(required=True)


class LastDeclineOut(Schema):
    """Why the last card was refused: the advice for the page, and with an API key the reason."""

    advice = fields.String(
        required=True, metadata={"enum": ["declined", "try_another_card", "authentication_required"]}
    )
    reason = fields.String(
        metadata={
            "enum": [
                "insufficient_funds", "card_expired", "incorrect_details", "call_issuer", "authentication_required", "refused",
            ],
            "description": "With an API key only.",
        }
    )  # fmt: skip


class SessionOut(Schema):
    """A checkout session."""

    id = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": ["open", "confirming", "complete", "expired", "failed"]})
    account = fields.String(required=True)
    purpose = fields.String(required=True, metadata={"enum": ["subscribe", "replace_card"]})
    plan = fields.String(required=True, allow_none=True)
    members = fields.Integer(required=True, allow_none=True)
    total = fields.Nested(MoneyOut, required=True, allow_none=True)
    three_d_secure = fields.String(required=True, metadata={"enum": ["required", "when_asked"]})
    hosted_fields = fields.Nested(HostedFieldsOut, required=True, allow_none=True)
    last_decline = fields.Nested(LastDeclineOut, required=True, allow_none=True)
    created_at = Moment(required=True)
    expires_at = Moment(required=True)


class OpenedSessionOut(SessionOut):
    """A session as its maker sees it once: with the secret for the page."""

    client_secret = fields.String(required=True, metadata={"description": "For the session's page; not shown again."})


class NextChargeOut(Schema):
    """The next renewal."""

    date = fields.Date(required=True)
    total = fields.Nested(MoneyOut, required=True)


class SubscriptionOut(Schema):
    """A paid plan of an account."""

    id = fields.String(required=True)
    account = fields.String(required=True)
    plan = fields.String(required=True)
    members = fields.Integer(required=True)
    status = fields.String(required=True, metadata={"enum": ["active", "past_due", "disputed", "ended"]})
    renews = fields.Boolean(required=True, metadata={"description": "False once a cancellation is ordered."})
    total = fields.Nested(MoneyOut, required=True)
    applies_from = fields.Date(
        required=True,
        allow_none=True,
        metadata={"description": "The billing day from which the total is charged, where an earlier one was paid for."},
    )
    next_plan = fields.String(
        required=True, allow_none=True, metadata={"description": "The plan from the next period on, if it is another."}
    )
    paid_until = Moment(required=True, allow_none=True)
    next_charge = fields.Nested(NextChargeOut, required=True, allow_none=True)
    pending_change = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "enum": ["cancellation", "resumption", "change", "ending", None],
            "description": "An ordered change whose outcome at BlueSnap is not known yet.",
        },
    )
    version = fields.Integer(required=True)


class AccessOut(Schema):
    """What the account may use now."""

    plan = fields.String(required=True)
    members = fields.Integer(required=True, allow_none=True)
    until = Moment(required=True, allow_none=True)
    reason = fields.String(
        required=True, metadata={"enum": ["free", "paid", "renewing", "grace", "canceled", "disputed"]}
    )


class AccountOut(Schema):
    """An account: its access, and the subscription that this comes from."""

    account = fields.String(required=True)
    access = fields.Nested(AccessOut, required=True)
    subscription = fields.Nested(SubscriptionOut, required=True, allow_none=True)
    confirming = fields.Boolean(
        required=True,
        metadata={"description": "Whether a purchase is under way whose outcome at BlueSnap is not known yet."},
    )


class PreviewOut(Schema):
    """What a change would mean. Nothing is due at once: a new price applies from the next billing date."""

    plan = fields.String(required=True)
    members = fields.Integer(required=True)
    plan_from = fields.Date(
        required=True, allow_none=True, metadata={"description": "The day from which the plan holds; null: at once."}
    )
    next_charge = fields.Nested(NextChargeOut, required=True, allow_none=True)
    due_now = fields.Nested(MoneyOut, required=True)


class ConfirmingOut(SessionOut):
    """BlueSnap's answer is not known yet: read the session until it is complete, or open again."""


def session_data(tools: Tools, view: SessionView, *, with_reason: bool) -> dict[str, Any]:
    """What SessionOut writes."""
    session = view.session
    decline = None
    if session.decline_reason is not None:
        decline = {"advice": advice(DeclineReason(session.decline_reason)).value}
        decline |= {"reason": session.decline_reason} if with_reason else {}
    hosted = None
    if view.fields_token is not None:
        script = tools.settings.hosted_fields_url + SCRIPT
        hosted = {"token": view.fields_token, "script_url": script, "expires_at": session.fields_expire_at}
    return {
        **{
            name: getattr(session, name)
            for name in ("id", "account", "purpose", "plan", "members", "created_at", "expires_at")
        },
        "status": view.status,
        "total": Money(session.amount, session.currency) if session.amount is not None and session.currency else None,
        "three_d_secure": "required" if session.three_d_secure_required else "when_asked",
        "hosted_fields": hosted,
        "last_decline": decline,
    }


def subscription_data(subscription: Subscription) -> dict[str, Any]:
    """What SubscriptionOut writes."""
    total = total_of(subscription)
    day = subscription.next_charge_on
    return {
        **{
            name: getattr(subscription, name)
            for name in (
                "id",
                "account",
                "plan",
                "members",
                "status",
                "renews",
                "applies_from",
                "next_plan",
                "paid_until",
                "pending_change",
                "version",
            )
        },
        "total": total,
        "next_charge": {"date": day, "total": total} if day is not None and subscription.renews else None,
    }


def preview_data(previewed: Preview) -> dict[str, Any]:
    """What PreviewOut writes."""
    terms, day = previewed.terms, previewed.next_charge_on
    total = Money(terms.amount, terms.currency)
    return {
        "plan": terms.plan,
        "members": terms.members,
        "plan_from": previewed.plan_from,
        "next_charge": {"date": day, "total": total} if day is not None else None,
        "due_now": Money(Decimal(0), terms.currency),
    }


def account_data(view: AccountView) -> dict[str, Any]:
    """What AccountOut writes."""
    subscription = subscription_data(view.subscription) if view.subscription is not None else None
    return {
        "account": view.account,
        "access": view.access,
        "subscription": subscription,
        "confirming": view.confirming,
    }
