"""What BlueSnap shows of a payment becomes our record: also what was refunded in its portal, once, and as often as one looks."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select, update

from service.billing.life import looks
from service.billing.money import refunds
from service.bluesnap.payloads import RefundSeen
from service.errors import Rejected, Unknown
from service.store.models import ENTRIES, REFUNDS, SUBSCRIPTIONS
from tests.support.metrics import reading
from tests.support.outcomes import refused
from tests.support.refunding import Refunding

TEN = Decimal("10.00")
STEERING = {"lease_until", "looked"}


@pytest.fixture
def money(desk, bluesnap):
    return Refunding(desk, bluesnap)


def record(money):
    """All rows but for what steers the worker, and how many entries there are."""
    rows = [{name: value for name, value in row._mapping.items() if name not in STEERING} for row in money.rows]
    with money.desk.tools.engine.connect() as connection:
        return rows, connection.execute(select(func.count()).select_from(ENTRIES)).scalar_one()


def test_refund_in_the_portal_appears_once_with_its_source(money, desk, bluesnap):
    before = reading("panless_refunds_total", outcome="found")
    made = bluesnap.give_back(money.reference, TEN)
    money.follow()
    [row] = money.rows
    assert (row.source, row.status, row.amount, row.provider_refund) == ("bluesnap", "succeeded", TEN, made.refund_id)
    assert (row.reason, row.cancel_subscription, row.account) == (None, False, "acct-a")
    assert money.left == Decimal("280.00")
    assert desk.acts[-1] == "refund.found"
    assert reading("panless_refunds_total", outcome="found") == before + 1
    first = record(money)
    money.follow()
    assert record(money) == first


@pytest.mark.parametrize("numbered", [True, False], ids=["with numbers", "without numbers"])
def test_two_true_refunds_of_equal_amount_are_two(money, bluesnap, numbered):
    for _ in range(2):
        bluesnap.give_back(money.reference, TEN)
    if not numbered:
        unnumbered(bluesnap, money)
    money.follow()
    first = record(money)
    money.follow()
    assert [row.amount for row in money.rows] == [TEN, TEN]
    assert record(money) == first
    bluesnap.give_back(money.reference, TEN)
    if not numbered:
        unnumbered(bluesnap, money)
    money.follow()
    assert (len(money.rows), money.left) == (3, Decimal("260.00"))


def unnumbered(bluesnap, money):
    """BlueSnap shows its refunds without their numbers."""
    bluesnap.given_back[money.reference] = [
        replace(one, refund_id=None) for one in bluesnap.given_back[money.reference]
    ]


def test_our_own_refund_is_not_taken_for_a_second_one(money, bluesnap):
    for repeats in (True, False):
        bluesnap.repeats_references = repeats
        money.order("10.00")
        money.follow()
    assert [row.source for row in money.rows] == ["api", "api"]


def test_our_own_refund_without_a_number_is_known_by_its_amount(money, bluesnap):
    bluesnap.repeats_references = False
    bluesnap.script("refund", change=lambda answer: type(answer)(None, "SUCCESS"))
    money.order("10.00")
    money.follow()
    assert ([row.source for row in money.rows], money.left) == (["api"], Decimal("280.00"))


def test_refund_under_our_reference_with_another_number_is_a_second_one(money, bluesnap):
    given = money.order("10.00")
    bluesnap.give_back(money.reference, TEN, reference=given.id)
    money.follow()
    assert ([row.source for row in money.rows], money.left) == (["api", "bluesnap"], Decimal("270.00"))


def test_refund_that_we_thought_refused_comes_back_if_it_shows(money, bluesnap):
    bluesnap.script("refund", Rejected("not_refundable"), happens=True)
    refused(money.order, "10.00")
    assert money.statuses == ["failed"]
    money.follow()
    money.settle()
    assert (money.statuses, money.left) == (["succeeded"], Decimal("280.00"))


def test_refund_that_was_called_off_stays_failed_while_it_is_still_listed(money, bluesnap):
    bluesnap.refund_status = "PENDING"
    given = money.order("10.00")
    bluesnap.end_refund(given.provider_refund, "CANCELED")
    money.settle()
    still = RefundSeen(given.provider_refund, TEN, None, given.id, None)
    bluesnap.script("get_transaction", change=lambda seen: replace(seen, refunds=[still]))
    money.follow()
    assert money.statuses == ["failed"]


def test_pending_refund_of_the_portal_is_asked_for_too(money, bluesnap):
    bluesnap.refund_status = "PENDING"
    made = bluesnap.give_back(money.reference, TEN)
    money.follow()
    assert money.statuses == ["pending"]
    bluesnap.end_refund(made.refund_id, "SUCCESS")
    money.settle()
    assert money.statuses == ["succeeded"]


def test_amount_other_than_ordered_is_taken_over_and_put_before_a_person(money, bluesnap):
    bluesnap.script("refund", Unknown("read_timed_out"))
    money.order("10.00")
    bluesnap.give_back(money.reference, "12.00", reference=money.rows[0].id)
    money.follow()
    assert (money.rows[0].amount, money.tasks, money.left) == (Decimal("12.00"), ["refund_mismatch"], Decimal("278.00"))


def test_equal_refund_in_the_portal_waits_until_ours_is_known(money, bluesnap):
    bluesnap.repeats_references = False
    bluesnap.script("refund", meanwhile=lambda: (bluesnap.give_back(money.reference, TEN), money.follow()))
    assert money.order("10.00").status == "succeeded"
    money.follow()
    assert sorted(row.source for row in money.rows) == ["api", "bluesnap"]
    assert money.left == Decimal("270.00")


def test_refund_older_than_ours_is_never_taken_for_it(money, bluesnap):
    bluesnap.repeats_references = False
    bluesnap.script("refund", Unknown("read_timed_out"))
    money.order("10.00")
    bluesnap.give_back(money.reference, TEN, day=date(2031, 3, 1))
    money.follow()
    assert [(row.source, row.status) for row in money.rows] == [("api", "unknown"), ("bluesnap", "succeeded")]


def test_look_follows_the_refunds_of_the_portal(money, desk, bluesnap):
    bluesnap.give_back(money.reference, TEN)
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(look_at=func.clock_timestamp()))
    assert looks.look_due(desk.tools) == 1
    assert [row.source for row in money.rows] == ["bluesnap"]
    calls = len(bluesnap.made("get_transaction"))
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(look_at=func.clock_timestamp()))
    looks.look_due(desk.tools)
    assert len(bluesnap.made("get_transaction")) == calls, "the sums agree: nobody asks again"


def test_listing_without_a_sum_of_refunds_shows_no_difference(money, desk, bluesnap):
    [shown] = next(iter(bluesnap.charges.values()))
    with desk.tools.engine.connect() as connection:
        assert not refunds.differs(connection, shown)
        assert not refunds.differs(connection, replace(shown, refunded=Decimal(0)))
        assert refunds.differs(connection, replace(shown, refunded=Decimal("0.01")))


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happened_books_and_bluesnap_agree_in_the_end(money, bluesnap, seed):
    """Random orders, lost answers and refunds in the portal: in the end every refund of BlueSnap's is in our books once."""
    dice = random.Random(seed)
    for _ in range(12):
        amount = Decimal(dice.randint(1, 4000)) / 100
        act = dice.choice(["order", "lost", "lost yet done", "portal", "follow", "settle"])
        if act in {"lost", "lost yet done"}:
            bluesnap.script("refund", Unknown("read_timed_out"), happens=act == "lost yet done")
        if act in {"order", "lost", "lost yet done"} and amount <= min(money.left, bluesnap.left_of(money.reference)):
            money.order(str(amount))
        elif act == "portal" and amount <= bluesnap.left_of(money.reference):
            bluesnap.give_back(money.reference, amount)
        elif act == "follow":
            money.follow()
        elif act == "settle":
            money.settle()
        bluesnap._scripts["refund"].clear()
    for _ in range(3):
        money.follow()
        money.settle()
    booked = sorted(row.amount for row in money.rows if row.status == "succeeded")
    assert booked == sorted(money.given)
    assert {row.status for row in money.rows} <= {"succeeded", "unknown"}
    with money.desk.tools.engine.connect() as connection:
        numbers = connection.execute(select(REFUNDS.c.provider_refund)).scalars().all()
    assert len([one for one in numbers if one]) == len(money.given)
