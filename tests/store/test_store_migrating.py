"""Migrations among others who work: they give way, wait for each other, and leave nothing half done."""

from __future__ import annotations

import threading

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from service.store import database
from tests.journeys.journeys_stage import eventually
from tests.support.journal import mistakes

ADVISORY = "SELECT pg_advisory_lock(7315006)"
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"


@pytest.fixture
def url(new_database):
    return new_database(migrated=False)


@pytest.fixture
def somebody(url):
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def downgrade(url, revision):
    made = create_engine(database.url_of(url))
    with made.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(database.MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    made.dispose()


def version(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def test_migration_gives_up_on_a_table_in_use_and_changes_nothing(url, somebody, monkeypatch):
    monkeypatch.setattr(database, "HEAD", "0002")
    database.migrate(url, "simulator")
    monkeypatch.undo()
    monkeypatch.setattr(database, "MIGRATION_TRIES", 2)
    monkeypatch.setattr(database, "MIGRATION_PAUSE_SECONDS", 0.01)
    with somebody.transaction():
        somebody.execute("LOCK TABLE notices IN ACCESS SHARE MODE")
        with pytest.raises(database.BusyError):
            database.migrate(url, "simulator")
        assert version(url) == "0002"
    database.migrate(url, "simulator")
    assert version(url) == database.HEAD


def test_second_migration_waits_for_the_first_however_long_that_takes(url, somebody, monkeypatch):
    monkeypatch.setattr(database, "MIGRATION_LOCK_MS", 50)
    somebody.execute(ADVISORY)
    second = threading.Thread(target=database.migrate, args=(url, "simulator"))
    second.start()
    eventually(lambda: somebody.execute(WAITS).fetchone() == (1,))
    second.join(0.5)  # ten times as long as it waits for a table
    assert second.is_alive()
    somebody.execute("SELECT pg_advisory_unlock_all()")
    second.join(60)
    assert version(url) == database.HEAD


def test_migration_waits_for_tables_less_than_requests_and_deadlocks_take(somebody):
    [(unit, wait)] = somebody.execute("SELECT unit, setting::int FROM pg_settings WHERE name = 'deadlock_timeout'")
    assert unit == "ms"
    assert min(wait, database.LOCK_MS) > database.MIGRATION_LOCK_MS


#: Entries of three transactions, numbered as they were written and not as they ended, with gaps; one is told by an event.
BEFORE = """
INSERT INTO accounts VALUES ('acct-a', now());
INSERT INTO notices (id, delivery, type, outcome, received_at)
    VALUES ('nt_' || repeat('b', 30), decode(repeat('ab', 32), 'hex'), 'CHARGE', 'hint', now());
INSERT INTO entries (number, actor, act, subject, account, image, xid) VALUES
    (3, 'worker', 'a.first', 'sub_' || repeat('b', 30), 'acct-a', '{"a": 1}', 5),
    (11, 'operator', 'c.third', 'sub_' || repeat('b', 30), 'acct-a', '{"a": 3}', 7),
    (12, 'bluesnap', 'b.second', 'sub_' || repeat('b', 30), NULL, '{"a": 2}', 6);
INSERT INTO events (id, entry, type, state, attempts, created_at) VALUES ('ev_' || repeat('b', 30), 11, 'c.third', 'pending', 0, now());
INSERT INTO event_cursor (xid, number) VALUES (6, 12);
"""


def test_entries_of_before_are_numbered_and_linked_and_records_have_a_version(url, somebody, monkeypatch):
    monkeypatch.setattr(database, "HEAD", "0008")
    database.migrate(url, "simulator")
    monkeypatch.undo()
    somebody.execute(BEFORE)
    database.migrate(url, "simulator")
    engine = database.connect(url, pool_size=1)
    assert mistakes(engine) == []
    engine.dispose()
    found = somebody.execute("SELECT number, act, account FROM entries ORDER BY number").fetchall()
    assert [one[1:] for one in found] == [
        ("a.first", "acct-a"), ("b.second", None), ("c.third", "acct-a"), ("history.begun", "acct-a"), ("history.begun", None),
    ]  # fmt: skip
    numbers = [one[0] for one in found]
    assert numbers == [*range(numbers[0], numbers[0] + 5)]
    assert all(new >= old for new, old in zip(numbers, (3, 12, 11), strict=False)), (
        "a place in the feed may hide an entry"
    )
    assert somebody.execute("SELECT entry FROM events").fetchone() == (numbers[2],)
    assert somebody.execute("SELECT xid, number FROM event_cursor").fetchone() == (6, numbers[1])
    kept = somebody.execute("SELECT kind, entry FROM versions ORDER BY kind").fetchall()
    assert kept == [("accounts", numbers[3]), ("notices", numbers[4])]


def test_entries_go_on_after_the_migration_and_after_its_way_back(url, somebody):
    database.migrate(url, "simulator")
    with somebody.transaction():
        somebody.execute("INSERT INTO accounts VALUES ('acct-a', now())")
        somebody.execute(
            "INSERT INTO entries (actor, act, subject, account, image) VALUES ('person', 'b', 'sub_' || repeat('b', 30), 'acct-a', '{}')"
        )
    downgrade(url, "0008")
    somebody.execute(
        "INSERT INTO entries (actor, act, subject, image) VALUES ('worker', 'c', 'sub_' || repeat('b', 30), '{}')"
    )
    assert somebody.execute("SELECT number, actor FROM entries ORDER BY number").fetchall() == [
        (1, "operator"),
        (2, "worker"),
    ]
    database.migrate(url, "simulator")
    assert somebody.execute("SELECT count(*), max(number) FROM entries").fetchone() == (3, 3)
