"""Migrations among others who work: they give way, wait for each other, and leave nothing half done."""

from __future__ import annotations

import threading

import psycopg
import pytest

from service.store import database
from tests.journeys.journeys_stage import eventually

ADVISORY = "SELECT pg_advisory_lock(7315006)"
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"


@pytest.fixture
def url(new_database):
    return new_database(migrated=False)


@pytest.fixture
def somebody(url):
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


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
