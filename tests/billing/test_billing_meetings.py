"""A look, a notice and a request that meet: what was read before a change settles nothing, and nobody waits for the other."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal

from sqlalchemy import func, update
from sqlalchemy.exc import OperationalError

from service.billing.life import looks
from service.billing.life.cancellation import change_renewal
from service.billing.life.intents import Order
from service.billing.life.terms import Wish, change_terms
from service.billing.money import charges
from service.errors import NotFound, Rejected, Unknown
from service.store import subscriptions
from service.store.journal import Origin
from service.store.models import DISPUTES, SUBSCRIPTIONS, TASKS
from tests.support.desk import Desk
from tests.support.notices import at_minute, charge_form, deliver, dispute_form

PLATFORM = Origin("key:key_" + "b" * 30)


def soon(desk, settle=True):
    now = func.clock_timestamp()
    with desk.tools.engine.begin() as connection:
        if settle:
            pending = SUBSCRIPTIONS.c.pending_until.is_not(None)
            connection.execute(update(SUBSCRIPTIONS).where(pending).values(pending_until=now))
        connection.execute(update(SUBSCRIPTIONS).values(look_at=now))


def look(desk):
    soon(desk)
    looks.look_due(desk.tools)
    return desk.subscriptions[0]


def to_end(desk, clock, **more):
    clock.advance(seconds=(desk.subscriptions[0].paid_until - clock()).total_seconds())
    clock.advance(**more)


def test_look_that_read_before_a_change_opens_no_task(desk, bluesnap, bought):
    soon(desk)
    bluesnap.script("list_charges", meanwhile=lambda: change_terms(desk.tools, PLATFORM, "acct-a", Wish(None, 12)))
    looks.look_due(desk.tools)
    assert desk.subscriptions[0].amount == bluesnap.subscriptions[0].amount == Decimal("348.00")
    assert [row.kind for row in desk.rows(TASKS)] == []


def test_look_that_read_before_a_cancellation_does_not_take_it_back(desk, bluesnap, bought):
    soon(desk)
    bluesnap.script("list_charges", meanwhile=lambda: change_renewal(desk.tools, PLATFORM, "acct-a", Order.CANCEL))
    looks.look_due(desk.tools)
    assert bluesnap.subscriptions[0].auto_renew is False
    assert desk.subscriptions[0].renews is False


def test_look_that_read_before_an_undo_does_not_end_it(desk, bluesnap, bought, clock):
    change_renewal(desk.tools, PLATFORM, "acct-a", Order.CANCEL)
    to_end(desk, clock, seconds=-20)
    soon(desk)

    def undo():
        assert change_renewal(desk.tools, PLATFORM, "acct-a", Order.RESUME).renews
        clock.advance(seconds=30)

    bluesnap.script("list_charges", meanwhile=undo)
    looks.look_due(desk.tools)
    assert bluesnap.subscriptions[0].auto_renew is True
    bluesnap.renew(bought.subscription_id, date(2031, 5, 10))
    look(desk)
    assert (desk.subscriptions[0].status, desk.access().plan) == ("active", "team")


def test_half_made_change_goes_to_a_person_by_itself(desk, bluesnap, bought):
    bluesnap.script("update_subscription")
    bluesnap.script("update_subscription", Rejected("validation", status=400), times=50)
    change_terms(desk.tools, PLATFORM, "acct-a", Wish("business"))
    for _ in range(12):
        look(desk)
    assert [row.kind for row in desk.rows(TASKS)] == ["change_stuck"]


def test_refused_end_is_not_ordered_every_five_seconds(desk, bluesnap, bought, clock):
    to_end(desk, clock, days=2)
    look(desk)
    clock.advance(days=60)
    bluesnap.script("update_subscription", Rejected("validation", status=400), times=50)
    soon(desk)
    for _ in range(10):  # ten rounds of the worker, no time between them
        looks.look_due(desk.tools)
    assert len(bluesnap.made("update_subscription")) == 1


def test_refused_stop_is_not_ordered_every_five_seconds(desk, bluesnap, bought):
    deliver(desk.tools, dispute_form(bought))
    bluesnap.script("update_subscription", Rejected("validation", status=400), times=50)
    for _ in range(10):
        looks.look_due(desk.tools)
    assert len(bluesnap.made("update_subscription")) == 1


def test_resumption_whose_outcome_is_unknown_is_ordered_again(desk, bluesnap, bought):
    deliver(desk.tools, dispute_form(bought))
    assert look(desk).renews is False
    deliver(desk.tools, dispute_form(bought, "Completed_Won", transactionDate=at_minute(9)))
    bluesnap.script("update_subscription", Unknown("read_timed_out"))
    assert look(desk).pending_change == "resumption"
    for _ in range(5):
        look(desk)
    assert (desk.subscriptions[0].renews, desk.subscriptions[0].pending_change) == (True, None)


def test_one_won_and_one_lost_dispute_do_not_resume(desk, bluesnap, bought):
    deliver(desk.tools, dispute_form(bought, reference="7500001"))
    look(desk)
    deliver(desk.tools, dispute_form(bought, reference="7500002"))
    look(desk)
    deliver(desk.tools, dispute_form(bought, "Completed_Lost", "7500002", transactionDate=at_minute(9)))
    look(desk)
    deliver(desk.tools, dispute_form(bought, "Completed_Won", "7500001", transactionDate=at_minute(9)))
    look(desk)
    look(desk)
    assert [row.status for row in desk.rows(DISPUTES)] == ["won", "lost"]
    assert bluesnap.subscriptions[0].auto_renew is False


def test_notice_and_look_of_one_payment_do_not_wait_for_each_other(desk, bluesnap, bought, clock):
    from service.billing.hearing import notices as hearing

    row = desk.subscriptions[0]

    bluesnap.renew(bought.subscription_id, date(2031, 5, 10))
    reference = bluesnap.charges[bought.subscription_id][-1].transaction_id
    form = charge_form(bought, transactionType="RECURRING", referenceNumber=reference)
    recorded, errors = threading.Event(), []
    real = hearing.act

    def slow(*given):
        recorded.set()  # the payment is inserted, the subscription not yet touched
        threading.Event().wait(0.3)
        real(*given)

    def notice():
        try:
            deliver(desk.tools, form)
        except OperationalError as error:
            errors.append(type(error.orig).__name__)

    hearing.act = slow
    thread = threading.Thread(target=notice)
    try:
        with desk.tools.engine.begin() as connection:
            ours = subscriptions.locked(connection, row.id)  # as looks._settle does
            thread.start()
            recorded.wait(5) if False else recorded.wait(1)
            payment = charges.Payment(reference, Decimal(290), "USD", "look")
            charges.record(connection, ours, payment, now=clock(), origin=looks.WORKER)
    except OperationalError as error:
        errors.append(type(error.orig).__name__)
    finally:
        thread.join()
        hearing.act = real
    assert errors == []


def test_access_none_is_not_given_back_by_the_end(make_tools, bluesnap):
    desk = Desk(make_tools(dispute_access="none"), bluesnap)
    desk.buy()
    bought = bluesnap.subscriptions[0]
    deliver(desk.tools, dispute_form(bought))
    look(desk)
    assert desk.access().reason == "free"
    bluesnap.change(bought.subscription_id, status="CANCELED", auto_renew=False)
    look(desk)
    assert desk.access().reason == "free"


def test_users_own_cancellation_just_before_the_stop_survives_a_win(desk, bluesnap, bought, monkeypatch):
    deliver(desk.tools, dispute_form(bought))
    real = looks._stop_renewal

    def late(tools, subscription):
        change_renewal(desk.tools, PLATFORM, "acct-a", Order.CANCEL)  # the request was quicker by a moment
        real(tools, subscription)

    monkeypatch.setattr(looks, "_stop_renewal", late)
    look(desk)
    monkeypatch.setattr(looks, "_stop_renewal", real)
    deliver(desk.tools, dispute_form(bought, "Completed_Won", transactionDate=at_minute(9)))
    look(desk)
    look(desk)
    assert bluesnap.subscriptions[0].auto_renew is False


def test_payment_of_a_period_after_the_end_goes_to_a_person(desk, bluesnap, bought, clock):
    to_end(desk, clock, minutes=5)
    assert change_renewal(desk.tools, PLATFORM, "acct-a", Order.CANCEL).status == "ended"
    bluesnap.renew(bought.subscription_id, date(2031, 5, 10))  # was under way at BlueSnap
    reference = bluesnap.charges[bought.subscription_id][-1].transaction_id
    deliver(
        desk.tools,
        charge_form(
            bought, transactionType="RECURRING", referenceNumber=reference, transactionDate="04/10/2031 12:06 AM"
        ),
    )
    look(desk)
    assert len(desk.charges) == 2
    assert [(row.kind, row.amount) for row in desk.rows(TASKS)] == [("overcharge", Decimal("290.00"))]


def test_payment_that_cannot_be_read_does_not_stop_the_looks(desk, bluesnap, bought, clock):
    deliver(desk.tools, charge_form(bought, transactionType="REFUND", reversalRefNum="7800001"))
    bluesnap.script("get_transaction", NotFound("not_found", status=403), times=50)
    to_end(desk, clock, days=2)
    for _ in range(4):
        look(desk)
    assert desk.subscriptions[0].status == "past_due"
