"""The sweep finds what notices and looks did not, repairs it the one way, and leaves alone what is as it should be."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select, text, update

from service.billing.life import cancellation, terms
from service.billing.life.intents import Order
from service.billing.repair import sweep as sweeping
from service.billing.repair.sweep_count import Charges, Scope
from service.bluesnap.payloads import UNRECOGNISED
from service.errors import NotFound, Unknown
from service.store.journal import Origin
from service.store.models import CHARGES, REFUNDS, SUBSCRIPTIONS, TASKS
from tests.support.databases import by_stealth
from tests.support.metrics import reading
from tests.support.notices import charge_form, deliver
from tests.support.snapshots import row_versions

MAY = date(2031, 5, 10)
OPERATOR = Origin("operator")


@pytest.fixture
def sweep(desk):
    """Counts and repairs by default."""
    return partial(sweeping.sweep, desk.tools, apply=True, most=None, origin=OPERATOR)


@pytest.fixture
def subscription(desk):
    """Our record, as it is now."""
    return lambda: desk.subscriptions[0]


@pytest.fixture
def to_the_end_of_the_period(subscription, clock):
    def go(**more):
        clock.advance(seconds=(subscription().paid_until - clock()).total_seconds())
        clock.advance(**more)

    return go


def found(report):
    return [(row.difference, row.rule.value, row.repaired) for row in report.rows]


def tasks(desk):
    return [(row.kind, row.subject, row.reference, row.state) for row in desk.rows(TASKS)]


def test_nothing_is_found_where_all_is_well(desk, bought, sweep):
    before = row_versions(desk.tools.engine)
    report = sweep(charges=Charges.ALL)
    assert (report.outcome, report.rows, report.compared, report.listed) == ("clean", [], 1, 1)
    assert row_versions(desk.tools.engine) == before


def test_counting_shows_the_rules_and_changes_nothing(desk, bluesnap, bought, sweep, to_the_end_of_the_period):
    bluesnap.renew(bought.subscription_id, MAY)
    to_the_end_of_the_period(hours=3)
    before = row_versions(desk.tools.engine)
    report = sweep(apply=False)
    assert report.outcome == "found"
    assert found(report) == [("renewed", "blue_snap_wins", False), ("charge", "record_charge", False)]
    ours = desk.subscriptions[0]
    row = report.rows[0]
    assert (row.account, row.subscription, row.reference) == (ours.account, ours.id, bought.subscription_id)
    assert row_versions(desk.tools.engine) == before


def renewed(bluesnap, one, go):
    bluesnap.renew(one.subscription_id, MAY)
    go(hours=3)


def canceled_at_the_end(bluesnap, one, go):
    bluesnap.change(one.subscription_id, auto_renew=False)


def ended_at_once(bluesnap, one, go):
    bluesnap.change(one.subscription_id, status="CANCELED", auto_renew=False)


def silent(bluesnap, one, go):
    go(days=2)


def renewed_and_ended(bluesnap, one, go):
    bluesnap.renew(one.subscription_id, MAY)
    bluesnap.change(one.subscription_id, status="FINISHED")
    go(hours=3)


@pytest.mark.parametrize(
    ("happens", "differences", "access"),
    [
        (renewed, ["renewed", "charge"], "paid"),
        (canceled_at_the_end, ["ending"], "canceled"),
        (ended_at_once, ["ended"], "canceled"),
        (silent, ["unpaid"], "grace"),
        (renewed_and_ended, ["renewed", "ended", "charge"], "canceled"),
    ],
)
def test_what_nobody_told_is_repaired_once(
    desk, bluesnap, bought, sweep, to_the_end_of_the_period, happens, differences, access
):
    happens(bluesnap, bought, to_the_end_of_the_period)
    report = sweep()
    assert report.outcome == "repaired"
    assert [(row.difference, row.repaired) for row in report.rows] == [(word, True) for word in differences]
    assert desk.access().reason == access
    before = row_versions(desk.tools.engine)
    again = sweep(charges=Charges.ALL)
    assert (again.outcome, again.rows) == ("clean", [])
    assert row_versions(desk.tools.engine) == before


def test_renewal_switched_on_again_at_bluesnap_is_followed(desk, bluesnap, bought, sweep, subscription):
    bluesnap.change(bought.subscription_id, auto_renew=False)
    sweep()
    bluesnap.change(bought.subscription_id, auto_renew=True)
    assert found(sweep()) == [("resumed", "blue_snap_wins", True)]
    assert subscription().renews is True


def test_look_that_is_due_stays_due_after_a_repair(desk, bluesnap, bought, sweep, subscription):
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(look_at=func.clock_timestamp()))
    before = subscription()
    bluesnap.change(bought.subscription_id, auto_renew=False)
    sweep()
    after = subscription()
    assert (after.look_at, after.looked, after.renews) == (before.look_at, before.looked, False)


def without_charges(desk):
    with by_stealth(desk.tools.engine) as connection:
        connection.execute(CHARGES.delete())


def test_lacking_payment_is_recorded_when_charges_are_asked_for(desk, bluesnap, bought, sweep):
    without_charges(desk)
    assert sweep().outcome == "clean"
    assert bluesnap.made("list_charges") == []
    report = sweep(charges=Charges.ALL)
    assert found(report) == [("charge", "record_charge", True)]
    assert report.rows[0].reference == bought.charge.transaction_id
    (charge,) = desk.charges
    assert (charge.reference, charge.amount, charge.source) == (bought.charge.transaction_id, Decimal(290), "sweep")


def test_refund_given_in_the_portal_is_recorded_once(desk, bluesnap, bought, sweep):
    bluesnap.give_back(bought.charge.transaction_id, "40.00")
    assert found(sweep(charges=Charges.ALL)) == [("refund", "blue_snap_wins", True)]
    (refund,) = desk.rows(REFUNDS)
    assert (refund.amount, refund.source, refund.status) == (Decimal(40), "bluesnap", "succeeded")
    assert sweep(charges=Charges.ALL).outcome == "clean"


def test_refund_after_the_end_is_still_found(desk, bluesnap, bought, sweep, clock):
    ended_at_once(bluesnap, bought, None)
    sweep()
    clock.advance(days=30)
    bluesnap.give_back(bought.charge.transaction_id, "40.00")
    assert found(sweep(charges=Charges.ALL)) == [("refund", "blue_snap_wins", True)]
    clock.advance(days=70)
    calls = len(bluesnap.made("list_charges"))
    sweep(charges=Charges.ALL)
    assert len(bluesnap.made("list_charges")) == calls, "what ended long ago is not read any more"


@pytest.mark.parametrize("hours", [1, 5, 6, 24])
def test_charges_of_every_subscription_are_compared_once_a_day(desk, clock, hours):
    ours = [SimpleNamespace(id=f"sub_{number}") for number in range(50)]
    turns = max(1, 24 // hours)
    times = {one.id: 0 for one in ours}
    for _ in range(turns):
        scope = Scope.at(clock(), hours, Charges.IN_TURN, dry=False)
        for one in ours:
            times[one.id] += scope.lists_charges(one, differs=False)
        clock.advance(hours=hours)
    assert set(times.values()) == {1}


@pytest.mark.parametrize(
    ("change", "word", "kind"),
    [
        ({"amount": Decimal(300)}, "amount", "other_terms"),
        ({"plan_id": "2340002"}, "plan", "other_terms"),
        ({"currency": "EUR"}, "currency", "other_terms"),
        ({"quantity": 2}, "quantity", "sweep_doubt"),
        ({"status": UNRECOGNISED}, "status", "odd_status"),
        ({"status": "SUSPENDED"}, "status", "odd_status"),
    ],
)
def test_what_only_a_person_may_decide_is_asked_once(desk, bluesnap, bought, sweep, subscription, change, word, kind):
    bluesnap.change(bought.subscription_id, **change)
    before = subscription()
    for _ in range(2):
        report = sweep()
        assert (report.outcome, found(report)) == ("left", [(word, "ask_a_person", False)])
    assert subscription() == before
    assert tasks(desk) == [(kind, before.id, bought.subscription_id, "open")]
    assert bluesnap.made("update_subscription") == []


def test_repair_and_doubt_about_one_subscription_go_together(desk, bluesnap, bought, sweep, subscription):
    bluesnap.change(bought.subscription_id, amount=Decimal(300), auto_renew=False)
    assert found(sweep()) == [("ending", "blue_snap_wins", True), ("amount", "ask_a_person", False)]
    assert subscription().renews is False
    assert [kind for kind, *_ in tasks(desk)] == ["other_terms"]


def hide(bluesnap):
    """BlueSnap's list shows nothing, as a filter nobody knows of would make it."""
    bluesnap.script("iterate_subscriptions", change=lambda _: iter([]), times=9)


def test_what_the_list_hides_is_read_by_itself(desk, bluesnap, bought, sweep):
    hide(bluesnap)
    ended_at_once(bluesnap, bought, None)
    report = sweep()
    assert found(report) == [("ended", "blue_snap_wins", True)]
    assert (report.compared, report.listed) == (1, 0)


def test_what_bluesnap_does_not_show_at_all_is_a_doubt(desk, bluesnap, bought, sweep, subscription):
    before = subscription()
    bluesnap.subscriptions.clear()
    assert found(sweep()) == [("absent", "ask_a_person", False)]
    assert subscription() == before
    assert tasks(desk) == [("sweep_doubt", before.id, bought.subscription_id, "open")]


def test_payments_that_are_not_shown_say_nothing_of_the_subscription(desk, bluesnap, bought, sweep):
    bluesnap.change(bought.subscription_id, auto_renew=False)
    bluesnap.script("list_charges", NotFound("not_found", status=403))
    report = sweep()
    assert (report.outcome, report.unread, found(report)) == ("left", 1, [("ending", "blue_snap_wins", False)])
    assert tasks(desk) == []


def test_paid_there_and_ended_here_alarms_and_is_left_to_a_person(desk, bluesnap, bought, sweep, clock):
    ended_at_once(bluesnap, bought, None)
    sweep()
    clock.advance(days=40)
    bluesnap.change(bought.subscription_id, status="ACTIVE", auto_renew=True, next_charge_date=MAY)
    seen = reading("panless_paid_there_inactive_here_total")
    assert found(sweep()) == [("paid_there", "ask_a_person", False)]
    assert reading("panless_paid_there_inactive_here_total") == seen + 1
    assert [kind for kind, *_ in tasks(desk)] == ["paid_there"]


def test_paid_there_after_the_grace_ended_here_alarms_and_is_repaired(
    desk, bluesnap, bought, sweep, to_the_end_of_the_period
):
    silent(bluesnap, bought, to_the_end_of_the_period)
    sweep()
    to_the_end_of_the_period(days=61)
    assert desk.access().reason == "free"
    seen = reading("panless_paid_there_inactive_here_total")
    bluesnap.renew(bought.subscription_id, date(2031, 7, 10))
    assert found(sweep())[0] == ("renewed", "blue_snap_wins", True)
    assert (reading("panless_paid_there_inactive_here_total"), desk.access().reason) == (seen + 1, "paid")


def test_access_here_that_is_over_there_alarms(desk, bluesnap, bought, sweep):
    seen = reading("panless_active_here_unpaid_there_total")
    ended_at_once(bluesnap, bought, None)
    sweep()
    assert reading("panless_active_here_unpaid_there_total") == seen + 1
    sweep()
    assert reading("panless_active_here_unpaid_there_total") == seen + 1


def order_members(desk):
    terms.change_terms(desk.tools, OPERATOR, "acct-a", terms.Wish(members=12))


def order_cancellation(desk):
    cancellation.change_renewal(desk.tools, OPERATOR, "acct-a", Order.CANCEL)


@pytest.mark.parametrize("order", [order_members, order_cancellation])
def test_ordered_change_under_way_is_no_difference(desk, bluesnap, bought, sweep, order):
    bluesnap.script("update_subscription", Unknown("read_timed_out"), happens=True)
    order(desk)
    before = row_versions(desk.tools.engine)
    assert sweep(charges=Charges.ALL).outcome == "clean"
    assert row_versions(desk.tools.engine) == before


def test_half_made_change_is_left_to_the_look_that_ends_it(desk, bluesnap, bought, sweep):
    bluesnap.script("update_subscription")
    bluesnap.script("update_subscription", Unknown("read_timed_out"))
    terms.change_terms(desk.tools, OPERATOR, "acct-a", terms.Wish(plan="business"))
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(pending_until=func.clock_timestamp()))
    before = row_versions(desk.tools.engine)
    report = sweep()
    assert (report.outcome, found(report)) == ("left", [("change", "ours_wins", False)])
    assert row_versions(desk.tools.engine) == before
    assert bluesnap.subscriptions[0].amount == Decimal("49.00")


def test_told_failure_opens_the_grace_at_once(desk, bluesnap, bought, sweep, to_the_end_of_the_period):
    to_the_end_of_the_period(hours=3)
    assert sweep().outcome == "clean"
    failed = charge_form(bought, transactionType="SUBSCRIPTION_CHARGE_FAILURE", transactionDate="04/10/2031 01:00 AM")
    deliver(desk.tools, failed)
    assert found(sweep()) == [("unpaid", "blue_snap_wins", True)]


def test_change_made_while_the_sweep_reads_is_left_to_the_next(desk, bluesnap, bought, sweep, subscription):
    def meanwhile():
        with by_stealth(desk.tools.engine) as connection:
            connection.execute(text("UPDATE subscriptions SET version = version + 1"))

    bluesnap.change(bought.subscription_id, auto_renew=False)
    bluesnap.script("get_subscription", meanwhile=meanwhile)
    report = sweep()
    assert (report.outcome, found(report)) == ("left", [("ending", "blue_snap_wins", False)])
    assert subscription().renews is True
    assert found(sweep()) == [("ending", "blue_snap_wins", True)]


def test_difference_that_went_away_by_itself_is_not_told(desk, bluesnap, bought, sweep):
    bluesnap.change(bought.subscription_id, auto_renew=False)
    bluesnap.script("get_subscription", meanwhile=lambda: bluesnap.change(bought.subscription_id, auto_renew=True))
    assert sweep().outcome == "clean"
    with desk.tools.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(TASKS)).scalar_one() == 0
