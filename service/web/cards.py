"""The platform's door to the stored card: what is it, and buy again with it. Whatever is shown of a card is read live and kept nowhere."""

from __future__ import annotations

from marshmallow import Schema, fields

from service.billing import accounts
from service.billing.buying import cards, reactivation
from service.cardguard import formats
from service.cardguard.fields import PlanName, WholeNumber
from service.errors import Code, Refusal
from service.web.door import Door
from service.web.locks import ApiKey
from service.web.operation import Body, Call, Reply
from service.web.views import AccountOut, SubscriptionOut, account_data, subscription_data

door = Door("cards")

BLUESNAP_TROUBLE = (Code.BLUESNAP_UNREACHABLE, Code.BLUESNAP_BUSY, Code.BLUESNAP_FAILED, Code.BLUESNAP_MISCONFIGURED)


class CardOut(Schema):
    """All that is told of a card."""

    brand = fields.String(
        required=True,
        metadata={"example": "VISA", "description": "In capitals, as BlueSnap says it; others may be added."},
    )
    last_four = fields.String(required=True, metadata={"pattern": "^[0-9]{4}$"})


class ReactivationIn(Body):
    """After the paid period another plan, or another number of members, may be bought; left out, it is what it was."""

    plan = PlanName()
    members = WholeNumber(1, 100_000, Code.MEMBERS_OUT_OF_RANGE)


@door.operation(
    "GET",
    "/v1/accounts/{account}/card",
    summary="Show the card that is charged",
    lock=ApiKey("accounts:read"),
    calls_bluesnap=True,
    answers={200: CardOut},
    problems=(Code.ACCOUNT_MALFORMED, Code.CARD_NOT_FOUND, Code.DETAILS_REFUSED, *BLUESNAP_TROUBLE),
)
def show_card(call: Call, account: str) -> Reply:
    """Brand and last four digits, live from BlueSnap and never stored; every reading leaves an entry."""
    _check(account)
    return Reply(200, cards.show(call.tools, call.origin, account), CardOut)


@door.operation(
    "POST",
    "/v1/accounts/{account}/subscription/reactivation",
    summary="Take a canceled plan up again",
    lock=ApiKey("accounts:write"),
    calls_bluesnap=True,
    body=ReactivationIn,
    answers={200: SubscriptionOut, 201: SubscriptionOut, 202: AccountOut},
    idempotent=True,
    problems=(
        Code.ACCOUNT_MALFORMED,
        Code.FIELD_NOT_ALLOWED,
        Code.PLAN_UNKNOWN,
        Code.MEMBERS_OUT_OF_RANGE,
        Code.SUBSCRIPTION_NOT_FOUND,
        Code.SUBSCRIPTION_EXISTS,
        Code.SUBSCRIPTION_CHANGED,
        Code.SUBSCRIPTION_DISPUTED,
        Code.SIGNUP_UNDECIDED,
        Code.CARD_NOT_FOUND,
        Code.CARDS_ALIKE,
        Code.CARD_DECLINED,
        Code.TOO_MANY_ATTEMPTS,
        Code.DETAILS_REFUSED,
        *BLUESNAP_TROUBLE,
    ),
)
def reactivate(call: Call, account: str) -> Reply:
    """Within the paid period the cancellation is undone (200); later the stored card is charged for a new one (201). 202 while the outcome is unknown."""
    _check(account)
    done = reactivation.reactivate(call.tools, call.origin, reactivation.Order(account, **call.body))
    subscription = done.subscription
    if subscription is None or subscription.pending_change is not None:
        return Reply(202, account_data(accounts.read(call.tools, account)), AccountOut)
    headers = {"ETag": f'"{subscription.version}"'}
    return Reply(201 if done.bought else 200, subscription_data(subscription), SubscriptionOut, headers)


def _check(account: str) -> None:
    if not formats.is_account(account):
        raise Refusal(Code.ACCOUNT_MALFORMED)
