"""Never lost, never twice: when nobody knows how a call ended, the worker looks first, adopts what is there, and repeats only what is proven safe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select, update

from service.billing import settle
from service.errors import (
    Code,
    Declined,
    DeclineReason,
    Misconfigured,
    NeverSent,
    NotFound,
    Refusal,
    RetryLater,
    Unknown,
)
from service.store.models import SIGNUPS
from tests.support.desk import Desk
from tests.support.metrics import reading

LOST = Unknown("read_timed_out")
SOFT = Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False)
TROUBLES = [LOST, RetryLater("throttled"), NeverSent("connection_refused"), Misconfigured("credentials_refused")]


class ProcessDiedError(BaseException):
    """Ends a call as the death of the process would: nothing of ours runs after it."""


@pytest.fixture
def proven(make_tools, bluesnap):
    """A desk whose BlueSnap account is proven to keep idempotency keys."""
    return Desk(make_tools(idempotency_proven="true"), bluesnap)


def seconds_left(desk):
    with desk.tools.engine.connect() as connection:
        left = connection.execute(select(SIGNUPS.c.lease_until - func.clock_timestamp())).scalar_one()
    return left.total_seconds()


def die(desk, session_id):
    with pytest.raises(ProcessDiedError):
        desk.complete(session_id)


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
    assert 100 < seconds_left(desk) <= 120
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
    with pytest.raises(Refusal) as told:
        desk.open()
    assert told.value.code is Code.SIGNUP_UNDECIDED


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


def test_worker_looks_less_and_less_often(desk, bluesnap):
    bluesnap.script("create_subscription", LOST)
    desk.buy()
    waits = []
    for _ in range(5):
        desk.settle()
        waits.append(round(seconds_left(desk), -1))
    assert waits == [120, 240, 480, 900, 900]


def test_two_candidates_go_to_a_person(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(session_id)
    bluesnap.subscriptions.append(replace(bluesnap.subscriptions[0], subscription_id="7199999"))
    desk.settle()
    (signup,) = desk.signups
    assert (signup.state, signup.cause) == ("stuck", "two_candidates")
    assert desk.access().reason == "free"


def test_subscription_of_another_account_is_no_candidate(desk, bluesnap):
    desk.buy(account="acct-b")
    known = replace(bluesnap.subscriptions[0], charge=None)
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    bluesnap.script("list_subscriptions", change=lambda found: [known, *found])
    desk.complete(session_id)
    desk.settle()
    assert desk.status(session_id) == "complete"
    assert len({row.provider_subscription for row in desk.subscriptions}) == 2


def altered(**values):
    return lambda found: replace(found, **values)


MISMATCHES = {
    "plan": altered(plan_id="2340002"),
    "quantity": altered(quantity=10),
    "amount": altered(amount=Decimal("29.00")),
    "currency": altered(currency="EUR"),
    "status": altered(status="CANCELED"),
    "first_charge": lambda found: replace(found, charge=replace(found.charge, amount=Decimal("2900.00"))),
}


@pytest.mark.parametrize("what", MISMATCHES)
def test_answer_that_is_not_what_was_asked_for_activates_nothing(desk, bluesnap, what):
    session_id = desk.open()
    bluesnap.script("create_subscription", change=MISMATCHES[what])
    before = reading("panless_signup_mismatches_total", what=what)
    assert desk.complete(session_id) is None
    (signup,) = desk.signups
    assert (signup.state, signup.cause) == ("stuck", f"mismatch.{what}")
    assert desk.access().reason == "free"
    assert desk.charges == []
    assert reading("panless_signup_mismatches_total", what=what) == before + 1


@pytest.mark.parametrize("what", [what for what in MISMATCHES if what != "first_charge"])
def test_found_subscription_that_differs_is_not_adopted(desk, bluesnap, what):
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.buy()
    bluesnap.subscriptions = [MISMATCHES[what](one) for one in bluesnap.subscriptions]
    desk.settle()
    (signup,) = desk.signups
    assert (signup.state, signup.cause) == ("stuck", f"mismatch.{what}")
    assert len(bluesnap.made("create_subscription")) == 1


def test_first_charge_in_another_currency_activates_nothing(desk, bluesnap):
    bluesnap.script(
        "create_subscription", change=lambda found: replace(found, charge=replace(found.charge, currency="EUR"))
    )
    desk.buy()
    assert desk.signups[0].cause == "mismatch.first_charge"
    assert desk.access().reason == "free"


def test_subscription_without_a_next_charge_date_is_not_believed(desk, bluesnap):
    bluesnap.next_charge = None
    desk.buy()
    assert desk.signups[0].cause == "mismatch.next_charge_date"
    assert desk.access().reason == "free"


THIN = {"plan_id": None, "amount": None, "currency": None, "quantity": None, "next_charge_date": None, "charge": None}


def test_answer_of_four_fields_is_read_again_as_a_whole(desk, bluesnap):
    bluesnap.script("create_subscription", change=altered(**THIN))
    session_id = desk.buy()
    assert desk.status(session_id) == "complete"
    assert bluesnap.made("get_subscription") == [{"subscription_id": bluesnap.subscriptions[0].subscription_id}]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: error.cause)
def test_answer_that_cannot_be_read_as_a_whole_is_unknown(desk, bluesnap, trouble):
    bluesnap.script("create_subscription", change=altered(**THIN))
    bluesnap.script("get_subscription", trouble)
    session_id = desk.buy()
    assert (desk.status(session_id), desk.states) == ("confirming", ["subscription_unknown"])
    desk.settle()
    assert desk.status(session_id) == "complete"
    assert len(bluesnap.made("create_subscription")) == 1


def test_found_subscription_that_stays_thin_is_looked_at_again(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    bluesnap.script("list_subscriptions", change=lambda found: [replace(one, **THIN) for one in found])
    bluesnap.script("get_subscription", LOST)
    session_id = desk.buy()
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("confirming", ["subscription_unknown"])
    desk.settle()
    assert desk.status(session_id) == "complete"


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("call", ["create_shopper", "create_subscription"])
def test_signup_whose_process_died_is_taken_over(proven, bluesnap, call, happened):
    session_id = proven.open()
    bluesnap.script(call, ProcessDiedError(), happens=happened)
    die(proven, session_id)
    assert proven.status(session_id) == "confirming"
    assert settle.settle_due(proven.tools) == 0
    proven.settle()
    assert proven.signups[0].cause == "process_died"
    assert seconds_left(proven) > 100
    proven.settle()
    expected = ("open", "released") if (call, happened) == ("create_shopper", False) else ("complete", "active")
    assert (proven.status(session_id), proven.states[0]) == expected
    assert len(bluesnap.subscriptions) == (expected[0] == "complete")


def test_charge_of_a_process_that_died_is_not_repeated_unproven(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", ProcessDiedError())
    die(desk, session_id)
    for _ in range(4):
        desk.settle()
    assert (desk.status(session_id), len(bluesnap.made("create_subscription"))) == ("confirming", 1)


@pytest.mark.parametrize("call", ["find_shopper", "create_subscription", "list_subscriptions"])
def test_worker_that_dies_leaves_the_signup_to_the_next(proven, bluesnap, call):
    first = "create_shopper" if call == "find_shopper" else "create_subscription"
    bluesnap.script(first, LOST, happens=call != "create_subscription")
    bluesnap.script(call, ProcessDiedError())
    session_id = proven.buy()
    with pytest.raises(ProcessDiedError):
        proven.settle()
    for _ in range(3):
        proven.settle()
    assert proven.status(session_id) == "complete"
    assert len(bluesnap.subscriptions) == 1


def test_worker_settles_every_signup_that_is_due(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True, times=3)
    sessions = [desk.buy(account=f"acct-{name}") for name in "abc"]
    assert desk.settle() == 3
    assert [desk.status(one) for one in sessions] == ["complete"] * 3
    assert desk.settle() == 0


def test_worker_takes_whoever_waits_longest_first(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True, times=2)
    for name in "ab":
        desk.buy(account=f"acct-{name}")
    desk.let_leases_end()
    later, first = desk.signups
    with desk.tools.engine.begin() as connection:
        ago = SIGNUPS.c.lease_until - timedelta(minutes=5)
        connection.execute(update(SIGNUPS).where(SIGNUPS.c.id == first.id).values(lease_until=ago))
    settle.settle_due(desk.tools)
    asked = [call["shopper_id"] for call in bluesnap.made("list_subscriptions")]
    assert asked == [first.provider_shopper, later.provider_shopper]
