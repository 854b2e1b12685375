"""A second live subscription, as only a BlueSnap that forgets its keys can make one: found, told, and undone by one command, with every answer of it lost once."""

from __future__ import annotations

import json

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.faults_clients import Buyer
from tests.faults.faults_judge import healthy
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually

pytestmark = pytest.mark.faults
#: Longer than a call may take and the quiet period after it; the call is carried out when its repeat is long answered.
LATE_SECONDS = 8


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A merchant who believes that his keys are kept, and is wrong."""
    with FaultStage.start(tmp_path_factory.mktemp("incident"), proxied=()) as running:
        running.lever("behaviour", {"idempotency": "ignored"})
        yield running


def sold(stage, buyer):
    """BlueSnap's ids of what it made for this buyer, in order."""
    return [one["id"] for one in stage.done_for(buyer.name, "subscription")]


def signup_of(stage, buyer):
    """The attempt: its id, its state, and what the account has."""
    [found] = stage.sql(
        "SELECT u.id, u.state, s.provider_subscription FROM signups u JOIN subscriptions s ON s.id = u.subscription_id"
        " WHERE u.account = %s",
        buyer.account,
    )
    return found


def matters(stage, buyer, state="open"):
    rows = stage.sql(
        "SELECT reference, subject FROM tasks WHERE kind = 'second_subscription' AND account = %s AND state = %s",
        buyer.account,
        state,
    )
    return dict(rows)


def gauge(stage, name, **labels):
    """What the worker's metrics show of what waits, as a monitoring system reads it; None where it shows nothing."""
    address = stage.stack._environments["service"]["PANLESS_WORKER_METRICS_BIND"]
    with requests.Session() as session:
        session.trust_env = False
        page = session.get(f"http://{address}/metrics", timeout=20).text
    families = text_string_to_metric_families(page)
    found = [one for family in families for one in family.samples if (one.name, one.labels) == (name, labels)]
    return found[0].value if found else None


def run(stage, *arguments):
    """A command's status and what it said."""
    done = stage.command(*arguments, "--json")
    assert done.returncode in {0, 1}, done.stderr[-2000:]
    return done.returncode, json.loads(done.stdout)


def resolve_until_done(stage, signup, kept, runs=20):
    """The command, again and again, as an operator would; how often it was needed."""

    def done():
        nonlocal times
        times += 1
        assert times <= runs, told
        status, answer = run(stage, "signups", "resolve", signup, "--keep", kept, "--apply")
        told.append(answer)
        return status == 0

    times, told = 0, []
    eventually(done, within=120)
    return times


def assert_one_is_left(stage, buyer, kept, others):
    """By BlueSnap's ledger: one lives, and of each of the others every payment is given back, once."""
    ledger = stage.ledger()
    ended = {
        one["id"]
        for one in ledger
        if (one["kind"], one.get("of"), one.get("status")) == ("change", "subscription", "CANCELED")
    }
    assert (kept in ended, set(others) <= ended) == (False, True)
    paid = {one["id"]: one for one in ledger if one["kind"] == "charge" and one["subscription_id"] in others}
    given = [one for one in ledger if one["kind"] == "refund" and one["transaction_id"] in paid]
    assert sorted((one["transaction_id"], one["amount"]) for one in given) == sorted(
        (number, one["amount"]) for number, one in paid.items()
    )
    assert len(paid) == len(others)
    assert stage.account(buyer.name)["subscription"]["status"] == "active"
    assert matters(stage, buyer) == {}


def test_call_that_is_carried_out_late_is_found_and_undone(stage):
    stage.plan("C37 keys ignored")
    stage.fail_next("create_subscription", "delay", seconds=LATE_SECONDS)
    buyer = Buyer(stage).open()
    buyer.complete()
    assert buyer.come_back().status == 201
    eventually(lambda: len(sold(stage, buyer)) == 2, within=60)
    stage.saw("C37 keys ignored")
    signup, state, kept = signup_of(stage, buyer)
    [other] = [one for one in sold(stage, buyer) if one != kept]
    assert state == "active"

    run(stage, "sweep", "--apply")
    assert matters(stage, buyer) == {other: signup}
    before = stage.now_at()
    status, told = run(stage, "signups", "resolve", signup, "--keep", kept)
    assert (status, told["resolution"]) == (1, "others_live")
    [shown] = told["others"]
    assert (shown["subscription"], shown["outcome"]) == (other, "to_cancel")
    assert [(one["amount"], one["outcome"]) for one in shown["payments"]] == [("87", "to_give_back")]
    assert stage.now_at() == before

    assert resolve_until_done(stage, signup, kept) == 1
    assert_one_is_left(stage, buyer, kept, [other])
    before = stage.now_at()
    assert resolve_until_done(stage, signup, kept) == 1
    assert stage.now_at() == before
    run(stage, "sweep", "--apply", "--charges")
    stage.settled()
    status, report = run(stage, "sweep", "--apply", "--charges")
    assert (status, report["rows"]) == (0, []), report
    assert healthy(stage) is not None


def test_two_candidates_are_told_and_undone_though_every_answer_is_lost(stage):
    stage.plan("C36 keys ignored")
    stage.lever("behaviour", {"lookup_lag": 3_600})
    buyer = Buyer(stage).open()
    stage.fail_next("create_subscription", "drop_after", times=50)
    buyer.complete()
    eventually(lambda: len(sold(stage, buyer)) >= 2, within=60)
    stage.saw("C36 keys ignored")
    stage.lever("behaviour", {"lookup_lag": 0})
    eventually(lambda: signup_of(stage, buyer)[1] == "stuck", within=60)
    signup = signup_of(stage, buyer)[0]
    kept, *others = sold(stage, buyer)
    assert matters(stage, buyer) == dict.fromkeys([kept, *others], signup)
    alarms = [line for line in stage.logs()["worker.log"].splitlines() if "incident.second_subscription" in line]
    assert len([line for line in alarms if buyer.account in line]) == len(others) + 1

    eventually(lambda: gauge(stage, "panless_tasks_open", kind="second_subscription") == len(others) + 1, within=60)
    assert gauge(stage, "panless_signups_waiting", state="stuck") == 1
    assert gauge(stage, "panless_second_subscriptions_total", found_by="settle") == len(others) + 1
    assert 0 <= gauge(stage, "panless_round_age_seconds", round="settle_signups") < 120

    for call in ("update_subscription", "refund"):
        stage.fail_next(call, "drop_after")
    assert resolve_until_done(stage, signup, kept) > 1
    assert_one_is_left(stage, buyer, kept, others)
    assert set(matters(stage, buyer, state="done")) == {kept, *others}
    eventually(lambda: not gauge(stage, "panless_tasks_open", kind="second_subscription"), within=60)
    assert gauge(stage, "panless_signups_waiting", state="stuck") == 0
