"""Work that one process may take upon itself for a while: rows with a moment from which they are anybody's again. All in database time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Table, func, select, update

from service.store.database import one

T = TypeVar("T")


class Lease(Generic[T]):
    """The lease of one kind of row: `until` holds the moment; only rows of which the conditions are true are work at all."""

    def __init__(self, table: Table, record: type[T], until: Column[Any], *conditions: ColumnElement[bool]) -> None:
        self._table, self._record, self._until, self._conditions = table, record, until, conditions

    def due(self, connection: Connection, limit: int) -> Sequence[str]:
        """Ids of rows that nobody holds, the longest waiting first."""
        statement = select(self._table.c.id).where(*self._free()).order_by(self._until).limit(limit)
        return connection.execute(statement).scalars().all()

    def take(self, connection: Connection, row_id: str, seconds: float, **values: Any) -> T | None:
        """Hold a row for so many seconds; whoever held it before has lost it. None if it is not to be had. `values` change with it."""
        values[self._until.name] = func.clock_timestamp() + timedelta(seconds=seconds)
        mine = (self._table.c.id == row_id, *self._free())
        return one(connection, update(self._table).where(*mine).values(values).returning(self._table), self._record)

    def put_off(self, connection: Connection, row_id: str, seconds: float) -> None:
        """Leave a row that nobody holds for so many seconds more. One that somebody holds is his."""
        mine = (self._table.c.id == row_id, *self._free())
        until = func.clock_timestamp() + timedelta(seconds=seconds)
        connection.execute(update(self._table).where(*mine).values({self._until.name: until}))

    def _free(self) -> tuple[ColumnElement[bool], ...]:
        return (*self._conditions, self._until <= func.clock_timestamp())
