"""Attempts that end without a plan: declined or refused, the page is told little, and the session goes on wherever another card may help."""

from __future__ import annotations

import pytest

from service.errors import (
    Advice,
    Code,
    Declined,
    DeclineReason,
    FieldsRefused,
    Misconfigured,
    NeverSent,
    Rejected,
    RetryLater,
)
from tests.support.outcomes import SOFT, STOLEN, refused

FRAUD = Declined("fraud_suspected", DeclineReason.REFUSED, hard=True)
EXPIRED = Declined("declined", DeclineReason.CARD_EXPIRED, hard=True)
MISTYPED = Declined("declined", DeclineReason.INCORRECT_DETAILS, hard=True)
CHALLENGE = Declined("authentication_required", DeclineReason.AUTHENTICATION_REQUIRED, hard=False)
CALLS = ("create_shopper", "create_subscription")


@pytest.mark.parametrize("call", CALLS)
def test_soft_decline_leaves_the_session_open_for_another_card(desk, bluesnap, call):
    session_id = desk.open()
    bluesnap.script(call, SOFT)
    told = refused(desk.complete, session_id)
    assert (told.code, told.reason) == (Code.CARD_DECLINED, Advice.DECLINED)
    assert (desk.status(session_id), desk.states) == ("open", ["declined"])
    assert desk.view(session_id).session.decline_reason == "insufficient_funds"
    assert desk.access().reason == "free"
    desk.renew(session_id)
    assert desk.complete(session_id).status == "active"
    assert desk.view(session_id).session.decline_reason is None


@pytest.mark.parametrize("call", CALLS)
def test_decline_spends_the_payment_fields_token(desk, bluesnap, call):
    session_id = desk.open()
    bluesnap.script(call, SOFT)
    refused(desk.complete, session_id)
    assert desk.view(session_id).fields_token is None
    assert refused(desk.complete, session_id).code is Code.PAYMENT_FIELDS_TOKEN_EXPIRED
    fresh = desk.renew(session_id)
    assert fresh.fields_token != bluesnap.made("create_shopper")[0]["payment_fields_token"]


def test_new_attempt_after_a_decline_has_its_own_id_and_keys(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", SOFT)
    refused(desk.complete, session_id)
    desk.renew(session_id)
    desk.complete(session_id)
    first, second = bluesnap.made("create_shopper")
    assert first["merchant_shopper_id"] != second["merchant_shopper_id"]
    assert first["idempotency_key"] != second["idempotency_key"]
    assert first["payment_fields_token"] != second["payment_fields_token"]


@pytest.mark.parametrize("error", [STOLEN, FRAUD], ids=["refused for good", "suspected fraud"])
@pytest.mark.parametrize("call", CALLS)
def test_hard_decline_ends_the_session_and_frees_the_account(desk, bluesnap, call, error):
    session_id = desk.open()
    bluesnap.script(call, error)
    assert refused(desk.complete, session_id).reason is Advice.TRY_ANOTHER_CARD
    assert desk.status(session_id) == "failed"
    assert refused(desk.renew, session_id).code is Code.SESSION_FAILED
    assert refused(desk.complete, session_id).code is Code.SESSION_FAILED
    assert desk.access().reason == "free"
    assert desk.complete(desk.open()).status == "active"


@pytest.mark.parametrize(
    ("error", "advice"),
    [(EXPIRED, Advice.TRY_ANOTHER_CARD), (MISTYPED, Advice.DECLINED)],
    ids=["expired", "mistyped"],
)
def test_slip_of_the_hand_does_not_end_the_session(desk, bluesnap, error, advice):
    session_id = desk.open()
    bluesnap.script("create_shopper", error)
    assert refused(desk.complete, session_id).reason is advice
    assert desk.status(session_id) == "open"
    desk.renew(session_id)
    assert desk.complete(session_id).status == "active"


def test_challenge_asks_the_payer_to_authenticate(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", CHALLENGE)
    assert refused(desk.complete, session_id).reason is Advice.AUTHENTICATION_REQUIRED
    assert desk.status(session_id) == "open"


@pytest.mark.parametrize(
    "code",
    [Code.PAYMENT_FIELDS_TOKEN_EXPIRED, Code.PAYMENT_FIELDS_TOKEN_NOT_FOUND, Code.PAYMENT_FIELDS_TOKEN_EMPTY],
)
def test_useless_payment_fields_token_asks_to_type_again(desk, bluesnap, code):
    session_id = desk.open()
    bluesnap.script("create_shopper", FieldsRefused("fields_expired", code))
    assert refused(desk.complete, session_id).code is code
    assert (desk.status(session_id), desk.states) == ("open", ["released"])
    desk.renew(session_id)
    assert desk.complete(session_id).status == "active"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Rejected("invalid_request"), Code.DETAILS_REFUSED),
        (Misconfigured("credentials_refused"), Code.BLUESNAP_MISCONFIGURED),
    ],
)
@pytest.mark.parametrize("call", CALLS)
def test_definite_refusal_releases_the_account_for_another_attempt(desk, bluesnap, call, error, code):
    session_id = desk.open()
    bluesnap.script(call, error)
    assert refused(desk.complete, session_id).code is code
    assert (desk.status(session_id), desk.states) == ("open", ["released"])
    assert [row.status for row in desk.subscriptions] == ["void"]
    desk.renew(session_id)
    assert desk.complete(session_id).status == "active"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NeverSent("connection_refused"), Code.BLUESNAP_UNREACHABLE),
        (RetryLater("throttled"), Code.BLUESNAP_BUSY),
    ],
)
def test_vaulting_that_never_left_may_be_tried_again_with_the_same_token(desk, bluesnap, error, code):
    session_id = desk.open()
    bluesnap.script("create_shopper", error)
    told = refused(desk.complete, session_id)
    assert told.code is code
    assert told.retry_after > 0
    assert (desk.status(session_id), desk.states) == ("open", ["released"])
    assert desk.complete(session_id).status == "active"
    first, second = bluesnap.made("create_shopper")
    assert first["payment_fields_token"] == second["payment_fields_token"]


@pytest.mark.parametrize("error", [NeverSent("connection_refused"), RetryLater("throttled")])
def test_subscribing_that_never_left_is_made_again_by_the_worker(desk, bluesnap, error):
    session_id = desk.open()
    bluesnap.script("create_subscription", error)
    assert desk.complete(session_id) is None
    assert (desk.status(session_id), desk.states) == ("confirming", ["shopper_vaulted"])
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("complete", ["active"])
    first, second = bluesnap.made("create_subscription")
    assert first == second


@pytest.mark.parametrize("error", [NeverSent("connection_refused"), RetryLater("throttled")])
def test_subscribing_that_bluesnap_does_not_take_for_an_hour_is_given_up_uncharged(desk, bluesnap, error):
    session_id = desk.open()
    bluesnap.script("create_subscription", error, times=2)
    desk.complete(session_id)
    desk.age(minutes=58)
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("confirming", ["shopper_vaulted"])
    desk.age(minutes=20)
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("open", ["released"])
    assert (len(bluesnap.made("create_subscription")), bluesnap.subscriptions) == (2, [])


def test_worker_declined_instead_reopens_the_session(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", NeverSent("connection_refused"))
    bluesnap.script("create_subscription", SOFT)
    desk.complete(session_id)
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("open", ["declined"])
    assert desk.view(session_id).session.decline_reason == "insufficient_funds"
