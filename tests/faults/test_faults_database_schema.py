"""The schema changes while others work: a migration that finds a table in use (fault 20), one under load (21), one that is killed half-way (22)."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from dev import doors, postgres
from service.store import database
from tests.faults import faults_judge
from tests.faults.faults_clients import Buyer
from tests.faults.faults_database import WITH_CLUSTERS, Customer, admin, over_and_over, with_worker
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import ROOT, eventually

pytestmark = pytest.mark.faults

#: What a release to come may do, in the order of docs/operating.md: what old code can live with, the data, and what nobody needs any more.
EXPAND = """
ALTER TABLE subscriptions ADD COLUMN tier word;
ALTER TABLE signups ADD COLUMN tier word;
ALTER TABLE notices ADD COLUMN tier word;
CREATE INDEX subscriptions_by_tier ON subscriptions (tier);
CREATE TABLE tiers (name word NOT NULL PRIMARY KEY);
"""
BACKFILL = "UPDATE subscriptions SET tier = 'first' WHERE tier IS NULL"
CONTRACT = """
DROP TABLE tiers;
ALTER TABLE signups DROP COLUMN tier;
ALTER TABLE notices DROP COLUMN tier;
ALTER TABLE subscriptions DROP COLUMN tier;
"""
RELEASES = {"9001": EXPAND, "9002": BACKFILL, "9003": CONTRACT}
SCRIPT = """
from alembic import op

revision, down_revision = {revision!r}, {before!r}


def upgrade():
    op.get_bind().exec_driver_sql({sql!r})
"""
CLIENTS, AT_LEAST = 3, 60
#: As it is before a test pretends another.
HEAD = database.HEAD
#: The server's own part of a migration stands still once it has come to this table.
HALF_WAY = """
CREATE FUNCTION stand_still() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.refunds') THEN PERFORM pg_sleep(100); END IF;
END $$;
CREATE EVENT TRIGGER stand_still ON ddl_command_end EXECUTE FUNCTION stand_still();
"""
WENT_ON = "DROP EVENT TRIGGER stand_still; DROP FUNCTION stand_still()"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("schema"), bugs=("hurry",)) as made:
        yield with_worker(made)


@pytest.fixture
def releases(tmp_path, monkeypatch):
    """Makes the migrations of releases to come known, up to one of them."""
    folder = tmp_path / "migrations"
    shutil.copytree(database.MIGRATIONS, folder)
    before = database.HEAD
    for revision, sql in RELEASES.items():
        text = SCRIPT.format(revision=revision, before=before, sql=sql)
        (folder / "versions" / f"{revision}_to_come.py").write_text(text, encoding="utf-8")
        before = revision
    monkeypatch.setattr(database, "MIGRATIONS", folder)
    return lambda revision: monkeypatch.setattr(database, "HEAD", revision)


def test_every_fault_of_the_list_is_planned_or_waits_for_clusters():
    files = Path(__file__).parent.glob("test_faults_database*.py")
    planned = {fault for file in files for fault in re.findall(r'plan\("(B\d+)"', file.read_text(encoding="utf-8"))}
    assert not planned & set(WITH_CLUSTERS)
    assert planned | set(WITH_CLUSTERS) == {f"B{number}" for number in range(15, 34)}


@contextlib.contextmanager
def traffic(stage):
    """So many who buy, change, read, one after the other. The list of those who bought."""
    buyers = []

    def buy():
        customer = Customer(stage)
        buyers.append(customer)
        assert customer.change(4).status_code in {200, 202}

    with over_and_over(buy, CLIENTS):
        yield buyers


def test_migration_gives_way_to_whoever_uses_a_table(stage, releases, monkeypatch):
    monkeypatch.setattr(database, "MIGRATION_TRIES", 2)
    releases("9001")
    customer = Customer(stage)
    stage.plan("B20")
    with admin(stage) as somebody, somebody.transaction():
        somebody.execute("SELECT FROM notices")  # and stays: a report that takes all day
        with traffic(stage) as buyers:
            with pytest.raises(database.BusyError):
                database.migrate(stage.direct_url, "simulator")
            reached = len(buyers)
            eventually(lambda: len(buyers) > reached + CLIENTS)
    stage.saw("B20")
    assert customer.read().status_code == 200
    assert {answer.status_code for answer in stage.answers} <= {200, 201, 202}
    assert stage.sql("SELECT count(*) FROM information_schema.columns WHERE column_name = 'tier'") == [(0,)]
    database.migrate(stage.direct_url, "simulator")
    assert stage.sql("SELECT version_num FROM alembic_version") == [("9001",)]


def test_migrations_under_load_break_no_request(stage, releases):
    begun = len(stage.answers)
    with traffic(stage) as buyers:
        for revision in RELEASES:
            reached = len(buyers)
            eventually(lambda reached=reached: len(buyers) >= reached + 2 * CLIENTS, within=60)
            releases(revision)
            stage.plan("B21")
            database.migrate(stage.direct_url, "simulator")
            assert stage.sql("SELECT version_num FROM alembic_version") == [(revision,)]
            assert doors.status(f"{stage.stack.service_url}/readyz") == 200
            stage.saw("B21")
        eventually(lambda: len(stage.answers) >= begun + AT_LEAST, within=60)
    statuses = [answer.status_code for answer in stage.answers[begun:]]
    assert set(statuses) <= {200, 201, 202}, [status for status in statuses if status > 202]
    stage.sql("UPDATE alembic_version SET version_num = %s", HEAD)  # what was to come is gone again, without a trace
    faults_judge.assert_holds(stage, on=("I1", "I2", "I3", "I4", "I15"))


def test_older_schema_is_not_ready_and_a_migration_makes_it_so(stage):
    older = create_engine(database.url_of(stage.direct_url))
    with older.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(database.MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "-1")
    older.dispose()
    stage.plan("B21")
    assert doors.status(f"{stage.stack.service_url}/readyz") == 503
    assert stage.command("migrate").returncode == 0
    assert doors.status(f"{stage.stack.service_url}/readyz") == 200
    stage.saw("B21")
    buyer = Buyer(stage).open()
    assert buyer.complete().status == 201


def test_migration_killed_half_way_leaves_nothing_and_is_run_again(stage):
    url = postgres.create_database(stage.direct_url, "half")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(HALF_WAY)
    environment = stage.stack._environments["service"] | {"PANLESS_DATABASE_URL": url}
    migrating = subprocess.Popen(
        [sys.executable, "-m", "service", "migrate"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    stage.plan("B22")
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'half' AND wait_event = 'PgSleep'"
    eventually(lambda: stage.sql(asleep) == [(1,)], within=60)
    migrating.kill()
    migrating.wait(20)
    # PostgreSQL is in the middle of a statement, and notices all the same that nobody waits for its end
    eventually(lambda: stage.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'half'") == [(0,)], within=60)
    stage.saw("B22")
    with psycopg.connect(url, autocommit=True) as connection:
        tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema IN ('public', 'jobs')"
        assert connection.execute(tables).fetchone() == (0,)
        connection.execute(WENT_ON)
    done = subprocess.run(
        [sys.executable, "-m", "service", "migrate"], cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, f"schema {HEAD}"), done.stderr
    faults_judge.assert_holds(stage, on=("I1", "I2", "I16"), sweep=False, deep=False)
