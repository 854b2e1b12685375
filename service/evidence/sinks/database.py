"""What the database says when it is asked: all rows of all tables of ours, and its views of what is going on. Must leave the service's own rows as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql

from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks.base import SCRATCH, Copy, text_of

_ROWS = 5_000
#: Ours, and what PostgreSQL itself keeps of values: the statistics of columns, and large objects.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE (c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%')
    OR (n.nspname = 'pg_catalog' AND c.relname IN ('pg_stats', 'pg_largeobject'))
 ORDER BY 1, 2
"""
_COLUMNS = """
SELECT a.attname, a.atttypid = 'bytea'::regtype FROM pg_attribute a
 WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_VIEWS = ("pg_stat_activity", "pg_stat_statements", "pg_cursors", "pg_prepared_xacts")


class Scratch:
    """A table of our own for plants."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy

    def keep(self, value: bytes, *, delete: bool = False) -> None:
        """Write a row that holds a value; with `delete` take it out again, which leaves its bytes in the table's file."""
        name = sql.SQL(SCRATCH)
        with self._copy.connect() as connection:
            connection.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} (words text, value bytea)").format(name))
            with contextlib.suppress(SinkError):
                connection.execute(sql.SQL("INSERT INTO {} (words) VALUES (%s)").format(name), [text_of(value)])
            connection.execute(sql.SQL("INSERT INTO {} (value) VALUES (%s)").format(name), [value])
            if delete:
                connection.execute(sql.SQL("DELETE FROM {}").format(name))

    def drop(self) -> None:
        """Take the table away."""
        with self._copy.connect() as connection:
            connection.execute(sql.SQL("SET client_min_messages = error"))
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.SQL(SCRATCH)))


class Rows:
    """S01, with S22 (entries) and S25 (jobs in the queue), which are tables here."""

    id = "S01+S22+S25"
    name = (
        "every row of every table: all schemas, with the journal's entries, the queue's jobs and the column statistics"
    )

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._scratch = Scratch(copy)

    def mark(self) -> None:
        """Rows cannot be told apart by age: only what was planted is taken away."""
        self._scratch.drop()

    def read(self) -> Iterator[Piece]:
        """Column by column, one row a line; of bytes both the hexadecimal text and the bytes themselves."""
        with self._copy.connect() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for schema, table in connection.execute(_TABLES).fetchall():
                yield from _table(connection, sql.Identifier(schema, table), f"{schema}.{table}")

    def plant(self, value: bytes) -> None:
        """A row in a table of our own."""
        self._scratch.keep(value)


class Views:
    """S05: statements as the server shows them to its superuser."""

    id = "S05"
    name = "the server's views of activity, statements, cursors and prepared transactions"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._planted: list[psycopg.Connection[Any]] = []

    def mark(self) -> None:
        """The views hold what is there now; only what was planted is taken away."""
        while self._planted:
            self._planted.pop().close()

    def read(self) -> Iterator[Piece]:
        """Column by column, as they are at this moment."""
        with self._copy.connect() as connection:
            for view in _VIEWS:
                if (connection.execute("SELECT to_regclass(%s)", [view]).fetchone() or (None,))[0] is not None:
                    yield from _table(connection, sql.Identifier(view), view)

    def plant(self, value: bytes) -> None:
        """A statement with the value written into it, on a connection that stays open. Raises SinkError if it is no text."""
        connection = self._copy.connect()
        self._planted.append(connection)
        connection.execute(sql.SQL("SELECT {}").format(sql.Literal(text_of(value))))


def _table(connection: psycopg.Connection[Any], table: sql.Identifier, place: str) -> Iterator[Piece]:
    columns = connection.execute(_COLUMNS, [table.as_string(connection)]).fetchall()
    if not columns:
        return
    chosen: list[sql.Composable] = [sql.SQL("{}::text").format(sql.Identifier(name)) for name, _ in columns]
    chosen += [sql.Identifier(name) for name, is_bytes in columns if is_bytes]
    names = [name for name, _ in columns] + [f"{name} (bytes)" for name, is_bytes in columns if is_bytes]
    with connection.cursor(binary=False) as cursor:
        cursor.execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(chosen), table))
        line = 1
        while rows := cursor.fetchmany(_ROWS):
            for number, name in enumerate(names):
                values: Iterable[Any] = (row[number] for row in rows)
                data = b"\n".join(_bytes(value) for value in values)
                yield Piece(f"{place}.{name}", data, line, binary=name.endswith(" (bytes)"))
            line += len(rows)


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)
