"""Support's door to one account, open to a person with a live grant for it. Whatever is shown of a payer or a card is read live and kept nowhere."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from service.billing.money import refunds
from service.billing.money.payments import Payment
from service.billing.support import viewing
from service.billing.support.viewing import Shown
from service.cardguard import formats
from service.errors import Code, Refusal
from service.web.door import Door
from service.web.locks import Person
from service.web.operation import Call, Reply
from service.web.views import AccountOut, Moment, MoneyOut, account_data

door = Door("support", part="support")


class SeenPayerOut(Schema):
    """Who pays, as BlueSnap has it; null for what it does not show."""

    first_name = fields.String(required=True, allow_none=True)
    last_name = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)


class SeenCardOut(Schema):
    """The card that is charged, as BlueSnap has it."""

    brand = fields.String(required=True)
    last_four = fields.String(required=True, metadata={"pattern": "^[0-9]{4}$"})


class SeenChargeOut(Schema):
    """A payment that BlueSnap made."""

    id = fields.String(required=True)
    subscription = fields.String(required=True)
    reference = fields.String(required=True, metadata={"description": "BlueSnap's number of it."})
    amount = fields.Nested(MoneyOut, required=True)
    refunded = fields.Nested(MoneyOut, required=True, metadata={"description": "Given back, or on its way."})
    refundable = fields.Nested(MoneyOut, required=True)
    disputed = fields.Boolean(required=True)
    kind = fields.String(required=True, allow_none=True, metadata={"enum": ["initial", "recurring", None]})
    charged_on = fields.Date(required=True, allow_none=True)
    recorded_at = Moment(required=True)


class SeenAccountOut(AccountOut):
    """An account as support sees it, under a grant that every look is written down with."""

    grant = fields.String(required=True)
    charges = fields.List(
        fields.Nested(SeenChargeOut), required=True, metadata={"description": "The newest fifty, oldest first."}
    )
    bluesnap_answered = fields.String(
        required=True,
        metadata={
            "enum": ["yes", "no", "nothing_there"],
            "description": "`no`: this is our record, and payer or card may be missing. `nothing_there`: nothing was ever sold.",
        },
    )
    payer = fields.Nested(SeenPayerOut, required=True, allow_none=True)
    card = fields.Nested(SeenCardOut, required=True, allow_none=True)


@door.operation(
    "GET",
    "/v1/support/accounts/{account}",
    summary="Look at an account under a live grant",
    lock=Person("support:read"),
    calls_bluesnap=True,
    answers_alone=True,
    answers={200: SeenAccountOut},
    problems=(Code.ACCOUNT_MALFORMED, Code.GRANT_MISSING, Code.JOURNAL_UNPROVEN),
)
def look(call: Call, account: str) -> Reply:
    """Our record, and payer and card live from BlueSnap, never stored. The look is in the journal before anything is read."""
    if not formats.is_account(account):
        raise Refusal(Code.ACCOUNT_MALFORMED)
    seen = viewing.look(call.tools, call.origin, call.caller.id, account)
    data = {
        **account_data(seen.account),
        "grant": seen.grant,
        "charges": [_charge_data(one) for one in seen.payments],
        **_shown_data(seen.shown),
    }
    return Reply(200, data, SeenAccountOut)


def _shown_data(shown: Shown) -> dict[str, Any]:
    return {"bluesnap_answered": shown.answered, "payer": shown.payer, "card": shown.card}


def _charge_data(one: Payment) -> dict[str, Any]:
    charge = one.charge
    money = {
        name: {"text": format(refunds.exact(value, charge.currency), "f"), "currency": charge.currency}
        for name, value in (("amount", charge.amount), ("refunded", one.refunded), ("refundable", one.refundable))
    }
    plain = {name: getattr(charge, name) for name in ("id", "reference", "kind", "charged_on", "recorded_at")}
    return {**plain, **money, "subscription": charge.subscription_id, "disputed": one.disputed}
