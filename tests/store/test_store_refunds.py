"""Refunds in their table: what counts against a charge, whose turn it is, and that nobody moves what another has taken."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, update

from service.billing.money.refund_records import move
from service.store import refunds
from service.store.changes import LostRaceError
from service.store.journal import Origin
from service.store.models import REFUNDS
from tests.support.databases import by_stealth
from tests.support.refunding import Refunding

WORKER = Origin("worker")
LATER = timedelta(hours=1)


@pytest.fixture
def money(desk, bluesnap):
    return Refunding(desk, bluesnap)


@pytest.fixture
def refund(money, tools):
    """One that is pending, with its lease in the past."""
    made = money.order("10.00")
    with by_stealth(tools.engine) as connection:
        connection.execute(update(REFUNDS).values(status="pending", lease_until=func.clock_timestamp() - LATER))
        return refunds.get(connection, made.id)


def set_status(tools, status):
    with by_stealth(tools.engine) as connection:
        connection.execute(update(REFUNDS).values(status=status))


@pytest.mark.parametrize(
    ("status", "reserved", "accepted"),
    [
        ("requested", "10.00", "0"),
        ("unknown", "10.00", "0"),
        ("pending", "10.00", "10.00"),
        ("succeeded", "10.00", "10.00"),
        ("failed", "0", "0"),
    ],
)
def test_everything_but_a_failed_one_counts_against_the_charge(tools, money, refund, status, reserved, accepted):
    set_status(tools, status)
    with tools.engine.connect() as connection:
        assert refunds.reserved(refunds.of_charge(connection, money.charge_id)) == Decimal(reserved)
        assert refunds.accepted(connection, money.reference) == Decimal(accepted)
    assert refunds.reserved([]) == 0


@pytest.mark.parametrize("status", ["requested", "unknown", "pending", "succeeded", "failed"])
def test_only_what_is_undecided_comes_due(tools, refund, status):
    set_status(tools, status)
    due = [refund.id] if status in {"requested", "unknown", "pending"} else []
    with tools.engine.connect() as connection:
        assert refunds.LEASE.due(connection, 10) == due


def test_taken_refund_is_nobody_elses_until_the_lease_ends(tools, refund):
    with tools.engine.begin() as connection:
        taken = refunds.LEASE.take(connection, refund.id, 60)
        assert taken.lease_until > refund.lease_until
        assert refunds.LEASE.take(connection, refund.id, 60) is None
        assert refunds.LEASE.due(connection, 10) == []
        refunds.hold(connection, taken)
        with pytest.raises(LostRaceError):
            refunds.hold(connection, refund)


def test_moved_refund_is_not_held_as_it_was(tools, refund):
    with tools.engine.begin() as connection:
        moved = move(connection, refund, "succeeded", WORKER)
        with pytest.raises(LostRaceError):
            refunds.hold(connection, refund)
        refunds.hold(connection, moved)


def test_pending_one_that_waits_is_woken_and_nothing_else(tools, refund):
    with tools.engine.begin() as connection:
        taken = refunds.LEASE.take(connection, refund.id, 60)
        refunds.wake(connection, taken)
        assert refunds.LEASE.due(connection, 10) == [refund.id]
        woken = refunds.get(connection, refund.id)
        refunds.wake(connection, woken)
        assert refunds.get(connection, refund.id) == woken
        refunds.rest(connection, woken)
        refunds.wake(connection, woken)
        assert refunds.LEASE.due(connection, 10) == []


def test_refunds_are_found_by_charge_key_and_number(tools, money, refund):
    with tools.engine.connect() as connection:
        assert refunds.of_charge(connection, money.charge_id) == [refund]
        assert refunds.of_charges(connection, [money.charge_id, "ch_" + "b" * 30]) == [refund]
        assert refunds.of_charges(connection, []) == []
        assert refunds.by_key(connection, money.charge_id, refund.key) == refund
        assert refunds.by_key(connection, "ch_" + "b" * 30, refund.key) is None
        assert refunds.by_provider(connection, refund.provider_refund) == refund
        assert refunds.by_provider(connection, "7999999") is None
