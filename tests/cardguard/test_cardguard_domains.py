"""The database's own guard: every column that could hold a card number refuses it, and tells nobody what it was."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from service.cardguard.domains import DOMAINS, Domain
from service.store.models import METADATA
from tests.support.cards import MASTERCARD, NUMBERS, VISA, spellings, traces

#: Columns of text, json, bytea or arrays, but for those of a domain. The two exceptions are listed in DESIGN section 9.
UNGUARDED = """
SELECT table_schema || '.' || table_name || '.' || column_name FROM information_schema.columns
JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'jobs') AND table_name <> 'alembic_version'
  AND table_type = 'BASE TABLE' AND domain_name IS NULL
  AND data_type NOT IN ('integer', 'bigint', 'numeric', 'date', 'timestamp with time zone', 'uuid', 'boolean')
"""
OUR_ID = "cs_" + "b" * 30
GOOD = {
    "our_id": OUR_ID,
    "account_ref": "acct-a",
    "provider_ref": "7100001",
    "word": "open",
    "provider_word": "CHARGE",
    "scope_word": "checkout:read",
    "secret_id": "one",
    "currency_code": "USD",
    "key_name": "demo-shop",
    "ticket_ref": "SUP-1234",
    "actor_ref": f"session:{OUR_ID}",
    "fraud_ref": "a1b2c3",
    "digest": b"d" * 32,
    "sealed": b"s" * 60,
    "signature": b"s" * 64,
    "image": {"state": "open", "created_at": "2031-03-10T17:00:00.000000Z", "members": 3},
}


def unguarded(connection):
    return {row[0] for row in connection.execute(text(UNGUARDED))}


def test_every_column_that_could_hold_a_number_has_a_domain(engine):
    with engine.connect() as connection:
        assert unguarded(connection) == set()


@pytest.mark.parametrize("kind", ["text", "varchar(20)", "json", "jsonb", "bytea", "text[]", "bigint[]", "xml", "inet"])
def test_column_without_a_guard_would_be_reported(engine, kind):
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER TABLE notices ADD COLUMN remark {kind}")
        assert unguarded(connection) == {"public.notices.remark"}
        connection.rollback()


def test_domains_that_the_database_has_are_the_declared_ones(engine):
    with engine.connect() as connection:
        there = connection.execute(
            text("SELECT typname FROM pg_type WHERE typtype = 'd' AND typnamespace = 'public'::regnamespace")
        )
        assert set(there.scalars()) == set(DOMAINS) == set(GOOD)


def row_of(table):
    """A row whose every value is acceptable."""
    return {column.name: _good(column) for column in table.columns if column.autoincrement is not True}


def _good(column):
    if isinstance(column.type, Domain):
        return GOOD[column.type.name]
    kinds = {"DATETIME": datetime(2031, 3, 10, tzinfo=UTC), "DATE": date(2031, 3, 10), "NUMERIC": Decimal(29)}
    return kinds.get(str(column.type).split("(")[0], uuid.UUID(int=5) if "CHAR(32)" in str(column.type) else 1)


def poisons(domain, number):
    """What somebody might try to store in a column of this domain."""
    texts = spellings(number)
    if domain.name == "image":
        return [
            *({"state": spelled} for spelled in texts.values()),
            *({spelled: "open"} for spelled in texts.values()),
            {"a": {"b": [1, {"c": number}]}},
            {"members": int(number)},
            {"members": -int(number)},
            {"members": float(f"{number[0]}.{number[1:]}")},
            [number],
            number,
            int(number),
        ]
    if domain.name in {"digest", "sealed", "signature"}:
        return [spelled.encode() for name, spelled in texts.items() if spelled.isascii()]
    return [*texts.values(), number[:13], number[:14]]


GUARDED = [
    pytest.param(table, column, id=f"{table.name}.{column.name}")
    for table in METADATA.sorted_tables
    for column in table.columns
    if isinstance(column.type, Domain)
]


@pytest.mark.parametrize(("table", "column"), GUARDED)
def test_column_refuses_card_numbers_and_repeats_none(engine, databases, table, column):
    started = databases.log.stat().st_size
    with engine.connect() as connection:
        for number in NUMBERS:
            for poison in poisons(column.type, number):
                with pytest.raises(DBAPIError) as told, connection.begin_nested():
                    connection.execute(insert(table).values(row_of(table) | {column.name: poison}))
                assert "check constraint" in str(told.value.orig) or "too long" in str(told.value.orig), poison
                assert traces(str(told.value), number) == traces(repr(told.value.orig), number) == []
        connection.rollback()
    logged = databases.log.read_bytes()[started:].decode(errors="replace")
    assert f'violates check constraint "{column.type.name}_format"' in logged
    assert [traces(logged, number) for number in NUMBERS] == [[], [], []]


def test_rows_of_this_test_are_acceptable_without_poison(engine):
    with engine.connect() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")  # foreign keys are not the subject
        for table in METADATA.sorted_tables:
            if table.name not in {"deployment", "chain"}:  # which have their one row
                connection.execute(insert(table).values(row_of(table)))
        connection.rollback()


def test_number_written_into_the_statement_would_be_in_the_log(databases, module_database):
    """The control: what the server-side binding of our driver keeps out of the server's log."""
    with psycopg.connect(module_database, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET log_min_error_statement = error")  # PostgreSQL's default, which ours is not
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("SELECT %s::word", (MASTERCARD,))
    assert traces(databases.log.read_text(encoding="utf-8", errors="replace"), MASTERCARD)


@pytest.mark.parametrize("table", ["checkout_sessions", "subscriptions", "signups"])
def test_account_may_be_a_uuid_in_either_case(engine, table):
    for name in (str(uuid.UUID(int=2**127 + 1, version=4)), "A0000000-1111-4111-8111-123456789012"):
        with engine.connect() as connection:
            connection.execute(text("SELECT CAST(:name AS account_ref)"), {"name": name})
            shown = connection.execute(
                text("SELECT card_free(jsonb_build_object('account', CAST(:name AS text)))"), {"name": name}
            )
            assert shown.scalar_one() is True


def test_refused_row_leaves_nothing_behind_in_its_table(engine):
    insert_two = text("INSERT INTO accounts VALUES ('good', now()), (:name, now())")
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(insert_two, {"name": VISA})
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM accounts")).scalar_one() == 0
