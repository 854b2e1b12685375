"""What disputes forbid and give free: renewal stopped for them comes back only when all of those were won."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from service.store import changes, disputes
from service.store.ids import new_id
from service.store.journal import Act
from service.store.models import Dispute
from tests.support.paid import CHARGE, NOW, ORIGIN, SUBSCRIPTION, insert_paid

_NUMBERS = itertools.count(7_500_001)


@pytest.fixture
def connection(engine):
    with engine.begin() as opened:
        insert_paid(opened)
        yield opened


def dispute(connection, status, amount=None, currency=None):
    made = Dispute(
        id=new_id("dp"), reference=str(next(_NUMBERS)), charge_reference=CHARGE.reference, status=status, account="acct-a",
        subscription_id=SUBSCRIPTION.id, amount=amount, currency=currency, stopped_renewal=False, told_at=NOW, created_at=NOW,
    )  # fmt: skip
    return changes.add(connection, made, Act.DISPUTE_OPENED, ORIGIN)


@pytest.mark.parametrize(
    ("told", "lost"),
    [
        ([("open", 290, "USD"), ("won", 290, "USD")], 0),
        ([("lost", 30, "USD"), ("lost", 40, "USD")], 70),
        ([("lost", None, None)], 290),
        ([("lost", 30, "EUR")], 290),
    ],
    ids=str,
)
def test_lost_disputes_add_up_and_an_unknown_amount_is_the_whole(connection, told, lost):
    for status, amount, currency in told:
        dispute(connection, status, None if amount is None else Decimal(amount), currency)
    assert disputes.lost(CHARGE, disputes.of_charges(connection, [CHARGE.reference])) == Decimal(lost)
    assert disputes.of_charges(connection, ["7299999"]) == []


@pytest.mark.parametrize(
    ("ends", "free"), [(["won"], True), (["won", "won"], True), (["won", "lost"], False), (["won", "open"], False)]
)
def test_renewal_comes_back_when_every_dispute_that_stopped_it_was_won(connection, ends, free):
    opened = [dispute(connection, "open") for _ in ends]
    assert disputes.won_after_stop(connection, SUBSCRIPTION.id) is False
    disputes.stopped_renewal(connection, SUBSCRIPTION.id, ORIGIN)
    for one, end in zip(opened, ends, strict=True):
        known = disputes.get(connection, one.id)
        changes.change(connection, known, Act.DISPUTE_MOVED, ORIGIN, status=end)
    assert disputes.won_after_stop(connection, SUBSCRIPTION.id) is free
    disputes.forget_stop(connection, SUBSCRIPTION.id, ORIGIN)
    assert disputes.won_after_stop(connection, SUBSCRIPTION.id) is False


def test_dispute_that_was_over_before_stopped_no_renewal(connection):
    dispute(connection, "won")
    disputes.stopped_renewal(connection, SUBSCRIPTION.id, ORIGIN)
    assert disputes.won_after_stop(connection, SUBSCRIPTION.id) is False


def test_disputes_are_listed_by_their_status(connection):
    first, second = dispute(connection, "open"), dispute(connection, "lost")
    assert {row.id for row in disputes.listed(connection)} == {first.id, second.id}
    assert [row.id for row in disputes.listed(connection, "lost")] == [second.id]
