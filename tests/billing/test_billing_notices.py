"""Notices: each is kept once, by delivery and by meaning; a fresh one is applied, a doubtful one is a hint, and none is ever refused for what it carries."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from service.billing.buying import settle
from service.billing.hearing.notice_rules import RULES, Does
from service.billing.hearing.notices import Verdict
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
    assert [(row.act, row.account, row.subject) for row in desk.rows(ENTRIES) if row.actor == "bluesnap"] == [
        ("charge.recorded", "acct-a", desk.charges[-1].id),
        ("notice.settled", "acct-a", desk.notices[-1].id),
    ]


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


@pytest.mark.parametrize("kind", sorted(kind for kind, rule in RULES.items() if rule.does is Does.LOOK))
def test_notice_of_a_change_is_a_hint_and_a_reason_to_look(desk, bought, kind):
    (before,) = desk.subscriptions
    assert deliver(desk.tools, charge_form(bought, transactionType=kind)) == Verdict("hint", "look")
    (after,) = desk.subscriptions
    assert after.look_at is not None
    assert {**after._mapping, "look_at": None} == dict(before._mapping)


@pytest.mark.parametrize("kind", sorted(kind for kind, rule in RULES.items() if rule.does is Does.IGNORE))
def test_notice_that_is_ignored_on_purpose_is_kept_with_its_reason(desk, bought, clock, kind):
    before = desk.subscriptions
    body = charge_form(bought, transactionType=kind)
    assert deliver(desk.tools, body, clock() - timedelta(hours=5)) == Verdict("ignored", RULES[kind].reason)
    assert deliver(desk.tools, body).outcome == "repeated"
    assert [(row.type, row.outcome) for row in desk.notices] == [(kind, "ignored")]
    assert (desk.subscriptions, len(desk.charges)) == (before, 1)


def test_type_that_nobody_knows_is_a_reason_to_look_at_what_is_ours(desk, bought):
    strange = charge_form(bought, transactionType="NEWLY_INVENTED")
    assert deliver(desk.tools, strange) == Verdict("hint", "look")
    assert [row.type for row in desk.notices] == ["OTHER"]
    assert desk.subscriptions[0].look_at is not None
    other = charge_form(transactionType="NEWLY_INVENTED")
    assert deliver(desk.tools, other) == Verdict("ignored", "type_unknown")


@pytest.mark.parametrize("kind", ["CANCELLATION", "REFUND", "ACCOUNT_UPDATER"])
def test_change_of_what_is_not_ours_gives_nothing_to_look_at(desk, bought, kind):
    strangers = charge_form(transactionType=kind)
    assert deliver(desk.tools, strangers) == Verdict("hint", "subscription_unknown")
    nobodys = charge_form(transactionType=kind, subscriptionId=None)
    assert deliver(desk.tools, nobodys) == Verdict("ignored", "no_subscription")
    assert desk.subscriptions[0].look_at is None


@pytest.mark.parametrize("kind", ["ACCOUNT_UPDATER", "SHOPPER_DELETED"])
def test_notice_of_a_shopper_looks_at_the_subscriptions_of_the_shopper(desk, bought, kind):
    body = charge_form(bought, transactionType=kind, subscriptionId=None, referenceNumber=None)
    assert deliver(desk.tools, body) == Verdict("hint", "look")
    assert desk.subscriptions[0].look_at is not None


def test_every_linked_subscription_of_ours_is_looked_at(desk, bluesnap, bought):
    desk.buy(account="acct-b")
    linked = ",".join(["7199998", *(one.subscription_id for one in bluesnap.subscriptions), "7199999"])
    form = {"transactionType": "ACCOUNT_UPDATER", "subscriptionId": None, "referenceNumber": None}
    verdict = deliver(desk.tools, charge_form(linkedSubscriptions=linked, **form))
    assert verdict == Verdict("hint", "look")
    assert [row.look_at is not None for row in desk.subscriptions] == [True, True]


def test_money_that_went_back_is_found_by_its_payment_alone(desk, bought):
    refunded = charge_form(bought, transactionType="REFUND", subscriptionId=None, reversalRefNum="7400001")
    assert deliver(desk.tools, refunded) == Verdict("hint", "look")
    assert [row.provider_subscription for row in desk.notices] == [bought.subscription_id]
    assert desk.subscriptions[0].look_at is not None


def test_payment_is_dated_by_its_billing_day_and_named_by_its_type(desk, bought):
    late = {"transactionDate": "04/10/2031 11:59 PM", "referenceNumber": "7300001"}
    deliver(desk.tools, charge_form(bought, transactionType="RECURRING", **late))
    deliver(desk.tools, charge_form(bought, referenceNumber="7300002", transactionDate=None))
    assert [(row.charged_on, row.kind) for row in desk.charges][1:] == [(date(2031, 4, 10), "recurring"), (None, None)]


@pytest.mark.parametrize(
    "body",
    [
        lambda form: form.replace(b"transactionType=CHARGE", b"TRANSACTIONTYPE=charge"),
        lambda form: form.replace(b"invoiceChargeAmount=290.00", b"invoicechargeamount=1%2C290.00"),
        lambda form: form + b"&referenceNumber=&invoiceChargeAmount=&SUBSCRIPTIONID=",
        lambda form: b"referenceNumber=7300001&" + form + b"&referencenumber=7300001",
        lambda form: form + b"&company=Caf\xe9+%E9%FF&%ff=1",
        lambda form: form.replace(b"invoiceChargeCurrency=USD", b"invoiceChargeCurrency=+usd+"),
    ],
    ids=["capitals", "commas", "blanks", "repeated", "not utf-8", "padded"],
)
def test_payment_is_recorded_in_whatever_shape_it_is_told(desk, bought, body):
    told = body(charge_form(bought, referenceNumber="7300001"))
    assert deliver(desk.tools, told) == Verdict("applied")
    recorded = desk.charges[-1]
    assert (recorded.reference, recorded.currency) == ("7300001", "USD")
    assert recorded.amount == (Decimal(1290) if b"1%2C290" in told else Decimal(290))


def test_refunds_of_equal_amount_are_two_and_each_is_one(desk, bought):
    def refund(kind, reference, note):
        return charge_form(
            bought, transactionType=kind, reversalRefNum=reference, reversalAmount="-10.00", custom1=note
        )

    for body in (
        refund("PENDING_REFUND", "7400001", "accepted"),
        refund("REFUND", "7400001", "done"),
        refund("CANCELLATION_REFUND", "7400001", "done, in other words"),
        refund("REFUND", "7400002", "a second one"),
    ):
        assert deliver(desk.tools, body) == Verdict("hint", "look")
    assert [(row.type, row.reversal_reference, row.reversal_amount) for row in desk.notices] == [
        ("PENDING_REFUND", "7400001", Decimal(-10)),
        ("CANCELLATION_REFUND", "7400001", Decimal(-10)),
        ("REFUND", "7400002", Decimal(-10)),
    ]


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
