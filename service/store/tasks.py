"""Matters for a person: opened once, closed once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from service.store.database import many, one
from service.store.models import TASKS, Task

T = TASKS.c


def add(connection: Connection, task: Task) -> bool:
    """Insert a task. False if the same matter was put before a person already."""
    statement = insert(TASKS).values(**vars(task)).on_conflict_do_nothing().returning(T.id)
    return connection.execute(statement).first() is not None


def get(connection: Connection, task_id: str, *, lock_row: bool = False) -> Task | None:
    """A task, held until the transaction ends if asked."""
    statement = select(TASKS).where(T.id == task_id)
    return one(connection, statement.with_for_update(key_share=True) if lock_row else statement, Task)


def of_matter(connection: Connection, kind: str, subject: str, reference: str | None) -> Task | None:
    """The task about this matter, open or closed."""
    statement = select(TASKS).where(T.kind == kind, T.subject == subject, T.reference == reference)
    return one(connection, statement, Task)


def listed(connection: Connection, states: Sequence[str]) -> list[Task]:
    """Tasks in these states, oldest first."""
    return many(connection, select(TASKS).where(T.state.in_(states)).order_by(T.id), Task)


def open_of_kinds(connection: Connection, kinds: Sequence[str]) -> list[Task]:
    """Open tasks of these kinds, oldest first."""
    return many(connection, select(TASKS).where(T.state == "open", T.kind.in_(kinds)).order_by(T.id), Task)
