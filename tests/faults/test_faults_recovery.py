"""The whole database goes back to a second: base backup, archived log, and what is there afterwards is what was there then, by the rows and by the journal."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from dev import postgres
from dev.errors import DevError
from service.store import database, history
from service.store.keeping import LEFT_OUT
from tests.faults.faults_recovery import Backup, archiving_server, close_segment
from tests.faults.faults_recovery_life import KEYS, Life, rows_of
from tests.journeys.journeys_stage import eventually
from tests.support.databases import ENVIRONMENT

pytestmark = pytest.mark.faults
DATABASE = "panless"
#: Changes before the base backup, and after it; how many of the moments after it are recovered.
BEFORE, AFTER, MOMENTS, PAIRS = 20, 60, 5, 100
NEVER_REACHED = "recovery ended before configured recovery target was reached"


@dataclass
class Story:
    """What happened, and the backup that was made meanwhile. `lost` is a row that somebody deleted, `by` the time of that commit."""

    backup: Backup
    life: Life
    lost: tuple
    by: str


@pytest.fixture(scope="module")
def story(tmp_path_factory, quiet_logs):
    with archiving_server(tmp_path_factory.mktemp("recovery")) as backup:
        url = postgres.create_database(backup.primary.url, DATABASE)
        database.migrate(url, ENVIRONMENT)
        life = Life(url, seed=3)
        try:
            life.go_on(BEFORE)
            backup.take()
            life.go_on(AFTER)
            lost, by = deleted(life)
            life.moments.append(life.now())
            life.go_on(1)
            close_segment(backup.primary, backup.archive)
            yield Story(backup, life, lost, by)
        finally:
            life.engine.dispose()


DELETE = "DELETE FROM checkout_sessions WHERE id = (SELECT max(id) FROM checkout_sessions) RETURNING id, pg_current_xact_id()::text"
COMMITTED = "SELECT pg_xact_commit_timestamp((%s::bigint %% 4294967296)::text::xid)::text"


def deleted(life):
    """The session that the last visitor had opened, deleted by hand: its name, and when that was committed (as docs/operating.md asks for it)."""
    life.renew()
    with psycopg.connect(life.url, autocommit=True) as connection:
        row, xid = connection.execute(DELETE).fetchone()
        (by,) = connection.execute(COMMITTED, [xid]).fetchone()
    return ("checkout_sessions", row), by


@contextlib.contextmanager
def recovered(story, **target):
    """The URL of the database as it comes back."""
    with story.backup.recover(**target) as server:
        yield postgres.database_url(server.url, DATABASE)


def kept_row(url, table, name):
    """A row of the recovered database with its kept columns; None if there is none."""
    query = sql.SQL("SELECT * FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(KEYS[table]))
    with psycopg.connect(url, row_factory=dict_row) as connection:
        row = connection.execute(query, [name]).fetchone()
    return row and {column: value for column, value in row.items() if column not in LEFT_OUT}


def by_the_journal(story, table, name, at):
    """The same as the history of the primary has it."""
    with story.life.engine.connect() as connection:
        known = history.of_subject(connection, name, datetime.fromisoformat(at))
    return next((one.values for one in known if one.kind == table and not one.gone), None)


def since_backup(story):
    return story.life.moments[BEFORE:-1]


def test_database_comes_back_as_it_was_and_as_the_journal_says_it_was(story):
    """A hundred records at random, deleted ones and later ones among them: what recovery brings back of each is what the history has of it."""
    chosen = story.life.chance.sample(since_backup(story), MOMENTS)
    every = sorted(set().union(*(moment.rows for moment in story.life.moments)))
    found = {True: 0, False: 0}
    for moment in chosen:
        with recovered(story, time=moment.at) as url:
            assert rows_of(url) == moment.rows
            for name in story.life.chance.sample(every, PAIRS // MOMENTS):
                there = kept_row(url, *name)
                assert there == by_the_journal(story, *name, moment.at), name
                found[there is not None] += 1
    assert sum(found.values()) == PAIRS
    assert min(found.values()) > PAIRS // 10


def test_row_deleted_by_hand_is_there_when_recovery_ends_right_before(story):
    """The target is the time of the very commit: inclusive, as it is by default, brings the mistake back too."""
    with recovered(story, time=story.by) as url:
        assert story.lost not in rows_of(url)
    with recovered(story, time=story.by, inclusive="off") as url:
        assert story.lost in rows_of(url)


def test_moment_without_a_zone_is_not_the_one_that_was_meant(story):
    """It is read in the server's zone: here hours later than meant, and PostgreSQL refuses what it cannot reach."""
    meant = since_backup(story)[0].at
    assert meant.endswith("+00")
    with (
        pytest.raises(DevError, match=NEVER_REACHED),
        recovered(story, time=meant[:-3], timezone="America/Los_Angeles"),
    ):
        pass


def test_archive_with_a_gap_is_refused_and_not_taken_for_its_beginning(story):
    last = max(path.name for path in story.backup.archive.iterdir() if len(path.name) == 24)
    gapped = story.backup.copied_archive("gapped", without={last})
    with (
        pytest.raises(DevError, match=NEVER_REACHED),
        recovered(story, archive=gapped, time=since_backup(story)[-1].at),
    ):
        pass


def test_recovered_server_goes_on_in_a_timeline_of_its_own(story):
    """A second recovery follows the newest timeline, so what was written after the first is in it; the old one is still to be had by its number."""
    early, late = since_backup(story)[0], since_backup(story)[-1]
    branched = story.backup.copied_archive("branched")
    with story.backup.recover(archive=branched, archiving=True, time=early.at) as server:
        url = postgres.database_url(server.url, DATABASE)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("INSERT INTO accounts VALUES ('acct-after-recovery', clock_timestamp())")
            (after,) = connection.execute("SELECT clock_timestamp()::text").fetchone()
            connection.execute("INSERT INTO accounts VALUES ('acct-later-still', clock_timestamp())")
        assert close_segment(server, branched).startswith("00000002")
        eventually((branched / "00000002.history").exists)
    with recovered(story, archive=branched, time=after) as url:
        found = rows_of(url)
        assert found.keys() - early.rows.keys() == {("accounts", "acct-after-recovery")}
    with recovered(story, archive=branched, time=late.at, timeline="1") as url:
        assert rows_of(url) == late.rows


def test_damaged_file_of_the_backup_is_found_before_it_is_needed(story):
    assert story.backup.damaged() == set()
    file = story.backup.folder / "global" / "pg_control"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        assert story.backup.damaged() == {"global/pg_control"}
    finally:
        file.write_bytes(whole)


def test_moments_of_the_drill_are_all_distinct_and_in_order(story):
    times = [datetime.fromisoformat(moment.at) for moment in story.life.moments]
    assert times == sorted(set(times))
