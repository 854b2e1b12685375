"""When each kind of the worker's rounds last ended well, and what it found: one row a kind, in database time, so that all workers of a deployment agree."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, column, func, table
from sqlalchemy.dialects.postgresql import insert

SWEEP = "sweep"
#: It stands beside the queue's own tables: it says nothing of the business.
ROUNDS = table("rounds", column("name"), column("ended_at"), column("found"), schema="jobs")


def expect(connection: Connection, names: Iterable[str]) -> None:
    """From now on these are waited for, unless they have been before."""
    for name in names:
        new = insert(ROUNDS).values(name=name, ended_at=func.clock_timestamp())
        connection.execute(new.on_conflict_do_nothing())


def ended(connection: Connection, name: str, found: int | None = None) -> None:
    """One has ended well; `found` is how many differences a sweep found."""
    values = {"ended_at": func.clock_timestamp(), "found": found}
    statement = insert(ROUNDS).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[ROUNDS.c.name], set_=values))
