"""The doors of the checkout: the platform's backend opens a session with its key; the session's page works with the session's own secret."""

from __future__ import annotations

import ipaddress
from typing import Any

from flask import request
from marshmallow import ValidationError, fields, validate, validates_schema

from service.billing.buying import cards, checkout, signup
from service.billing.tools import Tools
from service.bluesnap.payloads import Payer
from service.cardguard import formats
from service.cardguard.fields import (
    MESSAGES,
    Account,
    ClientAddress,
    Country,
    Email,
    FraudSession,
    PersonName,
    PlanName,
    ProviderRef,
    State,
    WholeNumber,
    Zip,
)
from service.errors import Code, FieldError, Refusal
from service.store.models import Subscription
from service.web.door import Door
from service.web.locks import ApiKey, ClientSecret, SecretOrKey
from service.web.operation import Body, Call, Nothing, Reply
from service.web.views import (
    ConfirmingOut,
    OpenedSessionOut,
    SessionOut,
    SubscriptionOut,
    session_data,
    subscription_data,
)

platform_door = Door("checkout")
page_door = Door("page", browser=True)

BLUESNAP_TROUBLE = (Code.BLUESNAP_UNREACHABLE, Code.BLUESNAP_BUSY, Code.BLUESNAP_FAILED, Code.BLUESNAP_MISCONFIGURED)
NOT_OPEN = (
    Code.SESSION_EXPIRED,
    Code.SESSION_FAILED,
    Code.SESSION_COMPLETE,
    Code.SIGNUP_UNDECIDED,
    Code.TOO_MANY_ATTEMPTS,
)


REQUIRED, WHEN_ASKED = "required", "when_asked"


class OrderIn(Body):
    """What to sell to whom, or whose card to replace: then without `plan` and `members`, which a sale needs."""

    account = Account(required=True)
    plan = PlanName()
    members = WholeNumber(1, 100_000, Code.MEMBERS_OUT_OF_RANGE)
    purpose = fields.String(
        load_default=checkout.SUBSCRIBE,
        error_messages=MESSAGES,
        validate=validate.OneOf(checkout.PURPOSES, error=Code.FIELD_MALFORMED.value),
    )
    three_d_secure = fields.String(
        load_default=WHEN_ASKED,
        error_messages=MESSAGES,
        validate=validate.OneOf([REQUIRED, WHEN_ASKED], error=Code.FIELD_MALFORMED.value),
    )
    client_address = ClientAddress()

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def fits_its_purpose(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        """A sale needs a plan and members; a card is replaced without."""
        if not isinstance(original, dict) or "purpose" not in data:
            return
        sells = data["purpose"] == checkout.SUBSCRIBE
        wrong = [name for name in ("plan", "members") if (name in original) != sells]
        if wrong:
            code = Code.FIELD_MISSING if sells else Code.FIELD_NOT_ALLOWED
            raise ValidationError({name: [code.value] for name in wrong})


class PayerIn(Body):
    """Who pays. Passed on to BlueSnap, and not kept."""

    first_name = PersonName(required=True)
    last_name = PersonName(required=True)
    email = Email()
    country = Country(required=True)
    state = State()
    zip = Zip()


class CompletionIn(Body):
    """What the page sends once BlueSnap's fields have taken the card. `payer` goes with a purchase, and with nothing else."""

    payer = fields.Nested(PayerIn, error_messages=MESSAGES)
    three_d_secure_reference = ProviderRef()
    fraud_session_id = FraudSession()


def _fresh_secrets(call: Call, kept: dict[str, Any]) -> dict[str, Any]:
    """A kept answer with its secrets again, as far as the session still has them."""
    view = checkout.read_session(call.tools, kept["id"])
    body = dict(kept)
    if "client_secret" in kept:
        body["client_secret"] = call.tools.keyring.client_secret(
            view.session.id, view.session.purpose, view.session.key_id
        )
    if kept["hosted_fields"] is not None:
        body["hosted_fields"] = {**kept["hosted_fields"], "token": view.fields_token} if view.fields_token else None
    return body


@platform_door.operation(
    "POST",
    "/v1/checkout-sessions",
    summary="Open a checkout session",
    lock=ApiKey("checkout:write"),
    calls_bluesnap=True,
    body=OrderIn,
    answers={201: OpenedSessionOut},
    idempotent=True,
    problems=(
        Code.FIELD_NOT_ALLOWED,
        Code.SUBSCRIPTION_EXISTS,
        Code.SUBSCRIPTION_NOT_FOUND,
        Code.SIGNUP_UNDECIDED,
        Code.TOO_MANY_ATTEMPTS,
        *BLUESNAP_TROUBLE,
    ),
    restore=_fresh_secrets,
)
def open_session(call: Call) -> Reply:
    """Obtain a payment-fields token from BlueSnap and open a session for it: to buy a plan, or to replace the card of the one there is."""
    given = {name: call.body[name] for name in ("account", "plan", "members", "client_address") if name in call.body}
    order = checkout.Order(**given, three_d_secure=call.body["three_d_secure"] == REQUIRED)
    view = checkout.open_session(call.tools, call.origin, order)
    secret = call.tools.keyring.client_secret(view.session.id, view.session.purpose, view.session.key_id)
    return Reply(201, {**session_data(call.tools, view, with_reason=True), "client_secret": secret}, OpenedSessionOut)


@page_door.operation(
    "GET",
    "/v1/checkout-sessions/{session_id}",
    summary="Read a checkout session",
    lock=SecretOrKey("checkout:read"),
    answers={200: SessionOut},
    problems=(Code.SESSION_NOT_FOUND,),
)
def read_session(call: Call, session_id: str) -> Reply:
    """The session as it is now."""
    if not formats.matches(formats.OUR_ID, session_id):
        raise Refusal(Code.SESSION_NOT_FOUND)
    view = checkout.read_session(call.tools, session_id)
    return Reply(200, session_data(call.tools, view, with_reason=call.caller.kind == "key"), SessionOut)


@page_door.operation(
    "POST",
    "/v1/checkout-sessions/{session_id}/renewals",
    summary="Renew the payment fields",
    lock=ClientSecret(),
    calls_bluesnap=True,
    body=Nothing,
    answers={201: SessionOut},
    idempotent=True,
    problems=(*NOT_OPEN, *BLUESNAP_TROUBLE),
    restore=_fresh_secrets,
)
def renew_fields(call: Call, session_id: str) -> Reply:
    """A fresh payment-fields token, when one expired or was spent by a decline."""
    view = checkout.renew_fields(call.tools, call.origin, session_id)
    return Reply(201, session_data(call.tools, view, with_reason=False), SessionOut)


@page_door.operation(
    "POST",
    "/v1/checkout-sessions/{session_id}/completion",
    summary="Buy the plan, or replace the card",
    lock=ClientSecret(),
    calls_bluesnap=True,
    body=CompletionIn,
    answers={201: SubscriptionOut, 200: SubscriptionOut, 202: ConfirmingOut},
    idempotent=True,
    problems=(
        *NOT_OPEN,
        Code.FIELD_NOT_ALLOWED,
        Code.THREE_D_SECURE_REQUIRED,
        Code.CARD_DECLINED,
        Code.CARDS_ALIKE,
        Code.SUBSCRIPTION_EXISTS,
        Code.SUBSCRIPTION_NOT_FOUND,
        Code.PAYMENT_FIELDS_TOKEN_EXPIRED,
        Code.PAYMENT_FIELDS_TOKEN_NOT_FOUND,
        Code.PAYMENT_FIELDS_TOKEN_EMPTY,
        Code.DETAILS_REFUSED,
        *BLUESNAP_TROUBLE,
    ),
)
def complete(call: Call, session_id: str) -> Reply:
    """201 with the subscription that was bought, 200 with the one whose card was replaced, or 202 while BlueSnap's outcome is unknown."""
    sells = checkout.read_session(call.tools, session_id).session.purpose == checkout.SUBSCRIBE
    if ("payer" in call.body) != sells:
        code = Code.FIELD_MISSING if sells else Code.FIELD_NOT_ALLOWED
        raise Refusal(code, errors=(FieldError("/payer", code),))
    subscription = _buy(call, session_id) if sells else _replace_card(call, session_id)
    if subscription is None:
        view = checkout.read_session(call.tools, session_id)
        return Reply(202, session_data(call.tools, view, with_reason=False), ConfirmingOut)
    headers = {"ETag": f'"{subscription.version}"'}
    return Reply(201 if sells else 200, subscription_data(subscription), SubscriptionOut, headers)


def _references(call: Call) -> dict[str, Any]:
    return {
        "three_d_secure": call.body.get("three_d_secure_reference"),
        "fraud_session": call.body.get("fraud_session_id"),
        "address": _client_address(call.tools),
    }


def _buy(call: Call, session_id: str) -> Subscription | None:
    completion = signup.Completion(payer=Payer(**call.body["payer"]), **_references(call))
    return signup.complete(call.tools, call.origin, session_id, completion)


def _replace_card(call: Call, session_id: str) -> Subscription | None:
    return cards.replace(call.tools, call.origin, session_id, cards.Replacement(**_references(call)))


def _client_address(tools: Tools) -> str | None:
    """The payer's address, if one of our own proxies says it; what a client claims of itself is not believed."""
    hops = [*",".join(request.headers.getlist("X-Forwarded-For")).split(","), request.remote_addr or ""]
    for index, hop in enumerate(reversed(hops)):
        try:
            address = ipaddress.ip_address(hop.strip())
        except ValueError:
            return None
        if not any(address in network for network in tools.settings.trusted_proxies):
            return str(address) if index else None
    return None
