"""The sweep's other direction: what BlueSnap has and we have not. Somebody pays for it, so it is found, however late it came to be."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from service.billing import tasks
from service.billing.repair import sweep as sweeping
from service.errors import NotFound, Unknown
from service.store.journal import Origin
from service.store.models import TASKS
from tests.support.snapshots import row_versions

OPERATOR = Origin("operator")


@pytest.fixture
def sweep(desk):
    return partial(sweeping.sweep, desk.tools, apply=True, most=None, origin=OPERATOR)


@pytest.fixture
def stranger(bluesnap, bought):
    """Puts a subscription like the known one at BlueSnap, with these values."""

    def make(**values):
        made = replace(bought, **{"subscription_id": "7900001", "shopper_id": "7900000", "charge": None} | values)
        bluesnap.subscriptions.append(made)
        return made

    return make


def found(report):
    return [(row.account, row.reference, row.rule.value, row.repaired) for row in report.rows]


def put_before_people(desk):
    return [(row.kind, row.account, row.reference, row.amount) for row in desk.rows(TASKS)]


def test_active_one_that_nobody_knows_is_put_before_a_person_once(desk, stranger, sweep):
    unknown = stranger()
    assert found(sweep(apply=False)) == [(None, "7900001", "ask_a_person", False)]
    assert put_before_people(desk) == []
    first = sweep()
    assert (first.outcome, first.differing) == ("left", 1)
    assert put_before_people(desk) == [("unknown_subscription", None, "7900001", unknown.amount)]
    before = row_versions(desk.tools.engine)
    again = sweep()
    assert (again.outcome, again.differing, found(again)) == ("left", 0, found(first))
    assert row_versions(desk.tools.engine) == before


def test_account_is_named_where_the_shopper_is_known(desk, bought, stranger, sweep):
    stranger(shopper_id=bought.shopper_id)
    assert found(sweep()) == [("acct-a", "7900001", "ask_a_person", False)]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"status": "CANCELED"}, "over"),
        ({"status": "FINISHED"}, "over"),
        ({"plan_id": "2349999"}, "not_sold"),
    ],
)
def test_what_concerns_nobody_is_counted_only(desk, stranger, sweep, values, reason):
    stranger(**values)
    report = sweep()
    assert (report.outcome, report.rows, report.passed_over) == ("clean", [], {reason: 1})


def test_other_plan_of_a_known_shopper_is_a_difference(desk, bought, stranger, sweep):
    stranger(plan_id="2349999", shopper_id=bought.shopper_id)
    assert found(sweep()) == [("acct-a", "7900001", "ask_a_person", False)]


def test_what_a_person_dismissed_is_not_told_again(desk, stranger, sweep):
    stranger()
    sweep()
    with desk.tools.engine.begin() as connection:
        tasks.close(connection, desk.rows(TASKS)[0].id, "dismissed", OPERATOR)
    report = sweep()
    assert (report.outcome, report.passed_over) == ("clean", {"dismissed": 1})


def test_one_that_is_gone_at_the_second_reading_is_nobodys(desk, bluesnap, stranger, sweep):
    stranger()
    bluesnap.script("get_subscription", NotFound("not_found", status=403))
    assert sweep().outcome == "clean"
    assert put_before_people(desk) == []


def lose_the_answer(desk, bluesnap):
    """A signup whose subscription came to be, and whose answer did not come."""
    bluesnap.script("create_subscription", Unknown("read_timed_out"), happens=True)
    desk.complete(desk.open())
    return bluesnap.subscriptions[0].subscription_id


def test_lost_signup_is_woken_and_settles_itself(desk, bluesnap, sweep):
    reference = lose_the_answer(desk, bluesnap)
    assert desk.seconds_left > 10
    assert found(sweep(apply=False)) == [("acct-a", reference, "wake_signup", False)]
    report = sweep()
    assert (report.outcome, found(report)) == ("repaired", [("acct-a", reference, "wake_signup", True)])
    assert desk.seconds_left <= 0
    before = row_versions(desk.tools.engine)
    assert sweep().outcome == "repaired"
    assert row_versions(desk.tools.engine) == before
    desk.settle()
    assert desk.states == ["active"]
    assert sweep().outcome == "clean"


def test_signup_under_way_is_no_difference(desk, bluesnap, sweep):
    reports = []
    bluesnap.script("create_subscription", afterwards=lambda: reports.append(sweep()))
    desk.buy()
    (report,) = reports
    assert (report.outcome, report.passed_over) == ("clean", {"under_way": 1})
    assert desk.states == ["active"]


def test_stuck_signup_is_told_to_a_person_with_its_account(desk, bluesnap, sweep):
    lose_the_answer(desk, bluesnap)
    late = bluesnap.subscriptions.pop()
    desk.settle()
    desk.age(hours=25)
    desk.settle()
    assert desk.states == ["stuck"]
    bluesnap.subscriptions.append(late)
    assert found(sweep()) == [("acct-a", late.subscription_id, "ask_a_person", False)]
    assert put_before_people(desk) == [("unknown_subscription", "acct-a", late.subscription_id, late.amount)]


def test_one_that_becomes_known_between_count_and_repair_is_left_alone(desk, bluesnap, sweep):
    reference = lose_the_answer(desk, bluesnap)
    bluesnap.script("get_subscription", meanwhile=desk.settle)
    assert sweep().outcome == "clean"
    assert desk.subscriptions[0].provider_subscription == reference
