"""The judge itself: of honest facts nothing is wrong, and each invariant reports what is planted against it."""

from __future__ import annotations

import copy
import json
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
import requests

from tests.faults import faults_facts, faults_judge
from tests.faults.faults_clients import Buyer
from tests.faults.faults_invariants import INVARIANTS
from tests.faults.faults_recorder import Recorder
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import account_of, told
from tests.support.cards import VISA

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("judged")) as stage:
        yield stage


def give_back(stage, name, amount):
    """A part of the first charge of an account is refunded."""
    listed = stage.call("GET", f"/v1/accounts/{account_of(name)}/charges", auth=stage.stack.api_key).json()
    body = {"amount": {"amount": amount, "currency": "USD"}, "reason": "other", "cancel_subscription": False}
    path = f"/v1/charges/{listed['charges'][0]['id']}/refunds"
    answer = stage.call("POST", path, auth=stage.stack.api_key, key=str(uuid.uuid4()), json=body)
    assert answer.status_code == 201, told(answer)


@pytest.fixture(scope="module")
def honest(stage):
    """Two buyers, one of whom gets something back, and a port that nobody calls."""
    buyers = [Buyer(stage).open(), Buyer(stage, plan="business").open()]
    assert [buyer.complete().status for buyer in buyers] == [201, 201]
    assert buyers[0].come_back().status == 201
    give_back(stage, buyers[0].name, "5.00")
    with Recorder(stage):
        faults_judge.assert_holds(stage, buyers=buyers, on=(*INVARIANTS, "I16"))
        stage.settled()
        return faults_facts.gather(stage, deep=True)


@pytest.fixture
def facts(honest):
    return copy.deepcopy(honest)


def first(facts, kind):
    return facts.of_kind(kind)[0]


def again(facts, entry, **changed):
    """BlueSnap did as much once more."""
    facts.ledger.append(entry | {"n": len(facts.ledger) + 1, "id": "99999999999"} | changed)


def row(facts, table, place=0):
    return facts.tables[table][place]


def entry_of(facts, act):
    return next(entry for entry in facts.tables["entries"] if entry["act"] == act)


def completions(facts):
    return [said for said in facts.said if said.path.endswith("/completion") and said.status == 201]


def rolled_back(facts):
    """An older event makes a subscription active again that had ended."""
    entry = entry_of(facts, "subscription.activated")
    for number, status in ((10**6, "ended"), (10**6 + 1, "active")):
        image = entry["image"] | {"status": status, "version": entry["version"]}
        facts.tables["entries"].append(entry | {"number": number, "image": image})


def told_of_nothing(facts):
    """A notice was acknowledged of which the inbox has nothing."""
    lost = facts.tables["notices"].pop(0)
    assert lost["type"] == "CHARGE"


def doubled(facts, table, **changed):
    facts.tables[table].append(row(facts, table) | changed)


PLANTED = {
    "a second live subscription": ("I1", lambda facts: again(facts, first(facts, "subscription"))),
    "a lost shopper's second subscription": (
        "I1",
        lambda facts: again(facts, first(facts, "subscription"), shopper_id="1", subscription_id=None),
    ),
    "a second first charge": ("I1", lambda facts: again(facts, first(facts, "charge"))),
    "a period charged twice": ("I1", lambda facts: again(facts, first(facts, "charge"), type="RECURRING")),
    "an answer that BlueSnap never sold": ("I2", lambda facts: facts.ledger.remove(first(facts, "subscription"))),
    "an answer of another amount": (
        "I2",
        lambda facts: completions(facts)[0].body["total"].update(amount="1.00"),
    ),
    "an answer of an unknown subscription": ("I2", lambda facts: completions(facts)[0].body.update(id="sub_x")),
    "a notice that the inbox lost": ("I3", told_of_nothing),
    "a notice twice in the inbox": ("I3", lambda facts: doubled(facts, "notices")),
    "a payment told and not recorded": ("I3", lambda facts: facts.tables["charges"].clear()),
    "a refund told and not recorded": ("I3", lambda facts: facts.tables["refunds"].clear()),
    "a subscription that ended there alone": (
        "I4",
        lambda facts: facts.theirs[row(facts, "subscriptions")["provider_subscription"]].update(status="CANCELED"),
    ),
    "another amount there": (
        "I4",
        lambda facts: row(facts, "subscriptions").update(amount=Decimal(1)),
    ),
    "another next charge there": (
        "I4",
        lambda facts: row(facts, "subscriptions").update(
            next_charge_on=row(facts, "subscriptions")["next_charge_on"] + timedelta(days=1)
        ),
    ),
    "a charge that is here alone": ("I4", lambda facts: doubled(facts, "charges", reference="1", id="ch_x")),
    "a refund of another amount": ("I4", lambda facts: row(facts, "refunds").update(amount=Decimal(4))),
    "a signup that nobody decided": ("I4", lambda facts: row(facts, "signups").update(state="subscription_unknown")),
    "a change that nobody settled": ("I4", lambda facts: row(facts, "subscriptions").update(pending_change="change")),
    "a subscription that is there alone": ("I5", lambda facts: facts.tables["subscriptions"].clear()),
    "a charge that is there alone": ("I5", lambda facts: facts.tables["charges"].clear()),
    "an entry twice": ("I6", lambda facts: doubled(facts, "entries")),
    "a version without its entry": (
        "I6",
        lambda facts: facts.tables["entries"].remove(entry_of(facts, "subscription.activated")),
    ),
    "a card's digits in a log": (
        "I7",
        lambda facts: facts.left_behind.update({"service.log": f"paid with {VISA[3:11]}"}),
    ),
    "an ended subscription that is active again": ("I8", rolled_back),
    "an answer after its deadline": ("I9", lambda facts: setattr(facts.said[0], "seconds", facts.longest + 1)),
    "a call to somebody else": ("I10", lambda facts: facts.recorders.append((1, 1))),
    "a change without its entry": ("I14", lambda facts: row(facts, "checkout_sessions").update(state="open")),
    "a record without its entry": ("I14", lambda facts: doubled(facts, "charges", id="ch_x")),
    "another answer for the same key": ("I15", lambda facts: facts.said.append(other_answer(facts))),
    "one key for two bodies": ("I15", lambda facts: facts.said.append(other_body(facts))),
}


def other_answer(facts):
    said = copy.deepcopy(completions(facts)[0])
    said.body["version"] = 7
    return said


def other_body(facts):
    said = copy.deepcopy(completions(facts)[0])
    said.sent = json.dumps({"payer": {}})
    return said


@pytest.mark.parametrize("name", PLANTED)
def test_each_planted_violation_is_reported_by_its_invariant(facts, name):
    invariant, plant = PLANTED[name]
    before = INVARIANTS[invariant](facts)
    assert before[0] > 0
    assert before[1] == []
    plant(facts)
    assert INVARIANTS[invariant](facts)[1]


def test_every_invariant_has_a_planted_violation():
    assert {invariant for invariant, _ in PLANTED.values()} == set(INVARIANTS)


def test_a_signup_that_may_not_be_repeated_may_wait(facts):
    waiting = row(facts, "signups")
    waiting.update(state="subscription_unknown", provider_shopper="1")
    assert INVARIANTS["I4"](facts)[1]
    facts.proven = False
    assert INVARIANTS["I4"](facts)[1] == []


def test_a_row_changed_behind_the_journal_is_seen_in_the_database(stage, honest):
    [(subscription,)] = stage.sql(
        "UPDATE checkout_sessions SET renewals = 9 WHERE id = (SELECT max(id) FROM checkout_sessions) RETURNING id"
    )
    try:
        verdict = faults_judge.judge(stage, sweep=False, deep=False)
        assert [one for one in verdict.violations if one.startswith("I14") and subscription in one]
    finally:
        stage.sql("UPDATE checkout_sessions SET renewals = 0 WHERE id = %s", subscription)


def test_a_second_sweep_that_writes_is_seen(stage, honest, monkeypatch):
    ran = stage.command

    def sweep_that_writes(*arguments):
        stage.sql("UPDATE charges SET recorded_at = recorded_at + interval '1 s'")
        return ran("settings")

    monkeypatch.setattr(stage, "command", sweep_that_writes)
    verdict = faults_judge.Verdict()
    faults_judge._second_sweep(stage, verdict)
    stage.sql("UPDATE charges SET recorded_at = recorded_at - interval '1 s'")
    assert "a second sweep changed ['charges']" in verdict.violations[0]


def test_a_planned_fault_that_never_fired_fails_the_run(stage, honest):
    stage.plan("A4", 2)
    stage.saw("A4")
    try:
        with pytest.raises(AssertionError, match="fault A4 was planned 2 times and seen 1 times"):
            faults_judge.assert_holds(stage, on=("I1",), sweep=False, deep=False)
    finally:
        stage.planned.clear()
        stage.fired.clear()


def test_an_invariant_that_looked_at_nothing_fails_the_run(stage, honest):
    stage.recorders.clear()
    with pytest.raises(AssertionError, match="I10 was evaluated on nothing"):
        faults_judge.assert_holds(stage, on=("I10",), sweep=False, deep=False)


def test_a_connection_to_a_recorder_is_counted():
    with Recorder() as recorder, requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.RequestException):
            session.get(recorder.url, timeout=5)
        called = faults_facts.Facts(recorders=[(recorder.port, recorder.connections)])
        assert INVARIANTS["I10"](called) == (1, [f"port {recorder.port} was called 1 times"])


def test_what_is_due_keeps_the_stack_from_being_quiet(stage, honest):
    stage.settled()
    stage.sql(
        "UPDATE subscriptions SET pending_change = 'change', pending_until = clock_timestamp() + interval '1 hour'"
    )
    try:
        assert faults_judge.unquiet(stage)["changes"] >= 2
        assert not faults_judge.is_quiet(stage)
    finally:
        stage.sql("UPDATE subscriptions SET pending_change = NULL, pending_until = NULL")
    assert faults_judge.is_quiet(stage)


def test_workers_that_use_more_than_before_are_not_back(stage, honest):
    assert faults_judge.Baseline.take(stage).back(stage)
    files, kilobytes = vars(faults_judge.Baseline.take(stage)).values()
    assert not faults_judge.Baseline(files // 2, kilobytes).back(stage)
    assert not faults_judge.Baseline(files, kilobytes // 2).back(stage)


def test_a_service_that_is_down_is_not_healthy(stage, honest):
    stage.stop("service")
    try:
        verdict = faults_judge.Verdict()
        assert faults_judge.healthy(stage, verdict, within=0.5) is None
        assert verdict.violations[0].startswith("I16: not healthy")
    finally:
        stage.start_again("service")
    assert faults_judge.healthy(stage) is not None
