"""The heap of what is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from simulator.agenda import Agenda

START = datetime(2027, 4, 11, tzinfo=UTC)


def test_what_is_due_happens_in_order_of_moment_and_rank() -> None:
    agenda, done = Agenda(), []
    for name, days, rank in (("c", 2, 1), ("b", 1, 9), ("a", 1, 3)):
        agenda.plan(name, START + timedelta(days=days), rank, lambda name=name: done.append(name))
    while (moment := agenda.next_moment(START + timedelta(days=5))) is not None:
        agenda.perform(moment, 10)
    assert done == ["a", "b", "c"]


def test_what_was_put_off_or_forgotten_does_not_happen() -> None:
    agenda, done = Agenda(), []
    agenda.plan("late", START, 1, lambda: done.append("early"))
    agenda.plan("late", START + timedelta(days=3), 1, lambda: done.append("late"))
    agenda.plan("never", START, 1, lambda: done.append("never"))
    agenda.forget("never")
    assert agenda.next_moment(START + timedelta(days=2)) is None
    assert agenda.perform(START + timedelta(days=3), 10) == 1
    assert done == ["late"]


def test_one_moment_happens_in_portions() -> None:
    agenda, done = Agenda(), []
    for number in range(5):
        agenda.plan(number, START, number, lambda number=number: done.append(number))
    assert [agenda.perform(START, 2) for _ in range(3)] == [2, 2, 1]
    assert done == [0, 1, 2, 3, 4]
