"""A notice that is too old, too early or not in its format changes nothing: it is kept as a hint, and gives way to the real one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from service.billing.notices import Verdict
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
