"""What BlueSnap shows against what we have: the events between the two, and never one that takes paid time away."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.billing.life.truth import PATIENCE, Seen, differences, is_understood
from service.billing.lifecycle import Event, start_of_day, subscription_move
from service.store.ids import new_id
from service.store.models import Subscription

PACIFIC = ZoneInfo("America/Los_Angeles")
DAY = date(2031, 4, 10)
UNTIL = datetime(2031, 4, 10, 7, tzinfo=UTC)
OURS = Subscription(
    id=new_id("sub"), account="acct-a", plan="team", plan_version=1, members=10, amount=Decimal("290.00"), currency="USD",
    status="active", provider_subscription="7100001", provider_shopper="7100002", next_charge_on=DAY, paid_until=UNTIL,
    renews=True, ended_at=None, look_at=None, looked=0, pending_change=None, pending_until=None, version=2, created_at=UNTIL - timedelta(days=31),
)  # fmt: skip
SAME = Seen("ACTIVE", renews=True, next_charge_on=DAY, told_unpaid=False)
BEFORE, AFTER = UNTIL - timedelta(days=5), UNTIL + timedelta(hours=2)
QUICKLY = settings(max_examples=300, deadline=None, database=None, derandomize=True)


def events(seen, now=BEFORE, **ours):
    return [event for event, _ in differences(dataclasses.replace(OURS, **ours), seen, now=now, zone=PACIFIC)]


def test_what_is_the_same_needs_no_event():
    assert events(SAME) == []


def test_later_charge_date_is_a_renewal_paid_to_its_midnight():
    seen = dataclasses.replace(SAME, next_charge_on=date(2031, 5, 10))
    ((event, values),) = differences(OURS, seen, now=AFTER, zone=PACIFIC)
    assert event is Event.RENEWED
    assert values == {"next_charge_on": date(2031, 5, 10), "paid_until": datetime(2031, 5, 10, tzinfo=PACIFIC)}


def test_earlier_charge_date_never_takes_paid_time_away():
    assert events(dataclasses.replace(SAME, next_charge_on=date(2031, 3, 10))) == []


def test_answer_without_a_charge_date_changes_nothing():
    assert events(dataclasses.replace(SAME, next_charge_on=None, renews=None)) == []


def test_silence_on_the_billing_day_is_not_a_failure_yet():
    assert events(SAME, now=AFTER) == []


def test_silence_for_a_day_is_a_failed_renewal():
    assert events(SAME, now=UNTIL + PATIENCE) == [Event.UNPAID]


def test_told_failure_counts_at_once_but_only_when_the_period_is_over():
    told = dataclasses.replace(SAME, told_unpaid=True)
    assert events(told, now=AFTER) == [Event.UNPAID]
    assert events(told, now=BEFORE) == []


def test_failure_is_found_once():
    assert events(SAME, now=UNTIL + PATIENCE, status="past_due") == []


def test_payment_after_a_failure_renews():
    seen = dataclasses.replace(SAME, next_charge_on=date(2031, 5, 10), told_unpaid=True)
    assert events(seen, now=UNTIL + timedelta(days=59), status="past_due") == [Event.RENEWED]


@pytest.mark.parametrize("status", ["CANCELED", "FINISHED", "DELETED"])
def test_what_is_over_at_bluesnap_is_ended(status):
    assert events(dataclasses.replace(SAME, status=status)) == [Event.ENDED]


def test_last_renewal_counts_before_the_end():
    seen = Seen("CANCELED", renews=False, next_charge_on=date(2031, 5, 10), told_unpaid=False)
    assert events(seen, now=AFTER) == [Event.RENEWED, Event.ENDED]


def test_cancellation_is_ordered_and_undone():
    ending = dataclasses.replace(SAME, renews=False)
    assert events(ending) == [Event.ENDING]
    assert events(ending, renews=False) == []
    assert events(SAME, renews=False) == [Event.RESUMED]


def test_cancelled_subscription_ends_with_its_paid_period():
    assert events(dataclasses.replace(SAME, renews=False), now=UNTIL, renews=False) == [Event.ENDED]


@pytest.mark.parametrize("status", ["SUSPENDED", "ON_HOLD", "UNRECOGNISED"])
def test_status_that_nobody_understands_is_said_so(status):
    assert not is_understood(dataclasses.replace(SAME, status=status))


SEEN = st.builds(
    Seen,
    status=st.sampled_from(["ACTIVE", "CANCELED", "FINISHED"]),
    renews=st.sampled_from([True, False, None]),
    next_charge_on=st.none() | st.dates(date(2031, 1, 1), date(2032, 1, 1)),
    told_unpaid=st.booleans(),
)


@QUICKLY
@given(seen=SEEN, status=st.sampled_from(["active", "past_due"]), renews=st.booleans(), days=st.integers(-60, 90))
def test_every_look_moves_by_the_table_and_the_second_look_finds_nothing(seen, status, renews, days):
    now, ours = UNTIL + timedelta(days=days), dataclasses.replace(OURS, status=status, renews=renews)
    for event, values in differences(ours, seen, now=now, zone=PACIFIC):
        ours = dataclasses.replace(ours, status=subscription_move(ours.status, event)[0], **values)
    assert ours.paid_until >= UNTIL
    assert ours.paid_until == start_of_day(ours.next_charge_on, PACIFIC)
    if ours.status != "ended":
        second = [event for event, _ in differences(ours, seen, now=now, zone=PACIFIC)]
        assert second in ([], [Event.UNPAID])  # a renewal that is itself overdue is told apart by the next look
