"""Connections that wait for no answer for ever, and believe no commit that PostgreSQL doubts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import exc, text

from service.store import careful, database
from tests.journeys.journeys_stage import eventually

WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
SLEEP = "SELECT pg_sleep(4)"
SOON = 0.3


@pytest.fixture
def url(new_database):
    made = new_database(migrated=False)
    with psycopg.connect(made, autocommit=True) as connection:
        connection.execute("CREATE TABLE things (name text)")
    return made


@pytest.fixture
def own(url):
    """An engine of the service's kind with one connection."""
    made = database.connect(url, pool_size=1)
    yield made
    made.dispose()


@pytest.fixture
def ask(url):
    """Somebody else's statements."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield lambda statement, *values: connection.execute(statement, values).fetchall()


@pytest.fixture
def no_standby(url):
    """Every commit of this server that asks for it waits for a standby that is not there."""

    def change(statement, now):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)
            connection.execute("SELECT pg_reload_conf()")
            eventually(lambda: connection.execute("SHOW synchronous_standby_names").fetchone() == (now,))

    change("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "nobody")
    yield
    change("ALTER SYSTEM RESET synchronous_standby_names", "")


def insert(engine, name):
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL synchronous_commit = on"))
        connection.execute(text("INSERT INTO things VALUES (:name)"), {"name": name})


def cancel(ask):
    """Cancel what waits for a standby, once something does."""
    [(pid,)] = eventually(lambda: ask(WAITING))
    ask("SELECT pg_cancel_backend(%s)", pid)


@pytest.mark.usefixtures("no_standby")
def test_commit_whose_promise_is_taken_back_is_an_error_though_made(own, ask):
    canceller = threading.Thread(target=cancel, args=(ask,))
    canceller.start()
    with pytest.raises(exc.OperationalError) as caught:
        insert(own, "doubted")
    canceller.join()
    assert isinstance(caught.value.orig, careful.DoubtedCommitError)
    assert database.is_passing(caught.value)
    assert ask("SELECT name FROM things") == [("doubted",)]  # only a look can tell
    with own.connect() as connection:  # the same connection is of use
        assert connection.execute(text("SELECT count(*) FROM things")).scalar_one() == 1


@pytest.mark.usefixtures("no_standby")
def test_commit_that_waits_too_long_is_given_up_and_leaves_no_backend(own, ask, monkeypatch):
    monkeypatch.setattr(careful.Connection, "answer_seconds", SOON)
    with pytest.raises(exc.OperationalError) as caught:
        insert(own, "waiting")
    assert isinstance(caught.value.orig, careful.NoAnswerError)
    eventually(lambda: ask(WAITING) == [])
    assert ask("SELECT name FROM things") == [("waiting",)]


def test_warnings_of_statements_are_no_doubts_of_their_commit(own, ask):
    with own.begin() as connection:
        connection.execute(text("INSERT INTO things VALUES ('warned')"))
        connection.execute(text("DO $$ BEGIN RAISE WARNING 'of the statement'; END $$"))
    assert ask("SELECT name FROM things") == [("warned",)]


def test_statement_without_answer_is_cancelled_and_the_next_one_answered(own, ask, monkeypatch):
    monkeypatch.setattr(careful.Connection, "answer_seconds", SOON)
    with pytest.raises(exc.OperationalError) as caught, own.begin() as connection:
        connection.execute(text(SLEEP))
    assert isinstance(caught.value.orig, careful.NoAnswerError)
    assert ask(ASLEEP) == [(0,)]
    insert(own, "next")
    assert ask("SELECT name FROM things") == [("next",)]


def test_connection_that_does_not_answer_is_replaced_before_it_is_used(own, ask, monkeypatch):
    monkeypatch.setattr(careful, "PING_SECONDS", SOON)
    insert(own, "before")
    with own.connect() as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    os.kill(backend, signal.SIGSTOP)  # its packets are acknowledged all the same
    try:
        insert(own, "after")
    finally:
        os.kill(backend, signal.SIGCONT)
    assert ask("SELECT name FROM things") == [("before",), ("after",)]


def test_slow_statement_within_its_time_is_answered(own):
    with own.connect() as connection:
        assert connection.execute(text("SELECT 1 FROM pg_sleep(0.5)")).scalar_one() == 1


def test_migrations_wait_for_their_statements(url, monkeypatch):
    monkeypatch.setattr(careful.Connection, "answer_seconds", SOON)
    with careful.PatientConnection.connect(url) as connection:
        assert connection.execute("SELECT 1 FROM pg_sleep(0.6)").fetchone() == (1,)


@pytest.mark.parametrize(
    ("setting", "somebodys", "ours"),
    [
        ("client_min_messages", "error", "warning"),
        ("synchronous_commit", "off", "on"),
        ("default_transaction_isolation", "serializable", "read committed"),
        ("statement_timeout", "0", "5s"),
        ("lock_timeout", "0", "2s"),
        ("idle_in_transaction_session_timeout", "0", "10s"),
    ],
)
def test_sessions_hold_what_they_rest_on_whatever_the_database_says(url, own, setting, somebodys, ours):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET {setting} = '{somebodys}'")
    with own.connect() as connection:
        assert connection.exec_driver_sql(f"SHOW {setting}").scalar_one() == ours


@pytest.mark.parametrize("savepoint", [False, True])
def test_lost_connection_is_told_as_such_within_a_transaction(own, ask, savepoint):
    def lose():
        with own.begin() as connection, connection.begin_nested() if savepoint else contextlib.nullcontext():
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            ask("SELECT pg_terminate_backend(%s, 5000)", pid)
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(exc.OperationalError) as caught:
        lose()
    assert database.is_passing(caught.value)


def test_worker_gives_up_a_statement_without_answer_and_listens_for_ever(url, ask, monkeypatch):
    monkeypatch.setattr(careful, "ANSWER_SECONDS", SOON)

    async def work():
        async with await careful.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute("LISTEN news")
            told = connection.notifies(stop_after=1)
            later = asyncio.create_task(anext(told))
            await asyncio.sleep(4 * SOON)  # silence is what a listener is there for
            assert not later.done()
            await asyncio.to_thread(ask, "SELECT pg_notify('news', 'heard')")
            assert (await asyncio.wait_for(later, 20)).payload == "heard"
            await told.aclose()
            with pytest.raises(careful.NoAnswerError):
                await connection.execute(SLEEP)
            assert connection.closed

    with ThreadPoolExecutor(1) as thread:  # a browser's test in this process keeps a loop running in ours
        thread.submit(lambda: asyncio.run(work())).result()
    assert ask(ASLEEP) == [(0,)]
