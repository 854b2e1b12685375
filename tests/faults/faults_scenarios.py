"""Short scenarios that a right service passes, and that a service with a certain mistake in it (bugs.py) must not pass. Functions on a FaultStage.

A scenario fails with an AssertionError that begins with the invariant: `I1: …`. Those of the list are judged by the judge; what holds only for
a moment is demanded on the spot.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.faults import faults_scenarios_answers as answers_of
from tests.faults.faults_database import setting
from tests.faults.faults_demands import complete_held, demand, judge, later
from tests.journeys.journeys_stage import PAYER, account_of, eventually, new_name

# notices


def a_worker_dies_between_effect_and_notice(stage):
    """Killed at the first commit that has a notice's effect: the notice must be in it."""
    name = new_name()
    # or the first one may wait for the purchase, and never be applied by this bug
    stage.lever("notices", {"mode": "hold"})
    stage.buy(name)
    stage.lever("notices", {"mode": "send"})
    stage.settled()
    stage.kill_group("worker")  # or its look is quicker than the notice
    stage.arm("charge.recorded.committed")
    with later(lambda: stage.lever("clock", {"advance": "P1M"})):
        [process] = stage.await_held("charge.recorded.committed", within=60)
        effects = "SELECT count(*) FROM charges c WHERE c.source = 'notice' AND NOT EXISTS"
        [(alone,)] = stage.sql(f"{effects} (SELECT 1 FROM notices n WHERE n.reference = c.reference)")
        stage.kill(process)
        stage.hold_again()
    stage.start_again("worker")
    demand("I3", alone == 0, "an effect was committed without its notice")
    judge(stage, "I3")


#: The inbox has no room, as on a full disk; a sequence, which no rollback takes back, counts who wanted to write.
FULL = """
CREATE SCHEMA full_disk;
CREATE SEQUENCE full_disk.tries;
CREATE FUNCTION full_disk.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM nextval('full_disk.tries');
    RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER no_room BEFORE INSERT ON notices FOR EACH ROW EXECUTE FUNCTION full_disk.refuse();
"""


def the_inbox_cannot_be_written(stage):
    """While nothing can be recorded nothing is acknowledged; BlueSnap sends again."""
    name = new_name()
    stage.sql(FULL)
    try:
        stage.buy(name)
        eventually(lambda: stage.sql("SELECT is_called FROM full_disk.tries")[0][0], within=60)
    finally:
        stage.sql("DROP TRIGGER no_room ON notices")
        stage.sql("DROP SCHEMA full_disk CASCADE")
    stage.delivered(name)
    [charge] = stage.done_for(name, "charge")
    [(kept,)] = stage.sql("SELECT count(*) FROM notices WHERE reference = %s", charge["id"])
    demand("I3", kept == 1, f"a notice that was answered 200 is in the inbox {kept} times")
    judge(stage, "I3", name)


def a_notice_comes_again_after_forty_hours(stage):
    """BlueSnap sends for up to forty hours; what it said once has happened once."""
    name = new_name()
    stage.buy(name)
    told = stage.delivered(name)
    stage.lever("clock", {"advance": "PT40H"})
    stage.lever("notices", {"resend": told["reference"]})
    eventually(lambda: len(stage.delivered(name)["deliveries"]) > len(told["deliveries"]))
    [(kept,)] = stage.sql("SELECT count(*) FROM notices WHERE reference = %s", told["reference"])
    demand("I3", kept == 1, f"a notice is in the inbox {kept} times")
    judge(stage, "I3", name)


def a_payment_is_told_after_its_subscription_ended(stage):
    """The notice of the first charge is held back until the customer has his money back and is gone."""
    name = new_name()
    stage.lever("notices", {"mode": "hold"})
    try:
        stage.buy(name)
        charges = f"/v1/accounts/{account_of(name)}/charges"
        [charge] = stage.call("GET", charges, auth=stage.stack.api_key).json()["charges"]
        body = {"reason": "requested_by_customer", "cancel_subscription": True}
        path = f"/v1/charges/{charge['id']}/refunds"
        stage.call("POST", path, auth=stage.stack.api_key, key=str(uuid.uuid4()), json=body)
        eventually(lambda: _status(stage, name) == "ended", within=60)
    finally:
        stage.lever("notices", {"mode": "send"})
    stage.delivered(name)
    status = _status(stage, name)
    demand("I8", status == "ended", f"an ended subscription is {status} by an older notice")
    judge(stage, "I8")


# leases, fences, keys, commits


def a_commit_is_on_no_standby(stage):
    """Commits wait for a standby that is not there, and an administrator ends their waiting: what may be lost is not acknowledged."""
    setting(stage, "synchronous_standby_names", "nobody")
    try:
        with later(lambda: stage.order(new_name())) as answers:
            while not answers:
                stage.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
                time.sleep(0.05)
    finally:
        setting(stage, "synchronous_standby_names", None)
    status = answers[0].status_code
    demand("I11", status == 503, f"what is on one server only was answered {status}")
    judge(stage, "I16")


def a_host_has_another_clock(stage):
    """The worker's host is an hour ahead. It may not take what a request is working on."""
    slow, others = new_name(), [new_name(), new_name()]
    session = stage.open(slow, card="visa")
    point = "signup.subscription_requested.committed"
    (stage.holds / "skew.work").write_text("3600")
    try:
        with later(lambda: complete_held(stage, session, slow, point)):
            stage.await_held(point)
            for name in others:  # whoever is settled shows that the worker has looked for work
                bait = stage.open(name, card="visa")
                stage.fail_next("create_subscription", "drop_after")
                stage.complete(bait, name)
                stage.decided(bait)
            [(fence,)] = stage.sql("SELECT fence FROM signups WHERE account = %s", account_of(slow))
            stage.go()
    finally:
        (stage.holds / "skew.work").unlink()
        stage.hold_again()
    demand("lease", fence == 1, "a signup was taken over before its lease had ended in the database")
    judge(stage, "I1", slow, *others)


def a_request_wakes_after_its_lease(stage):
    """Where BlueSnap ignores keys: a request stands still until the worker has done its work, and must not do it again."""
    name = new_name()
    session = stage.open(name, card="visa")
    stage.lever("behaviour", {"idempotency": "ignored"})
    try:
        with later(lambda: complete_held(stage, session, name, "create_shopper.answered")):
            stage.await_held("create_shopper.answered")
            stage.decided(session)
            stage.go()
    finally:
        stage.lever("behaviour", {"idempotency": "on"})
        stage.hold_again()
    judge(stage, "I1", name)


def a_key_comes_again_with_another_body(stage):
    """The outcome is unknown; the same key for another payer is refused and does nothing."""
    name = new_name()
    session = stage.open(name, card="visa")
    key = str(uuid.uuid4())
    stage.fail_next("create_subscription", "drop_after")
    first = stage.complete(session, name, key=key)
    other = stage.complete(session, name, key=key, payer={"first_name": new_name(), **PAYER})
    demand(
        "I15",
        (first.status_code, other.status_code) == (202, 422),
        f"answered {first.status_code}, {other.status_code}",
    )
    judge(stage, "I15", name)


def _status(stage, name):
    rows = stage.sql("SELECT status FROM subscriptions WHERE account = %s ORDER BY created_at", account_of(name))
    return rows[-1][0]


#: No scenario of these waits for a lease to end, and one needs a lease that lasts.
PROVEN = {"PANLESS_IDEMPOTENCY_PROVEN": "true", "PANLESS_LEASE_SECONDS": "30"}
UNPROVEN = {"PANLESS_IDEMPOTENCY_PROVEN": "false"}


@dataclass(frozen=True)
class Trial:
    """A mistake, the scenario that must find it, the invariant by which, and the settings that it needs."""

    bug: str
    scenario: Any
    finds: str
    settings: dict[str, str] = field(default_factory=lambda: PROVEN)


TRIALS = (
    Trial("fresh_key", answers_of.an_answer_is_lost_and_lookups_lag, "I1"),
    Trial("server_error_is_failure", answers_of.a_server_error_hides_a_charge, "I1"),
    Trial("broad_except", answers_of.an_answer_that_charged_is_lost, "I1"),
    Trial("no_quiet_period", answers_of.a_charge_lands_late, "I1", UNPROVEN),
    Trial("repeat_unproven", answers_of.an_answer_is_lost_where_keys_are_ignored, "I1", UNPROVEN),
    Trial("refund_without_reservation", answers_of.two_refunds_ask_for_more_than_was_paid, "I1"),
    Trial("apply_before_commit", a_worker_dies_between_effect_and_notice, "I3"),
    Trial("early_acknowledgement", the_inbox_cannot_be_written, "I3"),
    Trial("short_dedup_window", a_notice_comes_again_after_forty_hours, "I3"),
    Trial("notice_revives", a_payment_is_told_after_its_subscription_ended, "I8"),
    Trial("commit_warning_ignored", a_commit_is_on_no_standby, "I11"),
    Trial("app_time_leases", a_host_has_another_clock, "lease"),
    Trial("no_fence", a_request_wakes_after_its_lease, "I1", UNPROVEN),
    Trial("key_released_after_unknown", a_key_comes_again_with_another_body, "I15"),
)
