"""A private copy starts, comes to rest, renews its workers and leaves nothing running; one that does not start says why."""

from __future__ import annotations

import fcntl
import json
import socket
import subprocess
import sys
import uuid

import pytest

from service.evidence import rest
from service.evidence.canaries import marker
from service.evidence.sinks import proc
from service.evidence.sinks.calls import call
from service.evidence.stand import Stand, StandError
from service.evidence.wire import exchange, request


def test_copy_that_ends_early_says_why(tmp_path):
    with (tmp_path / "running.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StandError, match=r"ended early(.|\n)*already running"):
            Stand(tmp_path).start()


def test_wait_without_end_names_what_is_missing():
    with pytest.raises(StandError, match="the moon"):
        rest.until(lambda: "the moon", 0.0)


def test_call_without_an_answer_has_no_status():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    assert call(f"http://127.0.0.1:{free}/") == (None, b"")


def test_children_are_found_below_their_parents_and_the_dead_are_not():
    waiting = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", waiting + "; print()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        rest.until(lambda: "" if len(proc.families({"it": parent.pid})["it"]) == 2 else "the child", 30)
        found = proc.families({"it": parent.pid})["it"]
        assert found[0] == parent.pid
        parent.communicate(b"\n")
        assert proc.families({"it": parent.pid})["it"] == []
        assert not any(proc.alive(pid) for pid in found)


@pytest.mark.leaks
def test_copy_runs_all_parts_with_the_settings_it_tells(running_stand):
    parts = running_stand.processes()
    assert {name: len(pids) for name, pids in parts.items() if name != "postgres"} == {
        "simulator": 1,
        "issuer": 1,
        "service": 1 + int(running_stand.settings["PANLESS_WORKERS"]),
        "worker": 1,
    }
    assert len(parts["postgres"]) > 5
    assert exchange(running_stand.address, request("GET", "/readyz")).status == 200
    assert all(call(url)[0] == 200 for url in running_stand.metrics)
    assert running_stand.settings["PANLESS_EVENTS_URL"] == running_stand.events.url
    with running_stand.connect() as connection:
        assert connection.execute("SHOW archive_mode").fetchone() == ("on",)


@pytest.mark.leaks
def test_operators_command_runs_with_the_settings_of_the_copy(running_stand):
    before = len(running_stand.commands)
    done = running_stand.command("keys", "list")
    assert done.status == 0
    assert b"demo-shop" in done.out
    assert running_stand.command("keys", "nonsense").status == 2
    assert [one.status for one in running_stand.commands[before:]] == [0, 2]


@pytest.mark.leaks
def test_new_key_opens_the_door_for_its_scopes_alone(running_stand):
    key = running_stand.key("accounts:read")
    headers = [("Authorization", f"Bearer {key}"), ("Content-Type", "application/json")]
    assert exchange(running_stand.address, request("GET", f"/v1/accounts/{marker()}", headers)).status == 200
    sold = json.dumps({"account": marker(), "plan": "team", "members": 1})
    headers.append(("Idempotency-Key", str(uuid.uuid4())))
    assert exchange(running_stand.address, request("POST", "/v1/checkout-sessions", headers, sold)).status == 403


@pytest.mark.leaks
def test_key_of_no_known_scope_is_not_made(running_stand):
    with pytest.raises(StandError):
        running_stand.key("everything")


@pytest.mark.leaks
def test_lever_that_is_refused_passes_the_complaint_on(running_stand):
    with pytest.raises(StandError, match="refuses clock"):
        running_stand.lever("clock", {"backwards": True})


@pytest.mark.leaks
def test_workers_are_all_new_after_recycling_and_answer(running_stand):
    master, *old = running_stand.processes()["service"]
    running_stand.recycle()
    now, *new = running_stand.processes()["service"]
    assert now == master
    assert len(new) == len(old)
    assert not set(new) & set(old)
    assert exchange(running_stand.address, request("GET", "/readyz")).status == 200


@pytest.mark.leaks
def test_rest_comes_after_the_last_notice_was_delivered(running_stand):
    composed = {"transactionType": "CHARGE", "referenceNumber": "1", "merchantTransactionId": marker()}
    running_stand.lever("notices", {"compose": composed})
    running_stand.settle()
    last = running_stand.lever("notices?last=1")["notices"][0]
    assert last["state"] == "delivered"


@pytest.mark.leaks
def test_rest_waits_for_an_open_transaction(running_stand):
    with running_stand.connect() as foreign:
        foreign.execute("SET application_name = 'somebody'")
        foreign.execute("BEGIN")
        with running_stand.connect() as ours, pytest.raises(StandError, match=r"[1-9]\d* transactions"):
            rest.settle(ours, running_stand.lever, running_stand.logs, seconds=0.5)
        foreign.execute("ROLLBACK")
    running_stand.settle()


@pytest.mark.leaks
def test_whole_round_has_the_worker_look_for_work_again(running_stand):
    with running_stand.connect() as connection:
        newest = "SELECT max(defer_timestamp) FROM jobs.procrastinate_periodic_defers"
        asked = connection.execute("SELECT extract(epoch FROM now())").fetchone()[0]
        running_stand.settle(whole_round=True)
        assert connection.execute(newest).fetchone()[0] > asked


@pytest.mark.leaks
def test_copy_with_settings_of_its_own_ends_with_all_its_processes(tmp_path):
    theirs = {
        "PANLESS_EVENTS_URL": "http://127.0.0.1:9/events",
        "PANLESS_EVENTS_SECRETS": "whsec_" + "A" * 32,
        "PANLESS_WORKERS": "3",
    }
    with Stand(tmp_path / "copy", settings=theirs, server={"log_statement": "ddl"}) as stand:
        running = [pid for pids in stand.processes().values() for pid in pids]
        assert stand.events is None
        assert stand.settings["PANLESS_EVENTS_URL"] == theirs["PANLESS_EVENTS_URL"]
        assert len(stand.processes()["service"]) == 1 + 3
        with stand.connect() as connection:
            assert connection.execute("SHOW log_statement").fetchone() == ("ddl",)
    assert not any(proc.alive(pid) for pid in running)
    assert not stand.cluster.exists()
    assert stand.logs.is_dir()
