"""The operator's door, as a process of its own: exit status 0 fine, 1 found something, 2 could not run; results alone on standard output, and no value of a setting."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from service.cardguard import formats
from service.config import ROOT, SETTINGS
from service.store import database
from tests.support.cards import VISA
from tests.support.tools import SANDBOX, environ_of
from tests.support.tools import SETTINGS as VALUES

pytestmark = pytest.mark.long


@pytest.fixture
def run(tmp_path):
    """Runs a command with these settings; answers status, standard output and standard error."""

    def start(*arguments, **settings):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PANLESS_", "DATABASE_URL"))}
        done = subprocess.run(
            [sys.executable, "-m", "service", *arguments],
            cwd=ROOT,
            env=kept | environ_of(**settings) | {"TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return start


def test_settings_are_shown_with_their_meaning_and_no_value(run):
    status, shown, complaints = run("settings", "--json", workers="7")
    rows = {row["name"]: row for row in json.loads(shown)}
    assert (status, complaints) == (0, "")
    assert set(rows) == {setting.name for setting in SETTINGS}
    assert rows["PANLESS_WORKERS"]["default"] == "2"
    assert rows["PANLESS_WEBHOOK_KEYS"]["secret"] is True
    assert [value for name, value in VALUES.items() if name.endswith(("password", "keys")) and value in shown] == []


def test_life_of_a_key_from_its_making_to_its_end(run, module_database):
    status, text, _ = run(
        "keys", "create", "--name", "shop", "--scope", "checkout:write", "accounts:read", database_url=module_database
    )
    assert status == 0
    assert formats.matches(formats.API_KEY, text.removesuffix("\n"))
    status, listed, _ = run("keys", "list", "--json", database_url=module_database)
    (row,) = json.loads(listed)
    assert (status, row["name"], row["scopes"], row["revoked_at"]) == (
        0,
        "shop",
        ["accounts:read", "checkout:write"],
        None,
    )
    assert text.strip()[-43:] not in listed
    status, told, _ = run("keys", "revoke", row["id"], database_url=module_database)
    assert (status, told) == (0, "revoked\n")
    assert run("keys", "revoke", row["id"], database_url=module_database)[0] == 1


def test_key_whose_name_could_hold_a_card_number_is_refused(run, module_database):
    status, shown, complaints = run(
        "keys", "create", "--name", VISA, "--scope", "accounts:read", database_url=module_database
    )
    assert (status, shown) == (2, "")
    assert VISA not in complaints


def test_plans_that_cannot_be_checked_are_a_finding(run, module_database):
    status, shown, complaints = run("plans", "check", "--json", database_url=module_database)
    assert (status, complaints) == (1, "")
    assert {row["plan"] for row in json.loads(shown)} == {"team", "business"}


def test_migration_brings_an_empty_database_to_the_newest_schema(run, new_database):
    url = new_database(migrated=False)
    assert run("keys", "list", database_url=url)[0] == 2
    status, shown, _ = run("migrate", "--json", database_url=url)
    assert (status, json.loads(shown)) == (0, {"schema": database.HEAD})
    assert run("keys", "list", database_url=url) == (0, "no keys\n", "")


@pytest.mark.parametrize("command", ["serve", "work", "migrate"])
def test_command_of_another_environment_refuses_the_database(run, module_database, command):
    status, shown, complaints = run(command, **SANDBOX | {"database_url": module_database})
    assert (status, shown) == (2, "")
    assert complaints == "panless: PANLESS_ENVIRONMENT is not the environment that this database belongs to\n"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"workers": "zqxcanary"}, "PANLESS_WORKERS is not a whole number from 1 to 64"),
        ({"database_url": None}, "PANLESS_DATABASE_URL is not set"),
        ({"database_url": "mysql://zqxcanary@h/d"}, "PANLESS_DATABASE_URL must name a PostgreSQL server"),
        ({"database_url": "postgresql://u:zqxcanary@127.0.0.1:9/d"}, "the database does not answer"),
    ],
    ids=str,
)
def test_command_that_cannot_run_says_why_and_repeats_no_value(run, settings, told):
    status, shown, complaints = run("keys", "list", **settings)
    assert (status, shown) == (2, "")
    assert complaints.startswith(f"panless: {told}")
    assert "zqxcanary" not in complaints
    assert len(complaints.splitlines()) == 1
