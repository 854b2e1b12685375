"""A signup in the request that the page waits on: bought once, or declined, or told plainly why not; and what BlueSnap was asked for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from service.errors import Code, Misconfigured, NeverSent, Rejected, RetryLater
from service.store.journal import LEFT_OUT
from service.store.models import ENTRIES
from tests.support.desk import PAYER, Desk
from tests.support.outcomes import SOFT, refused


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
        "price.agreed",
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
