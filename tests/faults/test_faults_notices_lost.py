"""Notices whose receiver dies, that cannot be applied, that nobody sent, and of nobody we know: nothing that was acknowledged is lost."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.faults import faults_judge
from tests.faults.faults_notices import (
    bodies,
    bought,
    charges,
    composed,
    form_of,
    give_back,
    go,
    inbox,
    looked,
    now,
    only_once,
    taken,
    unheard,
)
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import account_of, eventually, paused

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("lost")) as running:
        yield running


@pytest.fixture(autouse=True)
def plans_of_its_own(stage):
    stage.planned.clear()
    stage.fired.clear()


# 62: the process dies


def test_kill_between_inbox_and_answer_loses_nothing_and_does_nothing_twice(stage):
    stage.plan("F62 before the answer")
    with unheard(stage) as (_, body):
        stage.arm("notice.committed")
        reference = form_of(body)["referenceNumber"]
        stage.lever("notices", {"resend": reference, "type": "RECURRING"})
        [pid] = stage.await_held("notice.committed")
        assert charges(stage, reference)[:2] == (1, 1), "committed before it is acknowledged"
        stage.kill(pid)
        told_of = eventually(lambda: delivered(stage, reference), within=60)
        assert [one["status"] for one in told_of["deliveries"]][-1] == 200
        assert None in [one["status"] for one in told_of["deliveries"]]
        stage.saw("F62 before the answer")
        stage.hold_again()
        assert inbox(stage, body) == [("applied", None)]
        assert charges(stage, reference)[:2] == (1, 1)
    faults_judge.assert_holds(stage, on=("I1", "I3"), deep=False)


def delivered(stage, reference):
    found = [one for one in stage.lever("notices")["notices"] if one["reference"] == reference]
    return next((one for one in found if one["type"] == "RECURRING" and one["state"] == "delivered"), None)


def test_kill_between_answer_and_look_is_resumed_by_the_next_worker(stage):
    stage.plan("F62 after the answer")
    name, subscription = bought(stage)
    looked(stage)
    stage.settled()
    stage.arm("get_subscription.sent")
    stage.lever("cancel", {"subscription_id": subscription})
    [pid] = stage.await_held("get_subscription.sent", within=60)
    assert pid == stage.stack.children["worker"].pid
    stage.kill_group("worker")
    stage.saw("F62 after the answer")
    [body] = bodies(stage, subscription, "CANCELLATION")
    assert inbox(stage, body) == [("hint", "look")]
    assert stage.account(name)["subscription"]["status"] == "active"
    stage.hold_again()
    stage.start_again("worker")
    eventually(lambda: inbox(stage, body) == [("applied", "by_look")], within=60)
    assert stage.sql("SELECT status FROM subscriptions WHERE account = %s", account_of(name)) == [("ended",)]
    faults_judge.assert_holds(stage, on=("I3", "I4"), deep=False)


# 63: it cannot be applied


def test_poison_is_set_aside_after_five_tries_and_blocks_nobody(stage):
    stage.plan("F63")
    with unheard(stage) as (_, body):
        _, other = bought(stage)
        go(stage, "P1M")
        [next_one] = bodies(stage, other, "RECURRING")
        reference = form_of(body)["referenceNumber"]
        poison(stage, reference)
        alarm = stage.metric("panless_notices_total", type="RECURRING", outcome="failed")
        taken(stage, body)
        taken(stage, next_one)
        assert inbox(stage, body) == [("failed", "not_applicable")]
        only_once(stage, next_one)
        assert stage.metric("panless_notices_total", type="RECURRING", outcome="failed") == alarm + 1
    go(stage, "PT7H")
    eventually(lambda: inbox(stage, body) == [("failed", "set_aside")], within=120)
    [(notice,)] = stage.sql("SELECT id FROM notices WHERE outcome = 'failed'")
    eventually(lambda: said_of(stage, notice) == {"notice.failed": 5, "notice.set_aside": 1})
    stage.saw("F63")
    listed = json.loads(stage.command("notices", "list", "--outcome", "failed", "--json").stdout)
    assert [one["id"] for one in listed] == [notice]
    cure(stage)
    assert stage.command("notices", "replay", notice).returncode == 0
    assert inbox(stage, body)[0][0] == "applied"
    faults_judge.assert_holds(stage, on=("I3", "I4"), deep=False)


def poison(stage, reference):
    """What tells of this payment cannot be written down; a look can."""
    stage.sql(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.source = 'notice' AND NEW.reference"
        f" = '{int(reference)}' THEN RAISE EXCEPTION 'poison' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$"
    )
    stage.sql("CREATE TRIGGER poison BEFORE INSERT ON charges FOR EACH ROW EXECUTE FUNCTION poison()")


def cure(stage):
    stage.sql("DROP TRIGGER poison ON charges")
    stage.sql("DROP FUNCTION poison")


def said_of(stage, notice):
    """What service and worker have said of a notice at level error, and how often."""
    lines = "".join(text for name, text in stage.logs().items() if name.startswith(("service.log", "worker.log")))
    told = [json.loads(line) for line in lines.splitlines() if notice in line and '"error"' in line]
    return Counter(one["event"] for one in told if one["level"] == "error")


# 65, 66: nobody told us; nobody we know


def test_silence_longer_than_bluesnap_tries_is_made_good_by_the_sweep_alone(stage):
    stage.plan("F65")
    stage.settled()
    names = {what: bought(stage) for what in ("renewed", "cancelled", "declined", "refunded")}
    ids = {what: subscription for what, (_, subscription) in names.items()}
    stage.settled()
    stage.lever("notices", {"mode": "drop"})
    with paused(stage):  # by itself it would look at what is due
        stage.lever("card", {"subscription_id": ids["declined"], "outcome": "CALL_ISSUER"})
        first = {one["subscription_id"]: one["id"] for one in stage.ledger() if one["kind"] == "charge"}
        stage.lever("cancel", {"subscription_id": ids["cancelled"], "at_period_end": True})
        give_back(stage, first[ids["refunded"]], 10)
        go(stage, "P1M")
        go(stage, "PT41H")
        lost = [one for one in stage.lever("notices")["notices"] if one["state"] == "dropped"]
        assert {"RECURRING", "REFUND", "SUBSCRIPTION_CHARGE_FAILURE"} <= {one["type"] for one in lost}
        stage.saw("F65")
        stage.lever("notices", {"mode": "send"})
        done = stage.command("sweep", "--apply", "--charges", "--most", "1000")
        assert done.returncode in {0, 1}, done.stderr
        states = "SELECT provider_subscription, status, renews FROM subscriptions WHERE provider_subscription = ANY(%s)"
        shown = {one[0]: one[1:] for one in stage.sql(states, list(ids.values()))}
        assert {what: shown[one][0] for what, one in ids.items()} == {
            "renewed": "active",
            "cancelled": "ended",
            "declined": "past_due",
            "refunded": "active",
        }
        assert charges_of(stage, ids["renewed"]) == charges_there(stage, ids["renewed"]) == 2
    # whoever is in arrears is looked at again and again; the card is mended, and BlueSnap's next try ends that
    stage.lever("card", {"subscription_id": ids["declined"], "outcome": "success"})
    go(stage, "P3D")
    own = "SELECT status FROM subscriptions WHERE provider_subscription = %s"
    eventually(lambda: stage.sql(own, ids["declined"]) == [("active",)], within=60)
    faults_judge.assert_holds(stage, on=("I3", "I4", "I5"), deep=False)


def charges_of(stage, subscription):
    query = "SELECT count(*) FROM charges JOIN subscriptions ON subscriptions.id = subscription_id"
    return stage.sql(f"{query} WHERE provider_subscription = %s", subscription)[0][0]


def charges_there(stage, subscription):
    return sum(one["kind"] == "charge" and one["subscription_id"] == subscription for one in stage.ledger())


def test_notice_for_nobody_we_know_is_kept_until_the_sweep_decides(stage):
    stage.plan("F66", times=2)
    strange = composed(
        "CHARGE", at=now(stage), subscriptionId="7999001", referenceNumber="7999002", accountId="7999003",
        invoiceChargeAmount="87.00", invoiceChargeCurrency="USD",
    )  # fmt: skip
    taken(stage, strange)
    assert inbox(stage, strange) == [("waiting", "subscription_unknown")]
    stage.saw("F66")
    seeded = stage.lever("seed", {"subscriptions": [{"amount": 87}], "notices": True})["subscriptions"][0]
    subscription, transaction = str(seeded["subscription_id"]), str(seeded["transaction_id"])
    body = eventually(lambda: bodies(stage, subscription, "CHARGE"))[0]
    eventually(lambda: inbox(stage, body) == [("waiting", "subscription_unknown")])
    stage.saw("F66")
    assert stage.sql("SELECT count(*) FROM charges WHERE reference = ANY(%s)", ["7999002", transaction]) == [(0,)]
    stage.command("sweep", "--apply")
    opened = stage.sql("SELECT reference FROM tasks WHERE kind = 'unknown_subscription' AND state = 'open'")
    assert (subscription,) in opened
    assert ("7999001",) not in opened  # there is no such thing at BlueSnap: nothing to decide
    faults_judge.assert_holds(stage, on=("I3", "I5"), deep=False)
