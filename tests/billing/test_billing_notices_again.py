"""Notices that wait for their turn, or cannot be applied: known ones wait for nobody, failed ones are tried again a bounded number of times."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from service.billing.hearing import notice_effects
from service.billing.hearing.notices import Verdict, replay, try_failed_again
from service.store import database
from service.store.journal import Origin
from tests.support.desk import Desk
from tests.support.metrics import reading
from tests.support.notices import charge_form, deliver
from tests.support.tools import tools_over

ALL_TRIES = [
    "not_applicable",
    "not_applicable_twice",
    "not_applicable_thrice",
    "not_applicable_four_times",
    "set_aside",
]
WAITS = [timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6)]


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def held(engine, bought):
    """Somebody else has the turn of this subscription; the fixture's value lets it go."""
    with engine.connect() as connection:
        key = text("SELECT pg_advisory_xact_lock(hashtextextended(:one, 0))")
        connection.execute(key, {"one": bought.subscription_id})
        yield connection.rollback
        connection.rollback()


def test_known_delivery_waits_for_nobody(desk, bought, request):
    body = charge_form(bought, referenceNumber="7300001")
    assert deliver(desk.tools, body) == Verdict("applied")
    request.getfixturevalue("held")
    assert deliver(desk.tools, body) == Verdict("repeated")


def test_notice_that_lost_its_turn_takes_another(desk, bought, held, logged):
    body = charge_form(bought, referenceNumber="7300001")
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(deliver, desk.tools, body)
        wait_until(lambda: "transaction.again" in logged())
        held()
        assert told.result(20) == Verdict("applied")
    assert [row.reference for row in desk.charges][1:] == ["7300001"]


@pytest.fixture
def picky(new_database, bluesnap, clock):
    """A desk whose database takes no charge of 300 or more, and what lets it."""
    engine = database.connect(new_database(), pool_size=4)
    desk = Desk(tools_over(engine, bluesnap, clock), bluesnap)
    desk.buy()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE charges ADD CONSTRAINT small CHECK (amount < 300)")

    def cure():
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE charges DROP CONSTRAINT small")

    yield desk, cure
    engine.dispose()


def too_much(bluesnap, **changed):
    return charge_form(
        bluesnap.subscriptions[0], **({"referenceNumber": "7300001", "invoiceChargeAmount": "300.00"} | changed)
    )


def test_failed_notice_is_tried_five_times_and_set_aside_with_an_alarm(picky, bluesnap, clock, logged):
    desk, _ = picky
    received, alarms = clock(), reading("panless_notices_set_aside_total")
    assert deliver(desk.tools, too_much(bluesnap)) == Verdict("failed", ALL_TRIES[0])
    for wait, reason in zip(WAITS, ALL_TRIES[1:], strict=True):
        clock.now = received + wait - timedelta(seconds=1)
        assert try_failed_again(desk.tools) == 0
        clock.advance(seconds=1)
        assert reading("panless_notices_set_aside_total") == alarms
        assert try_failed_again(desk.tools) == 1
        assert [(row.outcome, row.reason) for row in desk.notices] == [("failed", reason)]
    assert reading("panless_notices_set_aside_total") == alarms + 1
    assert logged().count('"notice.set_aside"') == 1
    clock.advance(days=30)
    assert try_failed_again(desk.tools) == 0
    assert len(desk.charges) == 1


def test_failed_notice_is_applied_by_the_next_try_once_its_cause_is_gone(picky, bluesnap, clock):
    desk, cure = picky
    deliver(desk.tools, too_much(bluesnap))
    clock.advance(minutes=1)
    assert try_failed_again(desk.tools) == 1
    cure()
    clock.advance(minutes=9)
    assert try_failed_again(desk.tools) == 1
    assert [(row.outcome, row.reason) for row in desk.notices] == [("applied", None)]
    assert [row.reference for row in desk.charges][1:] == ["7300001"]
    assert try_failed_again(desk.tools) == 0


def test_failed_notice_keeps_no_other_waiting(picky, bluesnap, clock):
    desk, _ = picky
    deliver(desk.tools, too_much(bluesnap))
    assert deliver(desk.tools, too_much(bluesnap, referenceNumber="7300003")).outcome == "failed"
    fine = charge_form(bluesnap.subscriptions[0], referenceNumber="7300002")
    assert deliver(desk.tools, fine) == Verdict("applied")
    clock.advance(minutes=1)
    assert try_failed_again(desk.tools) == 2
    assert [row.reason for row in desk.notices] == [ALL_TRIES[1], ALL_TRIES[1], None]


def test_notice_told_again_or_replayed_uses_up_a_try(picky, bluesnap):
    desk, cure = picky
    body = too_much(bluesnap)
    deliver(desk.tools, body)
    assert deliver(desk.tools, body) == Verdict("failed", ALL_TRIES[1])
    (row,) = desk.notices
    for reason in (*ALL_TRIES[2:], ALL_TRIES[-1]):
        assert replay(desk.tools, Origin("operator"), row.id) == Verdict("failed", reason)
    cure()
    assert replay(desk.tools, Origin("operator"), row.id) == Verdict("applied")


def test_mistake_of_ours_never_loses_a_notice(desk, bought, monkeypatch):
    def mistaken(*_):
        raise KeyError("one")

    monkeypatch.setattr(notice_effects, "_apply_payment", mistaken)
    body = charge_form(bought, referenceNumber="7300001")
    assert deliver(desk.tools, body) == Verdict("failed", ALL_TRIES[0])
    monkeypatch.undo()
    assert deliver(desk.tools, body) == Verdict("applied")


def test_database_that_fails_is_not_the_notices_fault(desk, bought, monkeypatch):
    def gone(*_):
        raise OperationalError("SELECT", {}, ConnectionError())

    monkeypatch.setattr(notice_effects, "_apply_payment", gone)
    with pytest.raises(OperationalError):
        deliver(desk.tools, charge_form(bought, referenceNumber="7300001"))
    assert desk.notices == []


@pytest.mark.parametrize(("hours", "doubt"), [(-5, "stale"), (1, "future")])
def test_doubted_notice_is_counted_by_its_reason(desk, bought, clock, hours, doubt):
    before = reading("panless_notices_doubted_total", reason=doubt)
    body = charge_form(bought, referenceNumber="7300001")
    assert deliver(desk.tools, body, clock() + timedelta(hours=hours)) == Verdict("hint", doubt)
    assert reading("panless_notices_doubted_total", reason=doubt) == before + 1
