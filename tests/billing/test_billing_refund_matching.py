"""Which shown refund is which of ours, by every way of showing it. Pure."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from service.billing.money.refund_matching import match
from service.bluesnap.payloads import RefundSeen
from service.store.models import Refund

ZONE = ZoneInfo("America/Los_Angeles")
NOON = datetime(2031, 3, 10, 20, tzinfo=UTC)
FIRST, SECOND = "rf_" + "b" * 30, "rf_" + "c" * 30


def ours(refund_id=FIRST, status="unknown", amount="10.00", number=None, source="api"):
    return Refund(
        id=refund_id, charge_id="ch_" + "b" * 30, account="acct-a", amount=Decimal(amount), currency="USD", reason="other",
        cancel_subscription=False, status=status, source=source, provider_refund=number, key=uuid.UUID(int=1), looked=0,
        lease_until=None, called_at=NOON, created_at=NOON,
    )  # fmt: skip


def shown(amount="10.00", number="7400001", reference=None, day=None):
    return RefundSeen(number, Decimal(amount), day, reference, None)


def matched(rows, seen):
    """The numbers by our ids, how many strangers there are, and who is doubtful."""
    found = match(rows, seen, ZONE)
    return {row: one.refund_id for row, one in found.pairs.items()}, len(found.strangers), set(found.doubtful)


def test_number_says_it_before_reference_and_amount():
    rows = [ours(FIRST, "succeeded", number="7400002")]
    seen = [shown(number="7400001", reference=FIRST), shown("99.00", number="7400002")]
    assert matched(rows, seen) == ({FIRST: "7400002"}, 1, set())


@pytest.mark.parametrize("status", ["requested", "unknown", "pending", "succeeded", "failed"])
def test_reference_says_it_for_every_status_and_amount(status):
    assert matched([ours(status=status)], [shown("12.00", reference=FIRST)]) == ({FIRST: "7400001"}, 0, set())


def test_one_alike_is_taken_for_the_one_unknown():
    assert matched([ours()], [shown(), shown("11.00", "7400002")]) == ({FIRST: "7400001"}, 1, set())


def test_two_alike_leave_the_unknown_in_doubt_and_are_no_strangers():
    assert matched([ours()], [shown(), shown(number="7400002")]) == ({}, 0, {FIRST})


def test_one_alike_leaves_two_unknown_in_doubt():
    assert matched([ours(), ours(SECOND)], [shown()]) == ({}, 0, {FIRST, SECOND})


def test_known_number_is_not_alike():
    rows = [ours(), ours(SECOND, "succeeded", number="7400001")]
    assert matched(rows, [shown(), shown(number="7400002")]) == ({SECOND: "7400001", FIRST: "7400002"}, 0, set())


def test_call_under_way_decides_nothing_by_amount():
    assert matched([ours(status="requested")], [shown()]) == ({}, 0, set())
    assert matched([ours(), ours(SECOND, "requested")], [shown()]) == ({}, 0, set())


def test_where_references_are_shown_one_without_is_not_ours():
    rows = [ours(), ours(SECOND, "succeeded", number="7400001")]
    seen = [shown(reference=SECOND), shown(number="7400002")]
    assert matched(rows, seen) == ({SECOND: "7400001"}, 1, set())


def test_reference_of_somebody_else_is_a_stranger():
    assert matched([ours()], [shown(reference="their-own-7")]) == ({}, 1, set())


@pytest.mark.parametrize(
    ("day", "alike"), [(date(2031, 3, 8), False), (date(2031, 3, 9), True), (date(2031, 3, 10), True), (None, True)]
)
def test_what_was_given_before_the_order_is_not_it(day, alike):
    assert matched([ours()], [shown(day=day)]) == (({FIRST: "7400001"}, 0, set()) if alike else ({}, 1, set()))


def test_taken_refund_without_a_number_is_one_of_its_amount():
    rows = [ours(status="succeeded"), ours(SECOND, "pending")]
    assert matched(rows, [shown(), shown(number="7400002"), shown(number="7400003")])[1:] == (1, set())


def test_failed_refund_is_never_found_by_its_amount():
    assert matched([ours(status="failed")], [shown()]) == ({}, 1, set())


def test_refund_with_a_number_is_not_another_with_a_number():
    assert matched([ours(status="succeeded", number="7400009")], [shown()]) == ({}, 1, set())


def test_unnumbered_ones_of_equal_amount_are_counted():
    rows = [ours(FIRST, "succeeded", source="bluesnap"), ours(SECOND, "succeeded", source="bluesnap")]
    assert matched(rows, [shown(number=None)] * 2) == ({FIRST: None, SECOND: None}, 0, set())
    assert matched(rows, [shown(number=None)] * 3) == ({FIRST: None, SECOND: None}, 1, set())


def test_order_in_which_bluesnap_shows_them_does_not_matter():
    rows = [ours(), ours(SECOND, "succeeded", number="7400003")]
    seen = [shown(), shown("11.00", "7400002"), shown("10.00", "7400003")]
    ends = [matched(rows, list(order)) for order in itertools.permutations(seen)]
    assert ends == [({SECOND: "7400003", FIRST: "7400001"}, 1, set())] * 6
