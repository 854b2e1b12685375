"""A day under the security policy: support looks by a grant, somebody deletes rows by hand, they come back, and no tampering stays unseen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime

import psycopg
import pytest
import requests
from journeys_stage import ROOT, account_of, eventually, new_name, paused, problem, told
from journeys_tampering import eleven, forked, tampered

pytestmark = pytest.mark.long
GRANTS = "/v1/access-grants"
#: Children before their parents, as a careful operator would type them.
TABLES = ("charges", "prices", "signups", "checkout_sessions", "subscriptions")
#: What a record never gets back: secrets and digests that no version keeps, and what only says which process works on it when.
NEVER_KEPT = (
    "fields_sealed", "address", "fraud_session", "three_d_secure", "fence", "lease_until", "called_at", "look_at", "looked", "pending_until",
)  # fmt: skip


@pytest.fixture(scope="module")
def stage(new_stage):
    from dev.people import make_known

    running = new_stage()
    make_known(running.stack)
    return running


@pytest.fixture(scope="module")
def day(stage):
    """The day as far as its tests have come: whatever one of them learnt for those after it."""
    name = new_name()
    stage.buy(name)
    stage.delivered(name)
    stage.quiet()
    return {"name": name, "account": account_of(name)}


def identity(stage, person):
    answer = requests.post(f"{stage.stack.issuer_url}/identities/{person}", timeout=10)
    assert answer.status_code == 200
    return answer.text.strip()


def as_person(stage, person, method, path, **more):
    key = {"key": str(uuid.uuid4())} if method == "POST" else {}
    return stage.call(method, path, auth=identity(stage, person), **key, **more)


def command(stage, *arguments):
    """An operator's command: its exit status, and what it says as JSON."""
    lines = stage.stack.settings_file.read_text(encoding="utf-8").splitlines()
    done = subprocess.run(
        [sys.executable, "-m", "service", *arguments, "--json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **dict(line.split("=", 1) for line in lines if line.startswith("PANLESS_"))},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout[-500:] + done.stderr[-500:]
    return done.returncode, json.loads(done.stdout)


def rows(stage, account):
    """Everything that the account has, without what is never kept."""
    with psycopg.connect(stage.stack.database_url) as connection:
        subscriptions = "(SELECT id FROM subscriptions WHERE account = %(account)s)"
        of_account = {
            "charges": f"subscription_id IN {subscriptions}",
            "prices": f"subscription_id IN {subscriptions}",
        }
        return {
            table: connection.execute(
                f"SELECT to_jsonb(one) - %(without)s::text[] FROM {table} AS one"
                f" WHERE {of_account.get(table, 'account = %(account)s')} ORDER BY id",
                {"account": account, "without": list(NEVER_KEPT)},
            ).fetchall()
            for table in TABLES
        }


def entries_of(stage, account):
    """What an auditor reads of the account, oldest first."""
    answer = as_person(stage, "otto", "GET", f"/v1/audit/entries?account={account}&limit=500")
    assert answer.status_code == 200, told(answer)
    return answer.json()["entries"]


def test_support_sees_nothing_without_a_grant(stage, day):
    refused = as_person(stage, "mira", "GET", f"/v1/support/accounts/{day['account']}")
    problem(refused, 403, "grant_missing")


def test_grant_is_asked_for_by_one_and_approved_by_another(stage, day):
    wish = {"account": day["account"], "purpose": "billing_question", "ticket": "SUP-1234"}
    asked = as_person(stage, "mira", "POST", GRANTS, json=wish)
    assert asked.status_code == 201, told(asked)
    day["grant"] = asked.json()["id"]
    problem(as_person(stage, "mira", "GET", f"/v1/support/accounts/{day['account']}"), 403, "grant_missing")
    alone = as_person(stage, "mira", "POST", f"{GRANTS}/{day['grant']}/approval", json={})
    assert alone.status_code == 403, told(alone)
    approved = as_person(stage, "noor", "POST", f"{GRANTS}/{day['grant']}/approval", json={})
    assert (approved.status_code, approved.json()["status"]) == (200, "live"), told(approved)


def test_look_shows_the_payer_live_and_leaves_an_entry_with_the_grant(stage, day):
    answer = as_person(stage, "mira", "GET", f"/v1/support/accounts/{day['account']}")
    assert answer.status_code == 200, told(answer)
    assert (answer.json()["payer"]["first_name"], answer.headers["Cache-Control"]) == (day["name"], "no-store")
    [look] = [one for one in entries_of(stage, day["account"]) if one["act"] == "grant.looked"]
    assert look["subject"] == day["grant"]
    assert look["actor"].startswith("person:")


def test_grant_ends_by_the_clock_of_the_database_without_any_job(stage, day):
    with paused(stage), psycopg.connect(stage.stack.database_url) as connection:
        connection.execute(
            "UPDATE access_grants SET ends_at = clock_timestamp() + interval '1 second' WHERE id = %s", [day["grant"]]
        )
        connection.commit()
        path = f"/v1/support/accounts/{day['account']}"
        eventually(lambda: as_person(stage, "mira", "GET", path).status_code == 403, within=5)
        over = connection.execute(
            "SELECT clock_timestamp() >= ends_at FROM access_grants WHERE id = %s", [day["grant"]]
        )
        assert over.fetchone() == (True,)


def test_look_is_refused_when_the_grant_is_over(stage, day):
    looks = len([one for one in entries_of(stage, day["account"]) if one["act"] == "grant.looked"])
    problem(as_person(stage, "mira", "GET", f"/v1/support/accounts/{day['account']}"), 403, "grant_missing")
    assert len([one for one in entries_of(stage, day["account"]) if one["act"] == "grant.looked"]) == looks


def test_journal_shows_who_deleted_rows_by_hand_and_when(stage, day):
    day["rows"], day["at"] = rows(stage, day["account"]), database_time(stage)
    subscriptions = "(SELECT id FROM subscriptions WHERE account = %(account)s)"
    with psycopg.connect(stage.stack.database_url) as connection:
        for table in TABLES:
            own = f"subscription_id IN {subscriptions}" if table in {"charges", "prices"} else "account = %(account)s"
            connection.execute(f"DELETE FROM {table} WHERE {own}", {"account": day["account"]})
        login = connection.execute("SELECT session_user").fetchone()[0]
    assert not any(rows(stage, day["account"]).values())
    deleted = [one for one in entries_of(stage, day["account"]) if one["act"] == "hand.deleted"]
    assert len(deleted) == sum(map(len, day["rows"].values()))
    assert {one["actor"] for one in deleted} == {f"login:{login}"}
    assert all(datetime.fromisoformat(one["at"]) > day["at"] for one in deleted)
    worker = f"http://127.0.0.1:{stage.stack.ports.worker}/metrics"
    eventually(lambda: stage.metric("panless_changes_by_hand", of=worker) >= len(deleted), within=60)


def database_time(stage):
    with psycopg.connect(stage.stack.database_url) as connection:
        return connection.execute("SELECT clock_timestamp()").fetchone()[0].astimezone(UTC)


def test_restore_brings_the_rows_back_equal(stage, day):
    moment = day["at"].isoformat()
    assert command(stage, "history", "restore", day["account"], "--at", moment)[0] == 1
    assert not any(rows(stage, day["account"]).values()), "without --apply nothing is put back"
    status, said = command(stage, "history", "restore", day["account"], "--at", moment, "--apply")
    assert status == 0, said
    assert rows(stage, day["account"]) == day["rows"]
    assert stage.account(day["name"])["access"]["plan"] == "team"
    restored = [one for one in entries_of(stage, day["account"]) if one["act"] == "record.restored"]
    assert len(restored) >= sum(map(len, day["rows"].values()))


def signed_to_the_end(stage):
    """Whether a checkpoint, and its copy, reach the journal's last entry."""
    with psycopg.connect(stage.stack.database_url) as connection:
        number, last, copied = connection.execute(
            "SELECT (SELECT max(number) FROM checkpoints), (SELECT max(number) FROM entries),"
            " NOT EXISTS (SELECT FROM checkpoints WHERE state <> 'copied')"
        ).fetchone()
    return number == last and copied


@pytest.fixture(scope="module")
def still(stage, day):
    """Everything is signed, and nobody writes: the number of the last entry."""
    stage.quiet()
    eventually(lambda: signed_to_the_end(stage), within=110)
    with paused(stage), psycopg.connect(stage.stack.database_url) as connection:
        yield connection.execute("SELECT max(number) FROM entries").fetchone()[0]


def test_audit_of_the_day_finds_nothing(stage, still):
    status, report = command(stage, "audit", "verify")
    assert (status, report["findings"]) == (0, [])


@pytest.mark.parametrize("which", list(eleven(4, 8)))
def test_tampering_turns_the_audit_red_and_names_the_entry(stage, still, which):
    statements, (kind, entry) = eleven(still - 6, still)[which]
    with tampered(stage.stack.database_url, statements):
        status, report = command(stage, "audit", "verify")
    assert status == 1
    found = [(one["kind"], one["entry"]) for one in report["findings"]]
    assert (kind, entry) in found if entry is not None else kind in {one for one, _ in found}, found


def test_fork_that_the_service_itself_has_signed_is_found(stage, still):
    place, worker = still - 6, stage.stack.children["worker"]
    with tampered(stage.stack.database_url, forked(place)):
        worker.send_signal(signal.SIGCONT)
        try:
            eventually(lambda: checkpoints(stage, "state = 'refused'"), within=110)
        finally:
            worker.send_signal(signal.SIGSTOP)
        status, report = command(stage, "audit", "verify")
    assert (status, "forked" in {one["kind"] for one in report["findings"]}) == (1, True), report["findings"]


def checkpoints(stage, condition):
    with psycopg.connect(stage.stack.database_url) as connection:
        return connection.execute(f"SELECT count(*) FROM checkpoints WHERE {condition}").fetchone()[0]


def test_audit_is_green_again_when_all_is_undone(stage, still):
    status, report = command(stage, "audit", "verify")
    assert (status, report["findings"]) == (0, [])
