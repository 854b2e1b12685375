"""Notices: each is kept once, by delivery and by meaning; a fresh one is applied, a doubtful one is a hint, and none is ever refused for what it carries."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import text

from service.billing import settle
from service.billing.notices import TELLING, Verdict
from service.config import Environment
from service.store import database
from service.store.models import ENTRIES
from tests.support.desk import Desk
from tests.support.metrics import reading
from tests.support.notices import charge_form, deliver
from tests.support.outcomes import LOST
from tests.support.tools import tools_over


def test_notice_of_a_renewal_is_recorded_as_a_charge(desk, bought):
    verdict = deliver(desk.tools, charge_form(bought, referenceNumber="7300001"))
    assert verdict == Verdict("applied")
    assert [(row.reference, row.source) for row in desk.charges][-1] == ("7300001", "notice")
    assert desk.charges[-1].amount == Decimal(290)
    (entry,) = [row for row in desk.rows(ENTRIES) if row.actor == "bluesnap"]
    assert (entry.act, entry.account, entry.subject) == ("charge.recorded", "acct-a", desk.charges[-1].id)


def test_notice_of_the_charge_that_was_answered_is_known_already(desk, bought):
    assert deliver(desk.tools, charge_form(bought)) == Verdict("applied", "known_already")
    assert len(desk.charges) == 1


def test_notice_delivered_again_changes_nothing(desk, bought):
    body = charge_form(bought, referenceNumber="7300001")
    deliver(desk.tools, body)
    acts = desk.acts
    for _ in range(10):
        assert deliver(desk.tools, body).outcome == "repeated"
    assert (len(desk.notices), len(desk.charges), desk.acts) == (1, 2, acts)


@pytest.mark.parametrize(("first", "second"), [("CHARGE", "RECURRING"), ("RECURRING", "CHARGE"), ("CHARGE", "CHARGE")])
def test_one_payment_told_twice_in_other_words_is_recorded_once(desk, bought, first, second):
    deliver(desk.tools, charge_form(bought, transactionType=first, referenceNumber="7300001"))
    again = charge_form(bought, transactionType=second, referenceNumber="7300001", custom1="told again")
    assert deliver(desk.tools, again).outcome == "repeated"
    assert [row.reference for row in desk.charges][1:] == ["7300001"]
    assert len(desk.notices) == 1


def test_notice_of_an_unknown_subscription_waits(desk):
    assert deliver(desk.tools, charge_form()) == Verdict("waiting", "subscription_unknown")
    assert [row.outcome for row in desk.notices] == ["waiting"]
    assert desk.charges == []


def test_waiting_notice_is_applied_when_the_subscription_is_activated(desk, bluesnap):
    seen = []

    def tell():
        seen.append(deliver(desk.tools, charge_form(bluesnap.subscriptions[0])))

    bluesnap.script(
        "create_subscription", afterwards=tell, change=lambda found: dataclasses.replace(found, charge=None)
    )
    desk.buy()
    assert seen == [Verdict("waiting", "subscription_unknown")]
    assert [(row.outcome, row.reason) for row in desk.notices] == [("applied", None)]
    assert [(row.reference, row.source) for row in desk.charges] == [
        (bluesnap.subscriptions[0].charge.transaction_id, "notice")
    ]


def test_charge_told_by_answer_and_waiting_notice_is_recorded_once(desk, bluesnap):
    bluesnap.script(
        "create_subscription", afterwards=lambda: deliver(desk.tools, charge_form(bluesnap.subscriptions[0]))
    )
    desk.buy()
    assert [row.source for row in desk.charges] == ["answer"]
    assert [row.outcome for row in desk.notices] == ["applied"]


def wait_until(condition, seconds=5.0):
    """Ask until it holds; the answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail("it did not come to pass in time")


def test_notice_that_arrives_during_the_activation_is_not_left_waiting(new_database, bluesnap, clock):
    """The notice has looked for the subscription and not yet committed when the activation looks for waiting notices."""
    engine = database.connect(new_database(), pool_size=8)
    desk = Desk(tools_over(engine, bluesnap, clock), bluesnap)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER stand_still AFTER UPDATE ON notices FOR EACH ROW WHEN (NEW.outcome = 'waiting') EXECUTE FUNCTION stand_still()"
        )

    def blocked():
        with engine.connect() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one()

    with ThreadPoolExecutor(2) as pool, engine.connect() as holder:
        told = []

        def tell():
            told.append(pool.submit(deliver, desk.tools, charge_form(bluesnap.subscriptions[0])))
            wait_until(lambda: blocked() == 1)

        silent = functools.partial(dataclasses.replace, charge=None)
        bluesnap.script("create_subscription", afterwards=tell, change=silent)
        holder.execute(text("SELECT pg_advisory_lock(4711)"))
        purchase = pool.submit(desk.buy)
        wait_until(lambda: blocked() == 2 or purchase.done())
        holder.execute(text("SELECT pg_advisory_unlock(4711)"))
        session_id = purchase.result(10)
        assert told[0].result(10).outcome == "waiting"
    assert desk.status(session_id) == "complete"
    assert [row.outcome for row in desk.notices] == ["applied"]
    assert [row.source for row in desk.charges] == ["notice"]
    engine.dispose()


@pytest.mark.parametrize("kind", sorted(TELLING))
def test_notice_of_a_change_is_a_hint_and_a_reason_to_look(desk, bought, kind):
    (before,) = desk.subscriptions
    assert deliver(desk.tools, charge_form(bought, transactionType=kind)) == Verdict("hint", "look")
    (after,) = desk.subscriptions
    assert after.look_at is not None
    assert {**after._mapping, "look_at": None} == dict(before._mapping)


@pytest.mark.parametrize("kind", ["VAULTED_SHOPPER", "PAYOUT", "SUBSCRIPTION_REMINDER", "NEWLY_INVENTED"])
def test_notice_of_another_type_is_kept_and_changes_nothing(desk, bought, kind):
    before = desk.subscriptions
    verdict = deliver(desk.tools, charge_form(bought, transactionType=kind))
    assert verdict == Verdict("ignored", "type_not_handled")
    assert [row.type for row in desk.notices] == ["OTHER" if kind == "NEWLY_INVENTED" else kind]
    assert (desk.subscriptions, len(desk.charges)) == (before, 1)


def test_charge_without_a_subscription_is_not_ours(desk, bought):
    verdict = deliver(desk.tools, charge_form(bought, subscriptionId=None, referenceNumber="7300001"))
    assert verdict == Verdict("ignored", "no_subscription")


@pytest.mark.parametrize("changed", [{"invoiceChargeAmount": "2,900.00"}, {"invoiceChargeCurrency": "EUR"}])
def test_charge_that_was_not_agreed_is_recorded_and_alarms(desk, bought, changed):
    before = reading("panless_charge_mismatches_total")
    deliver(desk.tools, charge_form(bought, referenceNumber="7300001", **changed))
    assert reading("panless_charge_mismatches_total") == before + 1
    assert len(desk.charges) == 2


def test_charge_as_agreed_raises_no_alarm(desk, bought):
    before = reading("panless_charge_mismatches_total")
    deliver(desk.tools, charge_form(bought, referenceNumber="7300001", invoiceChargeAmount="290.0"))
    assert reading("panless_charge_mismatches_total") == before


@pytest.mark.parametrize("call", ["create_shopper", "create_subscription"])
def test_notice_about_an_undecided_shopper_wakes_its_signup(desk, bluesnap, call):
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(session_id)
    assert settle.settle_due(desk.tools) == 0
    deliver(desk.tools, charge_form(bluesnap.subscriptions[0]))
    assert settle.settle_due(desk.tools) == 1
    assert desk.status(session_id) == "complete"
    assert [row.outcome for row in desk.notices] == ["applied"]
    assert [row.source for row in desk.charges] == ["notice"]


def test_hint_about_an_undecided_shopper_wakes_its_signup_too(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    session_id = desk.buy()
    deliver(desk.tools, charge_form(bluesnap.subscriptions[0], transactionDate="?"))
    assert settle.settle_due(desk.tools) == 1
    assert desk.status(session_id) == "complete"


def test_notice_never_cuts_a_running_lease_short(desk, bluesnap):
    woken = []

    def tell():
        deliver(desk.tools, charge_form(bluesnap.subscriptions[0]))
        woken.append(settle.settle_due(desk.tools))

    bluesnap.script("create_subscription", afterwards=tell)
    session_id = desk.buy()
    assert woken == [0]
    assert desk.status(session_id) == "complete"


def test_notice_of_a_test_card_has_no_effect_in_production(desk, bought):
    live = dataclasses.replace(
        desk.tools, settings=dataclasses.replace(desk.tools.settings, environment=Environment.PRODUCTION)
    )
    body = charge_form(bought, referenceNumber="7300001", testMode="Y")
    before = reading("panless_notices_total", type="CHARGE", outcome="ignored")
    assert deliver(live, body) == Verdict("ignored", "test_mode")
    assert reading("panless_notices_total", type="CHARGE", outcome="ignored") == before + 1
    assert (len(desk.notices), len(desk.charges)) == (0, 1)
    assert deliver(desk.tools, body).outcome == "applied"


def test_notice_that_cannot_be_applied_is_kept_as_failed(new_database, bluesnap, clock):
    engine = database.connect(new_database(), pool_size=4)
    desk = Desk(tools_over(engine, bluesnap, clock), bluesnap)
    desk.buy()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE charges ADD CONSTRAINT small CHECK (amount < 300)")
    body = charge_form(bluesnap.subscriptions[0], referenceNumber="7300001", invoiceChargeAmount="300.00")
    assert deliver(desk.tools, body) == Verdict("failed", "not_applicable")
    assert [(row.outcome, row.reason) for row in desk.notices] == [("failed", "not_applicable")]
    assert len(desk.charges) == 1
    engine.dispose()


def test_same_notice_on_many_threads_at_once_is_applied_once(desk, bought):
    body = charge_form(bought, referenceNumber="7300001")
    barrier = threading.Barrier(6)

    def tell(_):
        barrier.wait(10)
        return deliver(desk.tools, body).outcome

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(tell, range(6)))
    assert sorted(outcomes) == ["applied", *["repeated"] * 5]
    assert len(desk.charges) == 2


def test_nothing_of_the_payer_or_the_card_is_kept(desk, bought):
    deliver(desk.tools, charge_form(bought, referenceNumber="7300001", email="mira@example.org"))
    kept = str(desk.notices) + str(desk.charges) + str(desk.rows(ENTRIES))
    assert [word for word in ("Mira", "mira", "9299") if word in kept] == []
