"""Looks at every column that the database really has: is its type guarded, and does it refuse a card number? Commits nothing.

The list comes from the database's own catalogue and not from our models, so that a column which somebody added by hand is seen too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from service.cardguard.domains import DOMAINS

#: Written by libraries, not by us (DESIGN section 9, point 4): why each is left out.
EXCEPTIONS: Mapping[str, str] = {
    "jobs": "the tables of the library that runs background work; arguments of jobs are ids and times of ours",
    "public.alembic_version": "the number of the schema's version, written by migrations alone",
}
#: Types that hold no text: a number, a moment, a yes or no, a UUID.
PLAIN = frozenset(
    {
        "int2", "int4", "int8", "numeric", "float4", "float8", "bool", "uuid",
        "date", "time", "timetz", "timestamp", "timestamptz", "interval",
    }
)  # fmt: skip
_CATALOGUE = """
SELECT n.nspname, c.relname, a.attname, t.typname, t.typtype::text, tn.nspname, a.atttypmod
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace tn ON tn.oid = t.typnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'f')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname, a.attnum
"""
_CARD_DIGITS = 13


@dataclass(frozen=True)
class Column:
    """One column. `guard` is the name of the domain that guards it, `plain` for a type that holds no text, or empty: nothing guards it."""

    schema: str
    table: str
    name: str
    type: str
    guard: str
    wide: bool = False

    @property
    def place(self) -> str:
        """`table.column`, with the schema where it is not ours."""
        return ".".join(([] if self.schema == "public" else [self.schema]) + [self.table, self.name])


@dataclass(frozen=True)
class Inspection:
    """What was found. `accepted` are guarded columns that took a card number all the same, `wide` numeric ones with room for its digits."""

    columns: tuple[Column, ...]
    accepted: tuple[str, ...]
    tried: int

    @property
    def unguarded(self) -> tuple[str, ...]:
        """Columns that could hold text and that nothing guards."""
        return tuple(f"{one.place} ({one.type})" for one in self.columns if not one.guard)

    @property
    def wide(self) -> tuple[str, ...]:
        """Columns of numbers that have room for a card number: counters and ids of ours; nothing that a caller sends may be written there."""
        return tuple(one.place for one in self.columns if one.wide)


def inspect(database_url: str, number: str) -> Inspection:
    """Read the catalogue, and try to write `number` into every guarded column. Raises psycopg.OperationalError where the database does not answer."""
    with psycopg.connect(database_url) as connection:
        columns = tuple(listed(connection))
        guarded = [one for one in columns if one.guard in DOMAINS]
        tries = [(one, text) for one in guarded for text in _spellings(one.guard, number)]
        accepted = [one.place for one, value in tries if not _refuses(connection, one, value)]
        connection.rollback()
    return Inspection(columns, tuple(dict.fromkeys(accepted)), len(tries))


def listed(connection: psycopg.Connection[Any]) -> Iterator[Column]:
    """All columns of ours, as the catalogue has them."""
    for schema, table, name, kind, family, home, modifier in connection.execute(_CATALOGUE).fetchall():
        if schema in EXCEPTIONS or f"{schema}.{table}" in EXCEPTIONS:
            continue
        ours = family == "d" and home == "public" and kind in DOMAINS
        plain = family == "b" and home == "pg_catalog" and kind in PLAIN
        guard = kind if ours else "plain" if plain else ""
        yield Column(schema, table, name, kind, guard, plain and _is_wide(kind, modifier))


def _is_wide(kind: str, modifier: int) -> bool:
    """Whether a number of this type can have as many digits as a card number. A `numeric(p, s)` keeps p in its modifier."""
    if kind == "numeric":
        return modifier < 0 or (modifier - 4) >> 16 >= _CARD_DIGITS
    return kind in {"int8", "float4", "float8", "interval"}


def _spellings(domain: str, number: str) -> list[str | bytes]:
    base = DOMAINS[domain][0]
    if base == "bytea":
        return [number.encode()]
    if base == "jsonb":
        return [json.dumps(number), number, json.dumps({"note": number}), json.dumps({"note": [int(number)]})]
    return [number]


def _refuses(connection: psycopg.Connection, column: Column, value: str | bytes) -> bool:
    """Whether the column's own domain refuses it. The value goes as a parameter, and the domain is asked before any other rule of the row."""
    statement = sql.SQL("INSERT INTO {}.{} ({}) VALUES (%s)").format(
        *(sql.Identifier(one) for one in (column.schema, column.table, column.name))
    )
    try:
        connection.execute(statement, (value,))
    except psycopg.errors.CheckViolation as refused:
        return refused.diag.datatype_name == column.guard
    except psycopg.Error:
        return False
    finally:
        connection.rollback()
    return False
