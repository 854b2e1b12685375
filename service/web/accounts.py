"""The platform's door to accounts: what may an account use now, and what shall become of its subscription?"""

from __future__ import annotations

import re
from typing import Any

from flask import request
from marshmallow import ValidationError, validates_schema

from service.billing import accounts
from service.billing.life.cancellation import change_renewal
from service.billing.life.intents import Order
from service.billing.life.terms import Wish, change_terms, preview
from service.cardguard import formats
from service.cardguard.fields import PlanName, QueryNumber, WholeNumber
from service.errors import Code, Refusal
from service.store.models import Subscription
from service.web.door import Door
from service.web.locks import ApiKey
from service.web.operation import Body, Call, Nothing, Reply
from service.web.views import AccountOut, PreviewOut, SubscriptionOut, account_data, preview_data, subscription_data

door = Door("accounts")

SUBSCRIPTION = "/v1/accounts/{account}/subscription"
CANCELLATION = f"{SUBSCRIPTION}/cancellation"
CHANGE_PROBLEMS = (
    Code.ACCOUNT_MALFORMED,
    Code.SUBSCRIPTION_NOT_FOUND,
    Code.SUBSCRIPTION_CHANGED,
    Code.VERSION_WRONG,
    Code.IF_MATCH_MALFORMED,
    Code.DETAILS_REFUSED,
    Code.BLUESNAP_UNREACHABLE,
    Code.BLUESNAP_BUSY,
    Code.BLUESNAP_FAILED,
    Code.BLUESNAP_MISCONFIGURED,
)


@door.operation(
    "GET",
    "/v1/accounts/{account}",
    summary="Read an account's access and subscription",
    lock=ApiKey("accounts:read"),
    answers={200: AccountOut},
    problems=(Code.ACCOUNT_MALFORMED,),
)
def read_account(call: Call, account: str) -> Reply:
    """An account never seen is on the free plan."""
    _check(account)
    view = accounts.read(call.tools, account)
    headers = {"ETag": f'"{view.subscription.version}"'} if view.subscription is not None else {}
    return Reply(200, account_data(view), AccountOut, headers)


class ChangeIn(Body):
    """Another plan, another number of members, or both."""

    plan = PlanName()
    members = WholeNumber(1, 100_000, Code.MEMBERS_OUT_OF_RANGE)

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError(Code.FIELD_MISSING.value)


class PreviewIn(Body):
    """The change to be previewed; what is left out stays."""

    plan = PlanName(load_default=None)
    members = QueryNumber(1, 100_000, Code.MEMBERS_OUT_OF_RANGE, load_default=None)


@door.operation(
    "PATCH",
    SUBSCRIPTION,
    summary="Change the plan or the members",
    lock=ApiKey("accounts:write"),
    calls_bluesnap=True,
    body=ChangeIn,
    answers={200: SubscriptionOut, 202: SubscriptionOut},
    matches=True,
    problems=(*CHANGE_PROBLEMS, Code.SUBSCRIPTION_CANCELED, Code.SUBSCRIPTION_DISPUTED, Code.PLAN_UNKNOWN),
)
def change(call: Call, account: str) -> Reply:
    """More features at once, a new price from the next billing date, less features with the next period; 202 while BlueSnap's outcome is unknown."""
    _check(account)
    return _changed(change_terms(call.tools, call.origin, account, Wish(**call.body), version=_version()), 200)


@door.operation(
    "GET",
    f"{SUBSCRIPTION}/preview",
    summary="See what a change would charge, and when",
    lock=ApiKey("accounts:read"),
    query=PreviewIn,
    answers={200: PreviewOut},
    problems=(
        Code.ACCOUNT_MALFORMED,
        Code.SUBSCRIPTION_NOT_FOUND,
        Code.SUBSCRIPTION_CHANGED,
        Code.SUBSCRIPTION_CANCELED,
        Code.SUBSCRIPTION_DISPUTED,
        Code.PLAN_UNKNOWN,
    ),
)
def preview_change(call: Call, account: str) -> Reply:
    """By the plan rules and the present terms; BlueSnap is not asked."""
    _check(account)
    return Reply(200, preview_data(preview(call.tools, account, Wish(**call.query))), PreviewOut)


@door.operation(
    "POST",
    CANCELLATION,
    summary="Cancel a subscription at the end of what is paid",
    lock=ApiKey("accounts:write"),
    calls_bluesnap=True,
    body=Nothing,
    answers={200: SubscriptionOut, 202: SubscriptionOut},
    idempotent=True,
    matches=True,
    problems=CHANGE_PROBLEMS,
)
def cancel(call: Call, account: str) -> Reply:
    """The plan stays in effect to the end of the paid period; 202 while BlueSnap's outcome is unknown."""
    return _changed(_change(call, account, Order.CANCEL), 200)


@door.operation(
    "DELETE",
    CANCELLATION,
    summary="Undo a cancellation",
    lock=ApiKey("accounts:write"),
    calls_bluesnap=True,
    answers={204: None, 202: SubscriptionOut},
    matches=True,
    problems=(*CHANGE_PROBLEMS, Code.SUBSCRIPTION_DISPUTED),
)
def resume(call: Call, account: str) -> Reply:
    """Within the paid period: it renews again."""
    return _changed(_change(call, account, Order.RESUME), 204)


def _check(account: str) -> None:
    if not formats.is_account(account):
        raise Refusal(Code.ACCOUNT_MALFORMED)


def _change(call: Call, account: str, order: Order) -> Subscription:
    _check(account)
    return change_renewal(call.tools, call.origin, account, order, version=_version())


def _version() -> int | None:
    """The version of `If-Match` (RFC 9110 section 13.1.1), which is optional and one entity tag of ours."""
    given = request.headers.getlist("If-Match")
    if not given:
        return None
    found = re.fullmatch(r'"([0-9]{1,9})"', given[0], re.ASCII)
    if len(given) > 1 or found is None:
        raise Refusal(Code.IF_MATCH_MALFORMED)
    return int(found[1])


def _changed(subscription: Subscription, status: int) -> Reply:
    headers = {"ETag": f'"{subscription.version}"'}
    if subscription.pending_change is not None:
        return Reply(202, subscription_data(subscription), SubscriptionOut, headers)
    if status == 204:
        return Reply(204, headers=headers)
    return Reply(status, subscription_data(subscription), SubscriptionOut, headers)
