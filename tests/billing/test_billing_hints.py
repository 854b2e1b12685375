"""A notice that is too old, too early or not in its format changes nothing: it is kept as a hint, and gives way to the real one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest

from service.billing.hearing.notices import Verdict
from service.billing.life import looks
from service.store import notices, subscriptions
from service.store.journal import Origin
from tests.support.notices import charge_form, deliver


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        (-300, Verdict("applied")),
        (300, Verdict("applied")),
        (-301, Verdict("hint", "stale")),
        (301, Verdict("hint", "future")),
        (-86_400, Verdict("hint", "stale")),
    ],
)
def test_signed_time_decides_whether_a_notice_is_fresh(desk, bought, clock, seconds, verdict):
    body = charge_form(bought, referenceNumber="7300001")
    assert deliver(desk.tools, body, clock() + timedelta(seconds=seconds)) == verdict
    assert len(desk.charges) == (2 if verdict.outcome == "applied" else 1)


@pytest.mark.parametrize("again", ["the same delivery", "the same payment in other words"])
def test_hint_becomes_the_real_thing_when_it_is_told_again_freshly(desk, bought, clock, again):
    body = charge_form(bought, referenceNumber="7300001")
    assert deliver(desk.tools, body, clock() - timedelta(hours=5)).outcome == "hint"
    fresh = body if again == "the same delivery" else charge_form(bought, referenceNumber="7300001", custom1="again")
    assert deliver(desk.tools, fresh) == Verdict("applied")
    assert deliver(desk.tools, fresh).outcome == "repeated"
    assert [row.outcome for row in desk.notices] == ["applied"]
    assert len(desk.charges) == 2


def test_hint_with_a_broken_field_makes_room_for_the_whole_notice(desk, bought):
    broken = charge_form(bought, referenceNumber="7300001", invoiceChargeAmount="twelve")
    assert deliver(desk.tools, broken).outcome == "hint"
    assert deliver(desk.tools, charge_form(bought, referenceNumber="7300001")) == Verdict("applied")
    assert [(row.outcome, row.amount) for row in desk.notices] == [("applied", Decimal(290))]
    assert desk.charges[-1].amount == Decimal(290)


@pytest.mark.parametrize("hours", [-5, 5], ids=["stale", "from the future"])
@pytest.mark.parametrize("kind", ["RECURRING", "CANCELLATION", "SUBSCRIPTION_CHARGE_FAILURE"])
def test_doubtful_notice_leads_to_one_look_and_its_repetition_to_nothing(desk, bluesnap, bought, clock, kind, hours):
    bluesnap.renew(bought.subscription_id, date(2031, 5, 10))
    reference = bluesnap.charges[bought.subscription_id][-1].transaction_id
    body, signed = (
        charge_form(bought, transactionType=kind, referenceNumber=reference),
        clock() + timedelta(hours=hours),
    )
    before = desk.acts
    assert deliver(desk.tools, body, signed).outcome == "hint"
    assert desk.acts == before
    assert looks.look_due(desk.tools) == 1
    assert (len(desk.charges), desk.subscriptions[0].next_charge_on) == (2, date(2031, 5, 10))
    assert [(row.outcome, row.reason) for row in desk.notices] == [("applied", "by_look")]
    after = (desk.acts, desk.subscriptions, desk.charges)
    assert deliver(desk.tools, body, signed).outcome == "repeated"
    assert looks.look_due(desk.tools) == 0
    assert (desk.acts, desk.subscriptions, desk.charges) == after
    assert len(bluesnap.made("get_subscription")) == 1


def test_payment_that_a_look_did_not_see_stays_a_hint_and_can_still_be_told(desk, bought, clock):
    body = charge_form(bought, referenceNumber="7300001")
    deliver(desk.tools, body, clock() - timedelta(hours=5))
    looks.look_due(desk.tools)
    assert [row.outcome for row in desk.notices] == ["hint"]
    assert deliver(desk.tools, body) == Verdict("applied")
    assert len(desk.charges) == 2


def test_same_change_told_in_other_words_asks_for_another_look(desk, bought):
    first, again = (charge_form(bought, transactionType="CONTRACT_CHANGE", custom1=str(turn)) for turn in range(2))
    deliver(desk.tools, first)
    assert looks.look_due(desk.tools) == 1
    assert deliver(desk.tools, first).outcome == "repeated"
    assert looks.look_due(desk.tools) == 0
    assert deliver(desk.tools, again).outcome == "repeated"
    assert looks.look_due(desk.tools) == 1
    assert len(desk.notices) == 1


def test_stale_repetition_takes_nothing_back(desk, bought, clock):
    body = charge_form(bought, referenceNumber="7300001")
    deliver(desk.tools, body)
    assert deliver(desk.tools, body, clock() - timedelta(hours=1)).outcome == "repeated"
    assert [row.outcome for row in desk.notices] == ["applied"]


def test_notice_without_a_readable_time_is_a_hint(desk, bought):
    assert deliver(desk.tools, charge_form(bought, referenceNumber="7300001"), None) == Verdict("hint", "undated")
    assert [(row.outcome, row.reason) for row in desk.notices] == [("hint", "undated")]
    assert len(desk.charges) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"invoiceChargeAmount": "twelve"},
        {"invoiceChargeCurrency": "US DOLLARS"},
        {"referenceNumber": "4263982640269299"},
        {"subscriptionId": "4263 9826 4026 9299"},
        {"accountId": "x" * 80},
        {"transactionDate": "yesterday"},
        {"referenceNumber": None},
        {"invoiceChargeAmount": None},
        {"invoiceChargeCurrency": None},
    ],
    ids=str,
)
def test_notice_with_a_field_that_fails_its_format_is_a_hint(desk, bought, broken):
    verdict = deliver(desk.tools, charge_form(bought, **({"referenceNumber": "7300001"} | broken)))
    assert verdict == Verdict("hint", "incomplete")
    assert len(desk.charges) == 1
    assert "4263" not in str(desk.notices)


def test_notice_that_contradicts_itself_is_a_hint(desk, bought):
    body = charge_form(bought, referenceNumber="7300001") + b"&referenceNumber=7300002"
    assert deliver(desk.tools, body) == Verdict("hint", "incomplete")


def test_notice_without_a_reference_is_known_by_its_delivery_alone(desk, bought):
    first, second = (charge_form(bought, referenceNumber=None, custom1=str(turn)) for turn in range(2))
    assert deliver(desk.tools, first).outcome == "hint"
    assert deliver(desk.tools, second).outcome == "hint"
    assert deliver(desk.tools, first).outcome == "hint"
    assert [row.meaning for row in desk.notices] == [None, None]


@pytest.mark.parametrize("body", [b"", b"&&&", b"\xff\xfe\x00", b"transactionType", b"a=b" * 30_000, b"%%%=%"])
def test_unreadable_notice_is_kept_as_a_hint(desk, body):
    assert deliver(desk.tools, body) == Verdict("hint", "incomplete")
    assert [row.type for row in desk.notices] == ["OTHER"]


def test_hint_that_is_told_again_during_a_look_never_waits_in_a_ring(desk, bluesnap, bought, clock):
    """The notice holds its row and wants the subscription's; the look holds the subscription's and wants the hints'."""
    body, late = charge_form(bought, referenceNumber="7300001"), clock() - timedelta(hours=5)
    deliver(desk.tools, body, late)
    deliver(desk.tools, charge_form(bought, transactionType="CANCELLATION"), late)
    with ThreadPoolExecutor(1) as pool, desk.tools.engine.begin() as look:
        subscriptions.locked(look, desk.subscriptions[0].id)
        again = pool.submit(deliver, desk.tools, charge_form(bought, transactionType="CANCELLATION"), late)
        wait_for_a_lock(desk.tools.engine)
        assert notices.looked(look, bought.subscription_id, clock(), Origin("worker")) == 0
        look.commit()
        assert again.result(10).outcome == "hint"
    assert looks.look_due(desk.tools) == 1
    assert [row.outcome for row in desk.notices] == ["hint", "applied"]


def wait_for_a_lock(engine):
    """Until somebody waits for one."""
    deadline = time.monotonic() + 5
    with engine.connect() as connection:
        while not connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one():
            assert time.monotonic() < deadline, "nobody waits"
