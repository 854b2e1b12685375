"""Never lost, never twice: when nobody knows how a call ended, the worker looks first, adopts what is there, and repeats only what is proven safe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.billing.buying import settle
from service.errors import Code, NeverSent, NotFound
from tests.support.metrics import reading
from tests.support.outcomes import LOST, SOFT, TROUBLES, refused


def test_unknown_outcome_is_confirming_and_never_failed(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", LOST)
    assert desk.complete(session_id) is None
    assert (desk.status(session_id), desk.states) == ("confirming", ["shopper_unknown"])
    assert desk.view(session_id).fields_token is None
    assert desk.signups[0].cause == "read_timed_out"
    assert desk.access().reason == "free"


@pytest.mark.parametrize("call", ["create_shopper", "create_subscription"])
def test_worker_keeps_still_until_the_quiet_period_is_over(desk, bluesnap, call):
    bluesnap.script(call, LOST)
    desk.buy()
    assert 100 < desk.seconds_left <= 120
    asked = len(bluesnap.calls)
    assert settle.settle_due(desk.tools) == 0
    assert len(bluesnap.calls) == asked


def test_shopper_that_was_vaulted_is_found_and_subscribed(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", LOST, happens=True)
    desk.complete(session_id, three_d_secure="7123456", fraud_session="f1f2")
    assert desk.settle() == 1
    assert (desk.status(session_id), desk.states) == ("complete", ["active"])
    assert bluesnap.made("find_shopper") == [{"merchant_shopper_id": desk.signups[0].id}]
    (sent,) = bluesnap.made("create_subscription")
    assert (sent["three_d_secure_reference"], sent["fraud_session_id"]) == ("7123456", "f1f2")
    assert len(bluesnap.made("create_shopper")) == 1


def test_shopper_that_is_found_an_hour_later_is_not_charged_any_more(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", LOST, happens=True)
    desk.complete(session_id)
    desk.age(minutes=61)
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("open", ["released"])
    assert bluesnap.made("create_subscription") == []
    desk.renew(session_id)
    assert desk.complete(session_id).status == "active"


def test_shopper_that_is_absent_lets_the_page_try_again(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", LOST)
    desk.complete(session_id)
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("open", ["released"])
    assert desk.view(session_id).fields_token is None
    desk.renew(session_id)
    assert desk.complete(session_id).status == "active"
    first, second = bluesnap.made("create_shopper")
    assert first["merchant_shopper_id"] != second["merchant_shopper_id"]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: error.cause)
def test_shopper_that_cannot_be_looked_up_is_looked_for_again(desk, bluesnap, trouble):
    session_id = desk.open()
    bluesnap.script("create_shopper", LOST, happens=True)
    bluesnap.script("find_shopper", trouble)
    desk.complete(session_id)
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("confirming", ["shopper_unknown"])
    desk.settle()
    assert desk.status(session_id) == "complete"


def test_shopper_that_cannot_be_looked_up_for_a_day_is_given_up(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", LOST)
    bluesnap.script("find_shopper", LOST, times=2)
    desk.complete(session_id)
    desk.age(hours=23, minutes=55)
    desk.settle()
    assert desk.status(session_id) == "confirming"
    desk.age(minutes=10)
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("open", ["released"])


def test_adopted_shopper_may_still_be_declined_at_the_charge(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", LOST, happens=True)
    bluesnap.script("create_subscription", SOFT)
    desk.complete(session_id)
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("open", ["declined"])
    assert desk.view(session_id).session.decline_reason == "insufficient_funds"


def test_both_calls_of_a_signup_may_be_lost(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", LOST, happens=True)
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(session_id)
    desk.settle()
    assert desk.states == ["subscription_unknown"]
    desk.settle()
    assert desk.status(session_id) == "complete"
    assert len(bluesnap.subscriptions) == 1


def test_subscription_that_came_to_be_is_adopted_and_not_made_again(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    assert desk.complete(session_id) is None
    assert desk.states == ["subscription_unknown"]
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("complete", ["active"])
    assert len(bluesnap.made("create_subscription")) == 1
    (bought,) = desk.subscriptions
    assert bought.provider_subscription == bluesnap.subscriptions[0].subscription_id
    assert bought.provider_shopper == bluesnap.subscriptions[0].shopper_id
    assert desk.access().plan == "team"


def test_absent_charge_is_never_repeated_while_keys_are_unproven(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST)
    desk.complete(session_id)
    for _ in range(5):
        desk.settle()
    assert len(bluesnap.made("create_subscription")) == 1
    assert (desk.status(session_id), desk.states) == ("confirming", ["subscription_unknown"])


def test_charge_that_lands_late_is_found_and_taken(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(session_id)
    late, bluesnap.subscriptions = bluesnap.subscriptions, []
    desk.settle()
    assert desk.status(session_id) == "confirming"
    bluesnap.subscriptions = late
    desk.settle()
    assert desk.status(session_id) == "complete"


def test_charge_never_found_goes_to_a_person_after_a_day(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST)
    desk.complete(session_id)
    desk.age(hours=23, minutes=59)
    desk.settle()
    assert desk.states == ["subscription_unknown"]
    desk.age(minutes=2)
    desk.settle()
    (signup,) = desk.signups
    assert (signup.state, signup.cause) == ("stuck", "never_found")
    assert len(bluesnap.made("create_subscription")) == 1


def test_stuck_signup_keeps_its_account_claimed(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST)
    desk.complete(session_id)
    desk.age(hours=25)
    desk.settle()
    assert desk.settle() == 0
    assert desk.status(session_id) == "confirming"
    assert refused(desk.open).code is Code.SIGNUP_UNDECIDED


def test_proven_keys_let_an_absent_charge_be_repeated_byte_for_byte(proven, bluesnap):
    session_id = proven.open()
    bluesnap.script("create_subscription", LOST)
    proven.complete(session_id, three_d_secure="7123456", fraud_session="f1f2")
    proven.settle()
    assert (proven.status(session_id), proven.states) == ("complete", ["active"])
    first, second = bluesnap.made("create_subscription")
    assert first == second


def test_repeated_key_finds_a_charge_that_no_list_shows_yet(proven, bluesnap):
    session_id = proven.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    bluesnap.script("list_subscriptions", change=lambda _: [])
    proven.complete(session_id)
    proven.settle()
    assert proven.status(session_id) == "complete"
    assert len(bluesnap.subscriptions) == 1


def test_list_is_asked_before_a_proven_key_is_repeated(proven, bluesnap):
    bluesnap.script("create_subscription", LOST)
    proven.buy()
    proven.settle()
    names = [call.name for call in bluesnap.calls]
    assert names[-2:] == ["list_subscriptions", "create_subscription"]


def test_key_that_bluesnap_may_have_forgotten_is_not_repeated(proven, bluesnap):
    bluesnap.script("create_subscription", LOST)
    proven.buy()
    proven.age(hours=23, minutes=1)
    proven.settle()
    assert (len(bluesnap.made("create_subscription")), proven.states) == (1, ["subscription_unknown"])
    proven.age(hours=1)
    proven.settle()
    assert (len(bluesnap.made("create_subscription")), proven.states) == (1, ["stuck"])


def test_age_of_a_key_counts_from_its_first_use(proven, bluesnap):
    bluesnap.script("create_subscription", LOST, times=2)
    proven.buy()
    proven.age(hours=22)
    proven.settle()
    assert len(bluesnap.made("create_subscription")) == 2
    proven.age(hours=2)
    proven.settle()
    assert len(bluesnap.made("create_subscription")) == 2


def test_repeated_charge_may_be_declined_after_all(proven, bluesnap):
    session_id = proven.open()
    bluesnap.script("create_subscription", LOST)
    bluesnap.script("create_subscription", SOFT)
    proven.complete(session_id)
    proven.settle()
    assert (proven.status(session_id), proven.states) == ("open", ["declined"])
    assert [row.status for row in proven.subscriptions] == ["void"]


def test_charge_that_did_not_leave_is_repeated_even_unproven(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", NeverSent("connection_refused"), times=3)
    desk.complete(session_id)
    for _ in range(3):
        desk.settle()
    assert desk.status(session_id) == "complete"
    assert len({call["idempotency_key"] for call in bluesnap.made("create_subscription")}) == 1


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: error.cause)
def test_list_that_cannot_be_read_proves_nothing(proven, bluesnap, trouble):
    session_id = proven.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    bluesnap.script("list_subscriptions", trouble)
    proven.complete(session_id)
    proven.settle()
    assert (proven.status(session_id), len(bluesnap.made("create_subscription"))) == ("confirming", 1)
    proven.settle()
    assert proven.status(session_id) == "complete"


def test_list_that_is_not_found_is_an_empty_one(proven, bluesnap):
    session_id = proven.open()
    bluesnap.script("create_subscription", LOST)
    bluesnap.script("list_subscriptions", NotFound("not_found"))
    proven.complete(session_id)
    proven.settle()
    assert proven.status(session_id) == "complete"


def test_worker_looks_less_and_less_often_but_never_later_than_after_four_minutes(desk, bluesnap):
    bluesnap.script("create_subscription", LOST)
    desk.buy()
    waits = []
    for _ in range(5):
        desk.settle()
        waits.append(round(desk.seconds_left, -1))
    assert waits == [120, 240, 240, 240, 240]


def test_shopper_of_another_attempt_is_not_charged(desk, bluesnap, monkeypatch):
    """BlueSnap's answers name somebody else's shopper: what was vaulted is looked up, and until that names the right one nobody is charged."""
    desk.buy()
    [(_, known)] = bluesnap.shoppers.items()
    swapped = {"times": 2}

    def anothers(shopper):
        swapped["times"] -= 1
        return replace(shopper, shopper_id=known.shopper_id) if swapped["times"] >= 0 else shopper

    for call in ("create_shopper", "find_shopper"):
        true = getattr(bluesnap, call)
        monkeypatch.setattr(bluesnap, call, lambda *args, true=true, **given: anothers(true(*args, **given)))
    before = reading("panless_signup_mismatches_total", what="shopper")
    session_id = desk.open("acct-other")
    assert desk.complete(session_id) is None
    desk.settle()
    assert (desk.states, desk.signups[-1].cause) == (["active", "shopper_unknown"], "anothers_answer")
    assert reading("panless_signup_mismatches_total", what="shopper") == before + 2
    desk.settle()
    assert desk.states == ["active", "active"]
    first, second = bluesnap.made("create_subscription")
    assert first["shopper_id"] != second["shopper_id"]


@pytest.mark.parametrize("what", ["shopper", "subscription"])
def test_answer_about_another_subscription_goes_to_a_person(desk, bluesnap, monkeypatch, what):
    desk.buy()
    [known] = bluesnap.subscriptions
    true = bluesnap.create_subscription
    wrong = {"shopper_id": known.shopper_id} if what == "shopper" else {"subscription_id": known.subscription_id}
    monkeypatch.setattr(bluesnap, "create_subscription", lambda **given: replace(true(**given), **wrong))
    session_id = desk.open("acct-other")
    assert desk.complete(session_id) is None
    assert (desk.states, desk.signups[-1].cause) == (["active", "stuck"], f"mismatch.{what}")
    assert desk.status(session_id) == "confirming"
