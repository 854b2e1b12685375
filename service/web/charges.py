"""The platform's door to payments: what was charged of an account, what of it was given back, and giving back more. Holds nothing of a card."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from service.billing.catalogue import EXPONENTS
from service.billing.money import payments, refunds
from service.cardguard import formats
from service.cardguard.fields import MESSAGES, Amount, ChargeCursor, CurrencyCode, QueryNumber, Truth
from service.errors import Code, Refusal
from service.web.door import Door
from service.web.locks import ApiKey
from service.web.operation import Body, Call, Reply
from service.web.payment_views import ChargeOut, RefundOut, charge_data, refund_data

door = Door("charges")
LARGEST, USUAL = 100, 50


class ChargesQuery(Body):
    """From where, and how many."""

    after = ChargeCursor(
        load_default=None, metadata={"description": "`next` of the page before; left out: from the first."}
    )
    limit = QueryNumber(1, LARGEST, Code.FIELD_MALFORMED, load_default=USUAL)


class AskedMoneyIn(Body):
    """An amount in major units with exactly the currency's decimals, which must be the charge's currency."""

    amount = Amount(required=True)
    currency = CurrencyCode(required=True)

    @validates_schema
    def check_decimals(self, data: dict[str, Any], **_: Any) -> None:
        """`29.00` in USD, `29` in JPY. Of a currency that we do not sell in, the charge has the say."""
        exponent = EXPONENTS.get(data["currency"])
        if exponent is not None and len(data["amount"].partition(".")[2]) != exponent:
            raise ValidationError({"amount": [Code.AMOUNT_MALFORMED.value]})


class RefundOrderIn(Body):
    """What to give back, and why."""

    # null is refused: a caller that has lost its amount must not give back everything
    amount = fields.Nested(
        AskedMoneyIn, error_messages=MESSAGES, metadata={"description": "Left out: all that is left."}
    )
    reason = fields.String(
        required=True,
        error_messages=MESSAGES,
        validate=validate.OneOf(refunds.REASONS, error=Code.FIELD_MALFORMED.value),
    )
    cancel_subscription = Truth(
        load_default=False,
        metadata={
            "description": "Also end the subscription at BlueSnap, at once. The plan stays to the end of what was paid."
        },
    )


class ChargesOut(Schema):
    """A page of charges, oldest first."""

    charges = fields.List(fields.Nested(ChargeOut), required=True)
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "For `after` of the next page; null on the last."}
    )


@door.operation(
    "GET",
    "/v1/accounts/{account}/charges",
    summary="List an account's charges with their refunds",
    lock=ApiKey("accounts:read"),
    query=ChargesQuery,
    answers={200: ChargesOut},
    problems=(Code.ACCOUNT_MALFORMED, Code.CURSOR_MALFORMED),
)
def list_charges(call: Call, account: str) -> Reply:
    """Of all subscriptions that the account has had."""
    if not formats.is_account(account):
        raise Refusal(Code.ACCOUNT_MALFORMED)
    page = payments.of_account(call.tools, account, after=call.query["after"], limit=call.query["limit"])
    data = {"charges": [charge_data(one) for one in page.payments], "next": page.following}
    return Reply(200, data, ChargesOut)


@door.operation(
    "POST",
    "/v1/charges/{charge_id}/refunds",
    summary="Give back a charge or a part of it",
    lock=ApiKey("refunds:write"),
    calls_bluesnap=True,
    body=RefundOrderIn,
    answers={201: RefundOut, 202: RefundOut},
    idempotent=True,
    problems=(
        Code.CHARGE_NOT_FOUND,
        Code.CHARGE_DISPUTED,
        Code.REFUND_ABOVE_REMAINDER,
        Code.REFUND_REFUSED,
        Code.AMOUNT_MALFORMED,
        Code.CURRENCY_WRONG,
        Code.BLUESNAP_UNREACHABLE,
        Code.BLUESNAP_BUSY,
        Code.BLUESNAP_MISCONFIGURED,
    ),
)
def refund(call: Call, charge_id: str) -> Reply:
    """201 when BlueSnap has taken it, 202 while its outcome is unknown. The subscription is kept unless asked otherwise."""
    if not formats.matches(formats.CHARGE_ID, charge_id):
        raise Refusal(Code.CHARGE_NOT_FOUND)
    asked = call.body.get("amount")
    # the caller's own: a repeat after 202 is answered with the same refund, and another caller's key is another key
    key = uuid.uuid5(uuid.UUID(request.headers["Idempotency-Key"]), call.caller.id)
    wanted = refunds.Order(
        amount=Decimal(asked["amount"]) if asked is not None else None,
        currency=asked["currency"] if asked is not None else None,
        reason=call.body["reason"],
        cancel_subscription=call.body["cancel_subscription"],
        key=key,
    )
    given = refunds.order(call.tools, call.origin, charge_id, wanted)
    status = 201 if given.status in {"succeeded", "pending"} else 202
    return Reply(status, refund_data(given), RefundOut)
