"""One row that a round of the worker cannot handle: told, counted, left as it is, and in nobody's way."""

from __future__ import annotations

import pytest
from sqlalchemy import func, update

from service.billing.buying import settle
from service.billing.life import looks
from service.billing.money import refunds
from service.billing.rounds import FAILURES
from service.errors import Unknown
from service.store.models import CHARGES, REFUNDS, SIGNUPS, SUBSCRIPTIONS
from service.store.models import Charge as ChargeRow
from tests.support.desk import PLATFORM
from tests.support.metrics import reading

COUNT = "panless_rows_failed_total"


class MistakeError(Exception):
    """A bug of ours, or something that nobody thought of."""


class Round:
    """A kind of round with accounts whose rows are due. `call` is the call to BlueSnap that each makes first; `shares` go on at a time."""

    shares = 1

    def __init__(self, desk, bluesnap, number):
        self.desk, self.bluesnap, self.number = desk, bluesnap, number
        for index in range(number):
            self.prepare(f"acct-{index}")

    def due_again(self):
        with self.desk.tools.engine.begin() as connection:
            column = self.table.c[self.until]
            connection.execute(update(self.table).where(column.is_not(None)).values({column: func.clock_timestamp()}))


class Signups(Round):
    name, table, until, call = "settle_signups", SIGNUPS, "lease_until", "list_subscriptions"

    def prepare(self, account):
        self.bluesnap.script("create_subscription", Unknown("read_timed_out"), happens=True)
        self.desk.buy(account=account)

    def run(self):
        return settle.settle_due(self.desk.tools)

    def handled(self):
        return sum(state == "active" for state in self.desk.states)


class Refunds(Round):
    name, table, until, call = "settle_refunds", REFUNDS, "lease_until", "get_transaction"

    def prepare(self, account):
        self.desk.buy(account=account)
        charge = ChargeRow(**self.desk.rows(CHARGES)[-1]._mapping)
        self.bluesnap.script("refund", Unknown("read_timed_out"), happens=True)
        refunds.order(self.desk.tools, PLATFORM, charge.id, refunds.Order(None, "other", cancel_subscription=False))

    def run(self):
        return refunds.settle_due(self.desk.tools)

    def handled(self):
        return sum(row.status in {"pending", "succeeded"} for row in self.desk.rows(REFUNDS))


class Looks(Round):
    name, table, until, call = "look", SUBSCRIPTIONS, "look_at", "get_subscription"
    shares = looks.AT_ONCE

    def prepare(self, account):
        self.desk.buy(account=account)
        with self.desk.tools.engine.begin() as connection:
            connection.execute(update(SUBSCRIPTIONS).values(look_at=func.clock_timestamp()))

    def run(self):
        return looks.look_due(self.desk.tools)

    def handled(self):
        return sum(row.look_at is None for row in self.desk.subscriptions)


@pytest.fixture(params=[Signups, Refunds, Looks], ids=lambda kind: kind.name)
def due(request, desk, bluesnap):
    """So many rows that are due."""

    def make(number):
        made = request.param(desk, bluesnap, number)
        made.due_again()
        return made

    return make


def test_row_that_fails_does_not_stop_the_others(due, bluesnap, logged):
    rows, before = due(3), reading(COUNT, round="settle_signups")
    bluesnap.script(rows.call, MistakeError("4012888888881881"))
    assert rows.run() == 3
    assert rows.handled() == 2
    text = logged()
    assert text.count('"event": "round.row_failed"') == 1
    assert ('"error": "MistakeError"' in text, "4012888888881881" in text) == (True, False)
    assert (reading(COUNT, round="settle_signups") > before) == (rows.name == "settle_signups")


def test_row_that_fails_waits_for_its_lease_and_is_handled_then(due, bluesnap):
    rows = due(1)
    bluesnap.script(rows.call, MistakeError())
    rows.run()
    assert rows.run() == 0
    rows.due_again()
    assert (rows.run(), rows.handled()) == (1, 1)


def test_row_that_cannot_even_be_taken_is_put_off(due, monkeypatch):
    from service.store.leases import Lease

    rows, taken = due(2), []
    take = Lease.take

    def once(*arguments, **values):
        taken.append(arguments)
        if len(taken) == 1:
            raise MistakeError
        return take(*arguments, **values)

    monkeypatch.setattr(Lease, "take", once)
    assert (rows.run(), rows.handled()) == (2, 1)
    rows.run()
    assert rows.handled() == 1  # the row that was put off is not due
    rows.due_again()
    rows.run()
    assert rows.handled() == 2


def test_round_in_which_everything_fails_ends_and_fails(due, bluesnap):
    rows = due(1)
    for index in range(1, (FAILURES + 1) * rows.shares):
        rows.prepare(f"acct-{index}")
    rows.due_again()
    calls = len(bluesnap.calls)
    bluesnap.script(rows.call, MistakeError(), times=(FAILURES + 1) * rows.shares)
    with pytest.raises(MistakeError):
        rows.run()
    assert (rows.handled(), len(bluesnap.calls) - calls) == (0, FAILURES * rows.shares)


def test_death_is_not_held_up(due, bluesnap):
    rows = due(2)
    bluesnap.script(rows.call, SystemExit())
    with pytest.raises(SystemExit):
        rows.run()
    assert rows.handled() < 2
