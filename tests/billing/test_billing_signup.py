"""A signup in the request that the page waits on: bought once, or declined, or told plainly why not; and what BlueSnap was asked for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from service.errors import (
    Advice,
    Code,
    Declined,
    DeclineReason,
    FieldsRefused,
    Misconfigured,
    NeverSent,
    Refusal,
    Rejected,
    RetryLater,
)
from service.store.journal import LEFT_OUT
from service.store.models import ENTRIES
from tests.support.desk import PAYER

SOFT = Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False)
STOLEN = Declined("declined", DeclineReason.REFUSED, hard=True)
FRAUD = Declined("fraud_suspected", DeclineReason.REFUSED, hard=True)
EXPIRED = Declined("declined", DeclineReason.CARD_EXPIRED, hard=True)
MISTYPED = Declined("declined", DeclineReason.INCORRECT_DETAILS, hard=True)
CHALLENGE = Declined("authentication_required", DeclineReason.AUTHENTICATION_REQUIRED, hard=False)
CALLS = ("create_shopper", "create_subscription")


def refused(act, *arguments, **how):
    """The refusal that an act ends with."""
    with pytest.raises(Refusal) as told:
        act(*arguments, **how)
    return told.value


def test_signup_ends_in_an_active_team_plan(desk):
    session_id = desk.open()
    bought = desk.complete(session_id)
    assert (bought.account, bought.plan, bought.members, bought.status) == ("acct-a", "team", 10, "active")
    assert (bought.amount, bought.currency) == (Decimal("290.00"), "USD")
    assert bought.paid_until == datetime(2031, 4, 10, 7, tzinfo=UTC)
    assert desk.status(session_id) == "complete"
    access = desk.access()
    assert (access.plan, access.members, access.until, access.reason) == ("team", 10, bought.paid_until, "paid")
    assert desk.states == ["active"]


def test_bluesnap_is_asked_once_for_each_step_with_our_ids(desk, bluesnap):
    desk.complete(desk.open(plan="business", members=3), three_d_secure="7123456", fraud_session="f1f2")
    (signup,) = desk.signups
    (shopper,) = bluesnap.made("create_shopper")
    (subscription,) = bluesnap.made("create_subscription")
    assert shopper["merchant_shopper_id"] == signup.id
    assert shopper["payer"] == PAYER
    assert shopper["payment_fields_token"].startswith("fields-token-")
    assert shopper["idempotency_key"] == str(signup.shopper_key)
    assert subscription["idempotency_key"] == str(signup.subscription_key)
    assert subscription["plan_id"] == "2340002"
    assert subscription["amount"] == Decimal("147.00")
    assert subscription["shopper_id"] == signup.provider_shopper
    assert signup.shopper_key != signup.subscription_key
    references = {"three_d_secure_reference": "7123456", "fraud_session_id": "f1f2"}
    assert references.items() <= shopper.items()
    assert references.items() <= subscription.items()


def test_story_of_a_signup_stands_in_the_journal(desk):
    desk.buy()
    assert desk.acts == [
        "session.opened",
        "subscription.claimed",
        "signup.shopper_requested",
        "session.confirming",
        "session.fields_spent",
        "signup.shopper_vaulted",
        "signup.subscription_requested",
        "subscription.activated",
        "charge.recorded",
        "signup.active",
        "session.completed",
    ]


def test_journal_of_a_signup_holds_no_secret_and_no_payer(desk, bluesnap):
    session_id = desk.open(address="192.0.2.7")
    desk.complete(session_id, three_d_secure="7123456", fraud_session="f1f2f3f4")
    told = [row.image for row in desk.rows(ENTRIES)]
    assert not [image for image in told if set(image) & LEFT_OUT]
    (shopper,) = bluesnap.made("create_shopper")
    for secret in ("Mira", "Okafor", "02451", "7123456", "f1f2f3f4", "192.0.2", shopper["payment_fields_token"]):
        assert secret not in str(told)


def test_settled_signup_keeps_none_of_what_it_was_sent(desk):
    session_id = desk.open()
    desk.complete(session_id, three_d_secure="7123456", fraud_session="f1f2")
    (signup,) = desk.signups
    assert (signup.three_d_secure, signup.fraud_session) == (None, None)
    (session,) = desk.sessions
    assert session.fields_sealed is None
    assert desk.view(session_id).fields_token is None


def test_first_charge_is_recorded_from_the_answer(desk):
    desk.buy()
    (charge,) = desk.charges
    assert (charge.amount, charge.currency, charge.source) == (Decimal("290.000"), "USD", "answer")


def test_first_charge_is_told_by_its_transaction_not_its_charge_id(desk, bluesnap):
    desk.buy()
    assert desk.charges[0].reference == bluesnap.subscriptions[0].charge.transaction_id


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


def test_new_attempt_after_a_decline_has_an_id_and_keys_of_its_own(desk, bluesnap):
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


def test_worker_declined_instead_reopens_the_session(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", NeverSent("connection_refused"))
    bluesnap.script("create_subscription", SOFT)
    desk.complete(session_id)
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("open", ["declined"])
    assert desk.view(session_id).session.decline_reason == "insufficient_funds"


def test_attempts_of_a_session_are_limited_and_then_it_failed(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", SOFT, times=3)
    for _ in range(2):
        refused(desk.complete, session_id)
        desk.renew(session_id)
    assert refused(desk.complete, session_id).code is Code.CARD_DECLINED
    assert desk.status(session_id) == "failed"
    assert refused(desk.complete, session_id).code is Code.TOO_MANY_ATTEMPTS
    assert refused(desk.renew, session_id).code is Code.TOO_MANY_ATTEMPTS
    assert len(bluesnap.made("create_shopper")) == 3


def test_attempts_of_an_account_are_limited_over_its_sessions(desk, bluesnap, clock):
    bluesnap.script("create_shopper", SOFT, times=5)
    for _ in range(5):
        refused(desk.complete, desk.open())
    told = refused(desk.complete, desk.open())
    assert (told.code, told.retry_after) == (Code.TOO_MANY_ATTEMPTS, 86_400)
    assert len(bluesnap.made("create_shopper")) == 5
    assert desk.complete(desk.open(account="acct-b")).status == "active"
    clock.advance(hours=24)
    assert desk.complete(desk.open()).status == "active"


def test_attempt_that_tried_no_card_counts_towards_no_limit(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", NeverSent("connection_refused"), times=8)
    for _ in range(8):
        assert refused(desk.complete, session_id).code is Code.BLUESNAP_UNREACHABLE
    assert desk.complete(session_id).status == "active"


def test_renewals_of_a_session_are_limited(make_tools, bluesnap):
    from tests.support.desk import Desk

    desk = Desk(make_tools(renewals_per_session="2"), bluesnap)
    session_id = desk.open()
    desk.renew(session_id)
    desk.renew(session_id)
    assert refused(desk.renew, session_id).code is Code.TOO_MANY_ATTEMPTS
    assert len(bluesnap.made("create_payment_fields_token")) == 3


def test_session_expires_at_its_time_and_takes_no_card_then(desk, bluesnap, clock):
    session_id = desk.open()
    clock.advance(minutes=1440, seconds=-1)
    assert desk.status(session_id) == "open"
    clock.advance(seconds=1)
    assert desk.status(session_id) == "expired"
    assert refused(desk.complete, session_id).code is Code.SESSION_EXPIRED
    assert refused(desk.renew, session_id).code is Code.SESSION_EXPIRED
    assert bluesnap.made("create_shopper") == []


def test_session_of_unknown_outcome_cannot_expire(desk, bluesnap, clock):
    session_id = desk.open()
    bluesnap.script("create_subscription", NeverSent("connection_refused"))
    desk.complete(session_id)
    clock.advance(days=30)
    assert desk.status(session_id) == "confirming"


def test_renewal_gives_a_fresh_token_and_counts(desk, clock):
    session_id = desk.open()
    before = desk.view(session_id)
    clock.advance(minutes=56)
    after = desk.renew(session_id)
    assert after.fields_token != before.fields_token
    assert after.session.fields_expire_at - clock() == timedelta(minutes=55)
    assert (before.session.renewals, after.session.renewals) == (0, 1)
    assert desk.view(session_id).fields_token == after.fields_token


def test_unknown_session_is_said_to_be_unknown(desk):
    session_id = desk.open()
    missing = session_id[:-1] + ("b" if session_id[-1] != "b" else "c")
    for act in (desk.complete, desk.renew, desk.view):
        assert refused(act, missing).code is Code.SESSION_NOT_FOUND


@pytest.mark.parametrize(("members", "code"), [(0, Code.MEMBERS_OUT_OF_RANGE), (10_001, Code.MEMBERS_OUT_OF_RANGE)])
def test_absurd_number_of_members_is_refused_before_bluesnap_is_asked(desk, bluesnap, members, code):
    assert refused(desk.open, members=members).code is code
    assert bluesnap.calls == []


@pytest.mark.parametrize("plan", ["gold", "community"])
def test_plan_that_is_not_for_sale_is_unknown(desk, bluesnap, plan):
    assert refused(desk.open, plan=plan).code is Code.PLAN_UNKNOWN
    assert bluesnap.calls == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NeverSent("connection_refused"), Code.BLUESNAP_UNREACHABLE),
        (RetryLater("throttled"), Code.BLUESNAP_BUSY),
        (Misconfigured("credentials_refused"), Code.BLUESNAP_MISCONFIGURED),
        (Rejected("invalid_request"), Code.BLUESNAP_FAILED),
    ],
)
def test_no_session_is_opened_without_a_payment_fields_token(desk, bluesnap, error, code):
    bluesnap.script("create_payment_fields_token", error)
    assert refused(desk.open).code is code
    assert desk.sessions == []
    session_id = desk.open()
    bluesnap.script("create_payment_fields_token", error)
    before = desk.view(session_id)
    assert refused(desk.renew, session_id).code is code
    assert desk.view(session_id) == before
