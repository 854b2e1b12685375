"""What the worker orders by the plan rules: a disputed charge stops the renewal, a won one restores it, and a grace that ends unpaid ends the subscription."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, update

from service.billing.life import looks
from service.billing.life.cancellation import change_renewal
from service.billing.life.intents import Order
from service.billing.life.terms import Wish, change_terms
from service.errors import Code, Unknown
from service.store.journal import Origin
from service.store.models import DISPUTES, SUBSCRIPTIONS
from tests.support.notices import charge_form, deliver
from tests.support.outcomes import refused

PLATFORM = Origin("key:key_" + "b" * 30)
DISPUTE = "7300001"


@pytest.fixture
def bought(desk, bluesnap):
    desk.buy()
    return bluesnap.subscriptions[0].subscription_id


@pytest.fixture
def hear(desk, bluesnap, bought):
    """BlueSnap tells of the dispute of the first charge, and the worker looks."""

    def say(status, kind="CHARGEBACK_STATUS_CHANGED", at="03/11/2031 10:00 AM"):
        form = charge_form(
            bluesnap.subscriptions[0], transactionType=kind, cbStatus=status, reversalRefNum=DISPUTE, transactionDate=at,
            referenceNumber=desk.charges[0].reference,
        )  # fmt: skip
        deliver(desk.tools, form)
        return look(desk)

    return say


def look(desk):
    soon = func.clock_timestamp()
    with desk.tools.engine.begin() as connection:
        pending = SUBSCRIPTIONS.c.pending_until.is_not(None)
        connection.execute(update(SUBSCRIPTIONS).where(pending).values(pending_until=soon))
        connection.execute(update(SUBSCRIPTIONS).values(look_at=soon))
    looks.look_due(desk.tools)
    return desk.subscriptions[0]


def renewals(bluesnap):
    return [call["auto_renew"] for call in bluesnap.made("update_subscription") if "auto_renew" in call]


def test_disputed_charge_keeps_the_paid_period_and_stops_the_renewal(desk, bluesnap, hear, clock):
    after = hear("New", "CHARGEBACK")
    assert (after.status, after.renews, renewals(bluesnap)) == ("disputed", False, [False])
    assert (desk.access().plan, desk.access().reason) == ("team", "disputed")
    clock.advance(seconds=(after.paid_until - clock()).total_seconds())
    assert desk.access().reason == "free"


def test_won_dispute_restores_the_renewal(desk, bluesnap, hear):
    hear("New", "CHARGEBACK")
    hear("Completed_Won", at="03/12/2031 10:00 AM")
    after = look(desk)
    assert (after.status, after.renews, renewals(bluesnap)) == ("active", True, [False, True])
    assert desk.access().reason == "paid"


def test_lost_dispute_leaves_the_plan_to_the_end_of_the_period(desk, bluesnap, hear):
    hear("New", "CHARGEBACK")
    after = hear("Completed_Lost", at="03/12/2031 10:00 AM")
    assert (after.status, after.renews, renewals(bluesnap)) == ("active", False, [False])
    assert desk.access().reason == "canceled"


def test_cancellation_ordered_meanwhile_outlives_a_won_dispute(desk, bluesnap, hear):
    hear("New", "CHARGEBACK")
    change_renewal(desk.tools, PLATFORM, "acct-a", Order.CANCEL)
    hear("Completed_Won", at="03/12/2031 10:00 AM")
    after = look(desk)
    assert (after.status, after.renews, renewals(bluesnap)) == ("active", False, [False])


def test_unknown_outcome_of_stopping_is_ordered_again(desk, bluesnap, hear):
    bluesnap.script("update_subscription", Unknown("read_timed_out"))
    assert hear("New", "CHARGEBACK").pending_change == "cancellation"
    look(desk)
    after = look(desk)
    assert (after.renews, after.pending_change) == (False, None)


def test_what_is_disputed_is_neither_changed_nor_resumed(desk, hear):
    hear("New", "CHARGEBACK")
    assert refused(change_renewal, desk.tools, PLATFORM, "acct-a", Order.RESUME).code is Code.SUBSCRIPTION_DISPUTED
    assert refused(change_terms, desk.tools, PLATFORM, "acct-a", Wish(members=3)).code is Code.SUBSCRIPTION_DISPUTED


@pytest.mark.parametrize(("setting", "reason", "ordered"), [("full", "paid", []), ("none", "free", [False])])
def test_access_of_the_disputed_follows_the_setting(make_tools, bluesnap, setting, reason, ordered):
    from tests.support.desk import Desk

    desk = Desk(make_tools(dispute_access=setting), bluesnap)
    desk.buy()
    form = charge_form(
        bluesnap.subscriptions[0], transactionType="CHARGEBACK", cbStatus="New", reversalRefNum=DISPUTE,
        referenceNumber=desk.charges[0].reference,
    )  # fmt: skip
    deliver(desk.tools, form)
    assert look(desk).status == "disputed"
    assert (desk.access().reason, renewals(bluesnap)) == (reason, ordered)
    assert len(desk.rows(DISPUTES)) == 1


def test_grace_that_ends_unpaid_is_ended_at_bluesnap_by_us(desk, bluesnap, bought, clock):
    clock.advance(seconds=(desk.subscriptions[0].paid_until - clock()).total_seconds())
    clock.advance(days=2)
    assert look(desk).status == "past_due"
    clock.advance(days=57)
    look(desk)
    assert bluesnap.made("update_subscription") == []
    clock.advance(days=1, hours=2)
    assert desk.access().reason == "free"
    after = look(desk)
    assert (after.status, bluesnap.subscriptions[0].status) == ("ended", "CANCELED")
    look(desk)
    assert len(bluesnap.made("update_subscription")) == 1


def test_payment_on_the_last_day_of_grace_keeps_everything(desk, bluesnap, bought, clock):
    clock.advance(seconds=(desk.subscriptions[0].paid_until - clock()).total_seconds())
    clock.advance(days=59)
    look(desk)
    bluesnap.renew(bought, date(2031, 7, 10))
    after = look(desk)
    assert (after.status, desk.access().reason) == ("active", "paid")
    assert bluesnap.made("update_subscription") == []
