"""An old backup goes live. BlueSnap is asked first and the doors open then: no money moves a second time, and what the backup does not know is found."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests.faults import faults_judge
from tests.faults.faults_clients import Buyer
from tests.faults.faults_notices import bought, kept_back, provider_id
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually, problem, told

pytestmark = pytest.mark.faults
#: The calls by which money moves at BlueSnap.
MONEY = ("create_subscription", "refund", "refund_legacy", "run_specific")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("restore"), proxied=("bluesnap",)) as running:
        yield running


@contextlib.contextmanager
def maintenance(stage):
    """The server, by way of no database of ours; nobody else is in it."""
    parts = urlsplit(stage.direct_url)
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [parts.path[1:]]
        )
        yield connection, sql.Identifier(parts.path[1:])


def back_up(stage):
    with maintenance(stage) as (connection, ours):
        connection.execute(sql.SQL("CREATE DATABASE backup TEMPLATE {}").format(ours))


def restore(stage):
    with maintenance(stage) as (connection, ours):
        connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO lost").format(ours))
        connection.execute(sql.SQL("ALTER DATABASE backup RENAME TO {}").format(ours))


@contextlib.contextmanager
def all_stopped(stage):
    """Nobody works on the database meanwhile; what BlueSnap says is lost on a closed door, and said again."""
    for part in ("worker", "service"):
        stage.stop(part)
    with kept_back(stage):
        yield
    stage.start_again("service")
    stage.stack.launch("worker")


def ask_for_refund(stage, charge, key, amount):
    body = {"reason": "requested_by_customer", "amount": {"amount": amount, "currency": "USD"}}
    return stage.call("POST", f"/v1/charges/{charge}/refunds", auth=stage.stack.api_key, key=key, json=body)


def charge_of(stage, subscription):
    query = (
        "SELECT c.id FROM charges c JOIN subscriptions s ON s.id = c.subscription_id WHERE s.provider_subscription = %s"
    )
    return stage.sql(query, subscription)[0][0]


def asked_for_money(stage):
    """How often BlueSnap was asked to move money, by call."""
    return {call: len(stage.received(call)) for call in MONEY}


@dataclass
class Customers:
    """Who was there at the moment of the backup, and who came after it: BlueSnap's subscriptions, buyers, and the key under which a refund was asked for."""

    ended: str
    given: str
    undecided: Buyer
    key: str
    newcomer: Buyer | None = None
    sold_to_newcomer: str = ""


def undecided_at_backup(stage):
    """Two customers, a purchase and a refund whose answers were lost; then the backup is taken."""
    (_, ended), (_, given) = bought(stage), bought(stage)
    one = Customers(ended, given, Buyer(stage).open(), str(uuid.uuid4()))
    stage.settled()
    stage.stop("worker")
    stage.fail_next("create_subscription", "drop_after")
    assert one.undecided.complete().status == 202
    stage.fail_next("refund", "drop_after")
    assert ask_for_refund(stage, charge_of(stage, given), one.key, "7.00").status_code == 202
    stage.stop("service")
    back_up(stage)
    stage.start_again("service")
    stage.stack.launch("worker")
    return one


def live_on(stage, one):
    """What the backup does not know: both are settled, another refund, a newcomer, an end."""
    assert one.undecided.come_back().status == 201
    eventually(lambda: stage.sql("SELECT count(*) FROM refunds WHERE status = 'succeeded'") == [(1,)], within=60)
    one.newcomer = Buyer(stage).open()
    assert one.newcomer.complete().status == 201
    assert ask_for_refund(stage, charge_of(stage, one.given), str(uuid.uuid4()), "4.00").status_code == 201
    stage.lever("cancel", {"subscription_id": one.ended})
    eventually(lambda: status_of(stage, one.ended) == [("ended",)], within=60)
    stage.settled()
    one.sold_to_newcomer = provider_id(stage, one.newcomer.name)


def status_of(stage, subscription):
    return stage.sql("SELECT status FROM subscriptions WHERE provider_subscription = %s", subscription)


def reconcile(stage, one, folder):
    """BlueSnap is asked before any door opens; whose the newcomer is, the platform knows, and an operator says."""
    states = "SELECT state FROM signups WHERE account = %s"
    assert stage.sql(states, one.undecided.account) == [("subscription_unknown",)], "this is the backup"
    assert stage.sql("SELECT count(*) FROM accounts WHERE account = %s", one.newcomer.account) == [(0,)]
    stage.saw("F72")
    done = stage.command("sweep", "--apply", "--charges")
    assert done.returncode == 1, done.stdout + done.stderr
    found = stage.sql("SELECT reference FROM tasks WHERE kind = 'unknown_subscription' AND state = 'open'")
    assert found == [(one.sold_to_newcomer,)], "what only BlueSnap has is put before a person"
    file = folder / "found.csv"
    file.write_text(f"account,subscription\n{one.newcomer.account},{one.sold_to_newcomer}\n", encoding="utf-8")
    adopted = stage.command("adopt", str(file), "--apply")
    assert adopted.returncode == 0, adopted.stdout
    assert status_of(stage, one.ended) == [("ended",)]


def test_restored_old_backup_is_reconciled_first_and_repeats_nothing(stage, tmp_path):
    stage.plan("F72")
    one = undecided_at_backup(stage)
    live_on(stage, one)
    with all_stopped(stage):
        before = asked_for_money(stage)
        restore(stage)
        reconcile(stage, one, tmp_path)
    # clients come back with their old keys, and the newcomer buys again
    assert one.undecided.come_back().status == 201
    problem(stage.order(one.newcomer.name), 409, "subscription_exists")
    stage.settled()
    same = ask_for_refund(stage, charge_of(stage, one.given), one.key, "7.00")
    assert same.status_code == 201, told(same)
    assert asked_for_money(stage) == before, "nothing that moves money was asked for again"
    assert sorted(entry["amount"] for entry in stage.ledger() if entry["kind"] == "refund") == ["4.00", "7.00"]
    assert stage.sql("SELECT sum(amount) FROM refunds WHERE status = 'succeeded'") == [(11,)]
    # what was answered after the backup is lost to it, and nothing here can tell: a checkpoint outside will
    stage.answers.clear()
    verdict = faults_judge.judge(stage, deep=False)
    lost = [line for line in verdict.violations if line.startswith("I3:") and line.endswith("in the inbox 0 times")]
    assert [line for line in verdict.violations if line not in lost] == []
    assert {"I1", "I4", "I5", "I6"} <= {name for name, count in verdict.affected.items() if count}
    assert stage.fired == stage.planned
