"""Every table that the database has, read a few pages at a time: each reading is short, so that nobody waits for it. Only reads.

The tables come from the catalogue and not from our models, so that one which somebody made by hand is read too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, Engine

#: Of these no value holds thirteen digits that stand for anything else than themselves.
HARMLESS = frozenset(
    {"bool", "int2", "int4", "oid", "uuid", "date", "time", "timetz", "timestamp", "timestamptz", "interval", "xid", "xid8"}
)  # fmt: skip
#: Pages of 8 KiB in one statement; documents lie beside the page, and make it several times as much.
PAGES = 256
_TABLES = """
SELECT c.oid, n.nspname, c.relname, pg_relation_size(c.oid) / current_setting('block_size')::bigint,
  has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
  array_agg(a.attname::text ORDER BY a.attnum),
  array_agg((CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END)::regtype::text ORDER BY a.attnum),
  array_agg(coalesce(b.typname, t.typname)::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0)
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.oid, n.oid, n.nspname, c.relname ORDER BY n.nspname, c.relname
"""


class OutOfTimeError(Exception):
    """It took longer than it may."""


@dataclass(frozen=True)
class Table:
    """A table, with the columns that can hold a number. `binary` are those of bytes, `documents` those of json; `named` has our own ids."""

    schema: str
    name: str
    pages: int
    columns: tuple[str, ...]
    binary: frozenset[str]
    documents: frozenset[str]
    named: bool

    @property
    def place(self) -> str:
        """Its name, with the schema where it is not ours."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


@dataclass(frozen=True, repr=False)
class Row:
    """A row's place in its table, its own id where it has one, and the values of the table's columns."""

    place: str
    id: str | None
    values: tuple[Any, ...]


def tables(connection: Connection) -> tuple[list[Table], list[str]]:
    """All tables that this login may read, and the names of those that it may not."""
    found, unread = [], []
    for _, schema, name, pages, readable, columns, kinds, bases in connection.exec_driver_sql(_TABLES):
        wanted = [(one, base) for one, _, base in zip(columns, kinds, bases, strict=True) if base not in HARMLESS]
        table = Table(
            schema, name, pages, tuple(one for one, _ in wanted),
            frozenset(one for one, base in wanted if base == "bytea"),
            frozenset(one for one, base in wanted if base in {"json", "jsonb"}), "id" in columns,
        )  # fmt: skip
        if readable:
            found.append(table)
        else:
            unread.append(table.place)
    return found, unread


def mark(engine: Engine) -> str:
    """A point in the order of transactions: no row that is written from now on is older (its `xmin`)."""
    with engine.connect() as connection:
        found: str = connection.exec_driver_sql("SELECT pg_snapshot_xmin(pg_current_snapshot())::text").scalar_one()
    return found


def read(engine: Engine, table: Table, *, since: str | None = None, until: float) -> Iterator[list[Row]]:
    """Its rows, a slice after the other; with `since` those alone that were written after that mark. Raises OutOfTimeError.

    Row security, where a table has it, refuses instead of hiding rows: what was not seen must not pass for clean.
    """
    # one slice more than the table had: it may have grown
    for first in range(0, table.pages + PAGES, PAGES):
        if monotonic() > until:
            raise OutOfTimeError
        with engine.connect() as connection:
            connection.exec_driver_sql("SET LOCAL row_security = off")
            rows = connection.exec_driver_sql(*_statement(table, first, since)).all()
        yield [Row(row[0], row[1], tuple(row[2:])) for row in rows]


def _statement(table: Table, first: int, since: str | None) -> tuple[str, tuple[Any, ...]]:
    values = [
        sql.SQL("{}" if name in table.binary else "{}::text").format(sql.Identifier(name)) for name in table.columns
    ]
    own = sql.SQL("{}::text").format(sql.Identifier("id")) if table.named else sql.SQL("NULL")
    last = first + PAGES if first < table.pages else 2**32 - 2
    text = sql.SQL("SELECT {} FROM {} WHERE ctid >= CAST(%s AS tid) AND ctid < CAST(%s AS tid)").format(
        sql.SQL(", ").join([sql.SQL("ctid::text"), own, *values]), sql.Identifier(table.schema, table.name)
    )
    span: tuple[Any, ...] = (f"({first},0)", f"({last},0)")
    if since is not None:
        text += sql.SQL(" AND age(xmin) <= age(CAST(CAST(%s AS xid8) AS xid))")
        span += (since,)
    return text.as_string(None), span
