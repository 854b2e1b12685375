"""The tables of moves, and access: what an account may use, computed from its subscription and the moment alone."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.billing import lifecycle
from service.billing.lifecycle import Access, Event, MoveNotAllowedError, Rules, Step, access_at, start_of_day
from service.store.accounts import CLAIMING, SURPLUS
from service.store.ids import new_id
from service.store.models import Subscription
from service.store.signups import UNDECIDED

PACIFIC = ZoneInfo("America/Los_Angeles")
UNTIL = datetime(2031, 4, 10, 7, tzinfo=UTC)
PAID = Subscription(
    id=new_id("sub"), account="acct-a", plan="team", plan_version=1, members=10, amount=Decimal("290.00"), currency="USD",
    status="active", provider_subscription="7100001", provider_shopper="7100002", next_charge_on=date(2031, 4, 10),
    paid_until=UNTIL, renews=True, ended_at=None, look_at=None, looked=0, pending_change=None, pending_until=None, version=2, created_at=UNTIL - timedelta(days=31),
)  # fmt: skip
FREE = Access("community", None, None, "free")


def access(subscription, now):
    return access_at(subscription, now, Rules(60, PACIFIC, "period"))


MICROSECOND = timedelta(microseconds=1)
SIGNUP_STATES = {state for state, _ in lifecycle.SIGNUP_MOVES} | {state for state, _ in lifecycle.SIGNUP_MOVES.values()}
FINAL = {"active", "declined", "released", "replaced"}
QUICKLY = settings(max_examples=200, deadline=None, database=None, derandomize=True)


@QUICKLY
@given(st.lists(st.sampled_from(list(Step)), max_size=30))
def test_random_steps_of_a_signup_never_leave_the_table(steps):
    state, ended = "shopper_requested", False
    for step in steps:
        try:
            state, _ = lifecycle.signup_move(state, step)
        except MoveNotAllowedError:
            continue
        assert not ended, "a settled signup moved on"
        assert state in SIGNUP_STATES
        ended = state in FINAL


@QUICKLY
@given(st.lists(st.sampled_from(list(Event)), max_size=30))
def test_random_events_of_a_subscription_never_leave_the_table(events):
    status, story = "incomplete", ["incomplete"]
    for event in events:
        try:
            status, _ = lifecycle.subscription_move(status, event)
        except MoveNotAllowedError:
            continue
        story.append(status)
    assert set(story) <= {"incomplete", "active", "past_due", "disputed", "ended", "void"}
    assert not ("void" in story and len(set(story)) > 2)
    assert "ended" not in story or set(story[story.index("ended") :]) == {"ended"}


@pytest.mark.parametrize("state", sorted(FINAL))
def test_settled_signup_cannot_move_any_more(state):
    for step in Step:
        with pytest.raises(MoveNotAllowedError):
            lifecycle.signup_move(state, step)


def test_undecided_states_are_those_that_can_still_move():
    assert {state for state, _ in lifecycle.SIGNUP_MOVES} == {*UNDECIDED, "stuck"}
    assert {*UNDECIDED, "stuck"} | FINAL == SIGNUP_STATES


def test_stuck_signup_moves_only_as_a_person_can_decide():
    ways = {step: after for (before, step), (after, _) in lifecycle.SIGNUP_MOVES.items() if before == "stuck"}
    assert ways == {Step.ACTIVATED: "active", Step.RELEASED: "released"}


@pytest.mark.parametrize("state", UNDECIDED)
def test_every_undecided_state_has_a_way_to_success_and_to_an_end(state):
    reached, waiting = set(), {state}
    while waiting:
        one = waiting.pop()
        reached.add(one)
        waiting |= {after for (before, _), (after, _) in lifecycle.SIGNUP_MOVES.items() if before == one} - reached
    assert reached & {"active", "replaced"}
    assert reached & {"declined", "released"}


@pytest.mark.parametrize("state", ["shopper_unknown", "subscription_unknown"])
def test_unknown_outcome_never_counts_as_a_decline(state):
    with pytest.raises(MoveNotAllowedError):
        lifecycle.signup_move(state, Step.DECLINED)


def test_claim_of_an_account_ends_only_by_being_void_or_ended():
    assert {status for status, _ in lifecycle.SUBSCRIPTION_MOVES} == {*CLAIMING, "ended", SURPLUS}
    assert {event for status, event in lifecycle.SUBSCRIPTION_MOVES if status == "ended"} == {Event.CHARGED}
    assert lifecycle.subscription_move("incomplete", Event.VOIDED)[0] == "void"
    with pytest.raises(MoveNotAllowedError):
        lifecycle.subscription_move("active", Event.VOIDED)
    with pytest.raises(MoveNotAllowedError):
        lifecycle.subscription_move("void", Event.ACTIVATED)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (PAID.created_at, Access("team", 10, UNTIL, "paid")),
        (UNTIL - MICROSECOND, Access("team", 10, UNTIL, "paid")),
        (UNTIL, Access("team", 10, None, "renewing")),
        (UNTIL + timedelta(days=40), Access("team", 10, None, "renewing")),
    ],
)
def test_access_stays_past_the_paid_period_while_renewing(now, expected):
    assert access(PAID, now) == expected


@pytest.mark.parametrize(
    "subscription", [None, dataclasses.replace(PAID, status="void"), dataclasses.replace(PAID, status="incomplete")]
)
@pytest.mark.parametrize("now", [UNTIL - MICROSECOND, UNTIL])
def test_access_without_a_live_subscription_is_free(subscription, now):
    assert access(subscription, now) == FREE


def test_access_of_a_subscription_without_an_end_is_paid():
    assert access(dataclasses.replace(PAID, paid_until=None), UNTIL) == Access("team", 10, None, "paid")


GRACE_END = datetime(2031, 6, 9, 7, tzinfo=UTC)  # sixty billing days after 10 April, summer time on both


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (UNTIL, Access("team", 10, GRACE_END, "grace")),
        (GRACE_END - timedelta(minutes=1), Access("team", 10, GRACE_END, "grace")),
        (GRACE_END, FREE),
        (GRACE_END + timedelta(days=400), FREE),
    ],
)
def test_unpaid_renewal_leaves_full_access_for_sixty_billing_days(now, expected):
    assert access(dataclasses.replace(PAID, status="past_due"), now) == expected


def test_grace_ends_at_midnight_across_the_change_of_summer_time():
    until = start_of_day(date(2031, 10, 10), PACIFIC)
    assert lifecycle.grace_end(until, 60, PACIFIC) == datetime(2031, 12, 9, tzinfo=PACIFIC)


@pytest.mark.parametrize("change", [{"renews": False}, {"status": "ended"}, {"status": "ended", "renews": False}])
def test_cancelled_plan_stays_to_the_end_of_the_paid_period_and_no_longer(change):
    cancelled = dataclasses.replace(PAID, **change)
    assert access(cancelled, UNTIL - MICROSECOND) == Access("team", 10, UNTIL, "canceled")
    assert access(cancelled, UNTIL) == FREE


def test_cancelled_while_unpaid_ends_the_grace():
    assert access(dataclasses.replace(PAID, status="past_due", renews=False), UNTIL) == FREE


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2031, 4, 10), datetime(2031, 4, 10, 7, tzinfo=UTC)),
        (date(2031, 1, 10), datetime(2031, 1, 10, 8, tzinfo=UTC)),
        (date(2031, 3, 9), datetime(2031, 3, 9, 8, tzinfo=UTC)),
        (date(2031, 3, 10), datetime(2031, 3, 10, 7, tzinfo=UTC)),
        (date(2031, 11, 2), datetime(2031, 11, 2, 7, tzinfo=UTC)),
        (date(2031, 11, 3), datetime(2031, 11, 3, 8, tzinfo=UTC)),
    ],
)
def test_billing_day_begins_at_midnight_of_its_zone(day, expected):
    assert start_of_day(day, PACIFIC) == expected


def test_cheaper_plan_holds_from_the_end_of_the_period_whether_it_was_paid_or_not():
    waiting = dataclasses.replace(PAID, plan="business", next_plan="team", next_plan_version=1)
    assert access(waiting, UNTIL - MICROSECOND).plan == "business"
    assert (access(waiting, UNTIL).plan, access(waiting, UNTIL).reason) == ("team", "renewing")
    overdue = dataclasses.replace(waiting, status="past_due")
    assert (access(overdue, UNTIL).plan, access(overdue, UNTIL).reason) == ("team", "grace")


@pytest.mark.parametrize(
    ("rule", "reasons"), [("period", ["disputed", "free"]), ("full", ["paid", "renewing"]), ("none", ["free", "free"])]
)
def test_disputed_access_follows_the_setting_before_and_after_the_period(rule, reasons):
    disputed = dataclasses.replace(PAID, status="disputed")
    rules = Rules(60, PACIFIC, rule)
    assert [access_at(disputed, moment, rules).reason for moment in (UNTIL - MICROSECOND, UNTIL)] == reasons
