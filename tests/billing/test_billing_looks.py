"""Looks: whatever BlueSnap has told, in whatever order, the look brings our record to what it shows."""

from __future__ import annotations

import itertools
import threading
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select, update

from service.billing.life import looks
from service.errors import NotFound, Unknown
from service.store import subscriptions
from service.store.models import SUBSCRIPTIONS
from tests.support.metrics import reading
from tests.support.notices import charge_form, deliver

MAY = date(2031, 5, 10)


@pytest.fixture
def bought(desk, bluesnap):
    """A subscription at BlueSnap that is known to us, with its first charge."""
    desk.buy()
    return bluesnap.subscriptions[0]


@pytest.fixture
def subscription(desk):
    """Our record, as it is now."""
    return lambda: desk.subscriptions[0]


def to_the_end_of_the_period(desk, clock, **more):
    clock.advance(seconds=(desk.subscriptions[0].paid_until - clock()).total_seconds())
    clock.advance(**more)


def make_due(desk):
    soon = func.clock_timestamp()
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.look_at.is_not(None)).values(look_at=soon))


def test_nobody_looks_while_the_paid_period_runs(desk, bluesnap, bought):
    assert looks.look_due(desk.tools) == 0
    assert bluesnap.made("get_subscription") == []


def test_renewal_is_found_without_any_notice(desk, bluesnap, bought, clock, subscription):
    bluesnap.renew(bought.subscription_id, MAY)
    to_the_end_of_the_period(desk, clock, hours=3)
    assert desk.access().reason == "renewing"
    assert looks.look_due(desk.tools) == 1
    assert (desk.access().reason, subscription().next_charge_on) == ("paid", MAY)
    assert [row.source for row in desk.charges] == ["answer", "look"]
    assert desk.acts[-2:] == ["charge.recorded", "subscription.renewed"]
    assert subscription().look_at is None


def test_second_look_changes_nothing(desk, bluesnap, bought, clock, subscription):
    bluesnap.renew(bought.subscription_id, MAY)
    to_the_end_of_the_period(desk, clock, hours=3)
    looks.look_due(desk.tools)
    acts, before = desk.acts, subscription()
    deliver(desk.tools, charge_form(bought, transactionType="CONTRACT_CHANGE"))
    looks.look_due(desk.tools)
    assert (desk.acts, subscription()) == (acts, before)


def test_renewal_told_by_a_notice_is_looked_at_at_once(desk, bluesnap, bought, subscription):
    bluesnap.renew(bought.subscription_id, MAY)
    reference = bluesnap.charges[bought.subscription_id][-1].transaction_id
    deliver(desk.tools, charge_form(bought, transactionType="RECURRING", referenceNumber=reference))
    assert looks.look_due(desk.tools) == 1
    assert subscription().next_charge_on == MAY
    assert len(desk.charges) == 2


def test_silence_is_asked_about_again_and_becomes_a_grace_period(desk, bluesnap, bought, clock, subscription):
    to_the_end_of_the_period(desk, clock, hours=3)
    assert looks.look_due(desk.tools) == 1
    assert (subscription().status, subscription().looked) == ("active", 1)
    assert looks.look_due(desk.tools) == 0
    clock.advance(days=1)
    make_due(desk)
    looks.look_due(desk.tools)
    assert (subscription().status, desk.access().reason) == ("past_due", "grace")
    bluesnap.renew(bought.subscription_id, MAY)
    make_due(desk)
    looks.look_due(desk.tools)
    assert (subscription().status, desk.access().reason) == ("active", "paid")


def test_told_failure_opens_the_grace_period_at_once(desk, bluesnap, bought, clock, subscription):
    to_the_end_of_the_period(desk, clock, hours=3)
    failed = charge_form(bought, transactionType="SUBSCRIPTION_CHARGE_FAILURE", transactionDate="04/10/2031 01:00 AM")
    deliver(desk.tools, failed)
    looks.look_due(desk.tools)
    assert (subscription().status, desk.access().reason) == ("past_due", "grace")


def test_grace_that_ends_unpaid_falls_to_the_free_plan(desk, bluesnap, bought, clock, subscription):
    to_the_end_of_the_period(desk, clock, days=2)
    looks.look_due(desk.tools)
    clock.advance(days=58)
    assert desk.access().reason == "free"
    bluesnap.change(bought.subscription_id, status="CANCELED", auto_renew=False)
    make_due(desk)
    looks.look_due(desk.tools)
    assert subscription().status == "ended"
    assert desk.complete(desk.open()).status == "active"


def test_cancellation_at_bluesnap_keeps_the_plan_to_the_end_of_the_period(desk, bluesnap, bought, clock, subscription):
    bluesnap.change(bought.subscription_id, auto_renew=False)
    deliver(desk.tools, charge_form(bought, transactionType="CANCEL_ON_RENEWAL"))
    looks.look_due(desk.tools)
    assert (subscription().status, subscription().renews, desk.access().reason) == ("active", False, "canceled")
    to_the_end_of_the_period(desk, clock)
    assert desk.access().reason == "free"
    looks.look_due(desk.tools)
    assert subscription().status == "ended"
    assert looks.look_due(desk.tools) == 0


KINDS = ("RECURRING", "SUBSCRIPTION_CHARGE_FAILURE", "REFUND", "CANCELLATION")


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS)), ids="-".join)
def test_every_order_of_notices_ends_in_the_same_state(desk, bluesnap, bought, clock, subscription, order):
    bluesnap.renew(bought.subscription_id, MAY)
    reference = bluesnap.charges[bought.subscription_id][-1].transaction_id
    bluesnap.change(bought.subscription_id, status="CANCELED", auto_renew=False)
    to_the_end_of_the_period(desk, clock, hours=3)
    for kind in (*order, order[0]):
        deliver(desk.tools, charge_form(bought, transactionType=kind, referenceNumber=reference))
        looks.look_due(desk.tools)
    after = subscription()
    assert (after.status, after.renews, after.next_charge_on, desk.access().reason) == ("ended", False, MAY, "canceled")
    assert len(desk.charges) == 2


@pytest.mark.parametrize("call", ["get_subscription", "list_charges"])
@pytest.mark.parametrize(
    "error", [Unknown("read_timed_out"), NotFound("not_found", status=403)], ids=["lost", "absent"]
)
def test_look_that_fails_changes_nothing_and_comes_again(desk, bluesnap, bought, clock, subscription, call, error):
    to_the_end_of_the_period(desk, clock, days=2)
    bluesnap.script(call, error)
    before = desk.acts
    looks.look_due(desk.tools)
    assert (desk.acts, subscription().status, subscription().looked) == (before, "active", 1)
    make_due(desk)
    looks.look_due(desk.tools)
    assert subscription().status == "past_due"


def test_state_that_nobody_understands_changes_nothing_and_alarms(desk, bluesnap, bought, clock, subscription):
    bluesnap.change(bought.subscription_id, status="UNRECOGNISED")
    to_the_end_of_the_period(desk, clock, days=2)
    seen = reading("panless_looks_odd_total")
    looks.look_due(desk.tools)
    assert (subscription().status, desk.access().reason) == ("active", "renewing")
    assert reading("panless_looks_odd_total") == seen + 1


def test_waiting_grows_to_an_hour_and_no_further(desk, bluesnap, bought, clock, subscription):
    to_the_end_of_the_period(desk, clock)
    waits = []
    for _ in range(6):
        looks.look_due(desk.tools)
        with desk.tools.engine.connect() as connection:
            now = connection.execute(select(func.clock_timestamp())).scalar_one()
        waits.append((subscription().look_at - now) / timedelta(seconds=1))
        make_due(desk)
    assert [round(wait / 100) for wait in waits] == [9, 18, 36, 36, 36, 36]


def test_other_amount_found_by_a_look_alarms_and_is_recorded(desk, bluesnap, bought, clock):
    bluesnap.change(bought.subscription_id, amount=Decimal(300))
    bluesnap.renew(bought.subscription_id, MAY)
    to_the_end_of_the_period(desk, clock, hours=3)
    seen = reading("panless_charge_mismatches_total")
    looks.look_due(desk.tools)
    assert [row.amount for row in desk.charges] == [Decimal(290), Decimal(300)]
    assert reading("panless_charge_mismatches_total") == seen + 1


def test_notice_that_comes_during_a_look_is_looked_at_again(desk, bluesnap, bought, subscription):
    def cancelled_at_bluesnap():
        bluesnap.change(bought.subscription_id, auto_renew=False)
        deliver(desk.tools, charge_form(bought, transactionType="CANCEL_ON_RENEWAL", custom1="later"))

    deliver(desk.tools, charge_form(bought, transactionType="CONTRACT_CHANGE"))
    bluesnap.script("list_charges", meanwhile=cancelled_at_bluesnap)
    looks.look_due(desk.tools)
    assert subscription().renews is True
    assert looks.look_due(desk.tools) == 1
    assert (subscription().renews, subscription().look_at) == (False, None)


def test_what_a_look_itself_hears_of_is_looked_at_again(desk, bluesnap, bought, clock, subscription, monkeypatch):
    to_the_end_of_the_period(desk, clock, hours=3)
    bluesnap.renew(bought.subscription_id, MAY)
    settled = looks.record

    def record(connection, ours, reading, **how):
        settled(connection, ours, reading, **how)
        subscriptions.ask_soon(connection, bought.subscription_id)  # as a refund does that ended the subscription

    monkeypatch.setattr(looks, "record", record)
    looks.look_due(desk.tools)
    assert subscription().next_charge_on == MAY
    assert subscription().look_at is not None


def test_look_that_was_overtaken_writes_nothing_of_what_it_read(desk, bluesnap, bought, subscription):
    """Its process stood still after reading; meanwhile renewal was switched on again, and another one has looked and found nothing to write."""
    with desk.tools.engine.begin() as connection:
        assert subscriptions.ask_soon(connection, bought.subscription_id)
    bluesnap.change(bought.subscription_id, auto_renew=False)
    true, late = bluesnap.get_subscription, []

    def stands_still(subscription_id):
        found = true(subscription_id)
        if not late:
            late.append(found)
            bluesnap.change(bought.subscription_id, auto_renew=True)
            with desk.tools.engine.begin() as connection:
                subscriptions.ask_soon(connection, bought.subscription_id)  # or the lease is over
            assert looks.look_due(desk.tools) == 1
        return found

    bluesnap.get_subscription = stands_still
    assert looks.look_due(desk.tools) == 1
    assert subscription().renews
    assert looks.look_due(desk.tools) == 1  # whoever was overtaken has it looked at once more
    assert subscription().renews
    assert subscription().look_at is None


@pytest.fixture
def many_due(desk, bluesnap):
    """Five subscriptions, all to be looked at now."""
    for number in range(5):
        desk.buy(account=f"acct-{number}")
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(look_at=func.clock_timestamp(), looked=0))


def test_look_that_waits_for_bluesnap_keeps_nobody_waiting(desk, bluesnap, many_due, monkeypatch):
    together, get, asked = threading.Barrier(2), bluesnap.get_subscription, itertools.count(1)

    def get_when_two_ask(subscription_id):
        if next(asked) <= 2:
            together.wait(20)  # broken where one look ends before the next begins
        return get(subscription_id)

    monkeypatch.setattr(bluesnap, "get_subscription", get_when_two_ask)
    assert looks.look_due(desk.tools) == 5
    assert not together.broken
    assert [row.look_at for row in desk.subscriptions] == [None] * 5


def test_round_goes_on_while_more_are_due_than_it_takes_at_a_time(desk, many_due, monkeypatch):
    monkeypatch.setattr(looks, "BATCH", 2)
    assert looks.look_due(desk.tools) == 5


def test_round_that_takes_long_leaves_the_rest_to_the_next(desk, many_due, monkeypatch):
    monkeypatch.setattr(looks, "BATCH", 2)
    monkeypatch.setattr(looks, "ROUND_SECONDS", 0)
    assert [looks.look_due(desk.tools) for _ in range(3)] == [2, 2, 1]
