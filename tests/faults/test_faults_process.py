"""Processes that are killed, crash, stall or stand still, and two of each where there should be one: what they were at is taken over, and done once.

Faults 1, 2, 3, 6, 11, 13 and 14 of the list; the crash matrix has every point and every death of a signup, here are races with notices and the other operations.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from pathlib import Path

import pytest

from tests.faults import faults_operations as operations
from tests.faults.faults_clients import Buyer
from tests.faults.faults_judge import assert_holds, unquiet
from tests.faults.faults_operations import CANCEL, CARD, MEMBERS, REBUY, REFUND, SUBSCRIBE, SWITCH, VAULT
from tests.faults.faults_serving import another_service, another_worker
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import ROOT, account_of, at_once, eventually, new_name, paused, told

pytestmark = pytest.mark.faults
FULL = Path("/dev/full")
#: Far longer than any test waits: a signup that is settled sooner was woken.
LONG_QUIET = "300"


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """The stage, and names of customers whose plan is over."""
    with FaultStage.start(tmp_path_factory.mktemp("process"), bugs=("hurry",), proxied=()) as stage:
        yield stage, operations.ended(stage, 4)


@pytest.fixture
def stage(ground):
    stage = ground[0]
    yield stage
    stage.go()
    stage.hold_again()
    stage.planned.clear()
    stage.fired.clear()


def state_of(stage, buyer):
    """The state of a buyer's newest attempt."""
    rows = stage.sql("SELECT state FROM signups WHERE account = %s ORDER BY id DESC LIMIT 1", buyer.account)
    return rows[0][0] if rows else None


def killed_at(stage, point, buyers, sign=signal.SIGKILL):
    """All buyers' requests are held at a point; then their processes get the signal. How many died."""
    for buyer in buyers:
        buyer.begin(hold_at=point)
    dying = set(stage.await_held(point, len(buyers)))
    for pid in dying:
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]
        stage.kill(pid, sign)
    for buyer in buyers:
        assert buyer.ended().status is None  # the connection broke
    eventually(lambda: not dying & set(stage.workers()))
    stage.hold_again()
    return len(dying)


def test_worker_killed_after_the_answer_leaves_a_sale_that_a_notice_settles_at_once(stage):
    """The quiet period would last five minutes: it is BlueSnap's own notice that ends it."""
    buyers = [Buyer(stage).open() for _ in range(6)]
    stage.plan("A1", 2)
    stage.lever("notices", {"mode": "hold"})
    with paused(stage), another_worker(stage, PANLESS_QUIET_SECONDS=LONG_QUIET):
        assert killed_at(stage, "create_subscription.answered", buyers)
        stage.saw("A1")
        eventually(lambda: {state_of(stage, one) for one in buyers} == {"subscription_unknown"}, within=60)
        assert buyers[0].complete(key=buyers[0].key).status == 202
        stage.lever("notices", {"mode": "send"})
        eventually(lambda: {state_of(stage, one) for one in buyers} == {"active"}, within=60)
    vaulting = [Buyer(stage).open() for _ in range(4)]
    assert killed_at(stage, "create_shopper.answered", vaulting)
    stage.saw("A1")
    for buyer in (*buyers, *vaulting):
        assert buyer.come_back().status == 201
        assert stage.sold(buyer.name) == (1, 1)
    assert len(stage.received("find_shopper")) >= len(vaulting)
    assert_holds(stage, buyers=(*buyers, *vaulting), on=("I1", "I2", "I15"), sweep=False, deep=False)


def test_worker_killed_before_its_answer_gives_the_same_one_later(stage):
    stage.plan("A2", 2)
    buyers = []
    for point in ("signup.active.committed", "key.kept"):
        held = [Buyer(stage).open() for _ in range(4)]
        assert killed_at(stage, point, held)
        stage.saw("A2")
        buyers += held
    before = stage.now_at()
    for buyer in buyers:
        first, again = buyer.come_back(), buyer.complete(key=buyer.key)
        assert (first.status, again.status) == (201, 201)
        assert first.body == again.body
    assert [one for one in stage.ledger(before) if one["kind"] in {"subscription", "charge"}] == []
    assert_holds(stage, buyers=buyers, on=("I1", "I2", "I15"), sweep=False, deep=False)


def test_provider_that_stalls_meets_our_own_deadline_and_kills_no_worker(ground, stage):
    _, over = ground
    some = [VAULT, SUBSCRIBE, SUBSCRIBE, REBUY, MEMBERS, CANCEL, REFUND]
    subjects = operations.prepare(stage, some, over)
    workers = set(stage.workers())
    stage.plan("A3", len(subjects))
    with paused(stage):
        for number, one in enumerate(subjects):
            stage.fail_next(one.operation.call, "delay", seconds=12, processed=bool(number % 2))
        begun = time.monotonic()
        operations.run_all(stage, subjects)
        assert time.monotonic() - begun < 12, "the deadline did not come first"
    for one in subjects:
        assert one.first.status_code == 202, told(one.first)
        stage.saw("A3")
    assert set(stage.workers()) == workers
    assert not [
        one for one in stage.service_log() if one["event"] == "gunicorn.worker_timeout" and one["pid"] in workers
    ]
    for one in subjects:
        operations.finish(stage, one)
        if one.operation in operations.BUYING:
            sold = 2 if one.operation is REBUY else 1
            assert stage.sold(one.name) == (sold, sold)
    assert_holds(stage, on=("I1", "I2", "I9"), sweep=False, deep=False)


#: Where an operation is held when its process is made to stand still: BlueSnap has answered, and nothing of it is written.
HELD = {
    VAULT: "create_shopper.answered", SUBSCRIBE: "create_subscription.answered", REBUY: "create_subscription.answered",
    MEMBERS: "update_subscription.answered", CANCEL: "update_subscription.answered", REFUND: "refund.answered",
    CARD: "add_card.answered", SWITCH: "update_subscription.answered",
}  # fmt: skip


def test_worker_that_stood_still_writes_nothing_when_it_wakes(ground, stage):
    """Everything that it was at has been taken over by then; it tells its callers how that ended."""
    _, over = ground
    some = [VAULT, SUBSCRIBE, SUBSCRIBE, REBUY, MEMBERS, CANCEL, REFUND, CARD]
    subjects = operations.prepare(stage, some, over)
    points = [HELD[one.operation] for one in subjects]
    stage.plan("A6", len(subjects))
    master = stage.stack.children["service"].pid
    with operations.later(stage, subjects, points) as answers:
        for point in set(points):
            stage.await_held(point, points.count(point))
        still = [master, *stage.workers()]  # the master too: it would kill a worker that says nothing
        for pid in still:
            os.kill(pid, signal.SIGSTOP)
        try:
            try:
                # all but BlueSnap's notices, which nobody takes now
                eventually(lambda: unquiet(stage).keys() <= {"notices on their way"}, within=90)
                taken = stage.sql(
                    "SELECT count(*) FROM signups WHERE fence > 1 AND account = ANY(%s)",
                    [account_of(one.name) for one in subjects],
                )
                assert taken == [(5,)]  # all that are signups, the card's too
                before = stage.sql("SELECT count(*) FROM entries")
                stage.go()
            finally:
                for pid in still[1:]:
                    os.kill(pid, signal.SIGCONT)
            answers()  # before the master wakes: it would find that its workers have said nothing for too long
        finally:
            os.kill(master, signal.SIGCONT)
    late = stage.sql("SELECT act, actor FROM entries ORDER BY number OFFSET %s", before[0][0])
    assert {act for act, _ in late} <= {
        "event.told",
        "notice.replayed",
        "notice.settled",
        "subscription.ending",
        "subscription.change_settled",
        "charge.recorded",
    }
    for one in subjects:
        stage.saw("A6")
        if one.operation not in {VAULT, CARD}:
            assert one.first.status_code in one.operation.done, f"{one.operation.name}: {told(one.first)}"
        operations.finish(stage, one)
    for one in subjects:
        if one.operation in operations.BUYING:
            sold = 2 if one.operation is REBUY else 1
            assert stage.sold(one.name) == (sold, sold), one.operation.name
    assert_holds(stage, on=("I1", "I2", "I6", "I8", "I14"), sweep=False, deep=False)


def test_request_that_stood_still_loses_its_key_to_the_next_one(stage):
    buyer = Buyer(stage).open()
    stage.plan("A6 key")
    buyer.begin(hold_at="signup.shopper_requested.committed")
    [pid] = stage.await_held("signup.shopper_requested.committed")
    master = stage.stack.children["service"].pid
    for one in (master, pid):
        os.kill(one, signal.SIGSTOP)
    try:
        fence = "SELECT fence FROM idempotency_keys WHERE key = %s"
        other = Buyer(stage, name=buyer.name)
        other.session = buyer.session
        # the other worker answers: first that somebody is at it, and once the lease is over what is true then
        eventually(lambda: other.complete(key=buyer.key).status != 409, within=60)
        assert stage.sql(fence, uuid.UUID(buyer.key))[0][0] > 1
        eventually(lambda: state_of(stage, buyer) == "released", within=60)
        assert other.persist().status == 201
        stage.go()
    finally:
        for one in (pid, master):
            os.kill(one, signal.SIGCONT)
    answer = buyer.ended()
    assert answer.status == 201, answer
    assert answer.body == other.answers[-1].body
    stage.saw("A6 key")
    assert stage.sold(buyer.name) == (1, 1)
    assert_holds(stage, buyers=[buyer, other], on=("I1", "I2", "I15"), sweep=False, deep=False)


def test_look_that_stood_still_does_not_undo_what_a_later_one_saw(stage):
    name = new_name()
    stage.buy(name)
    stage.settled()
    [subscription] = stage.done_for(name, "subscription")
    stage.plan("A6 look")
    worker = stage.stack.children["worker"]
    stage.arm("list_charges.answered")
    stage.lever("change", {"subscription_id": subscription["id"], "auto_renew": False})
    assert stage.await_held("list_charges.answered") == [worker.pid]
    worker.send_signal(signal.SIGSTOP)
    try:
        stage.lever("change", {"subscription_id": subscription["id"], "auto_renew": True})
        with another_worker(stage):
            stage.settled()
            assert stage.account(name)["subscription"]["renews"]
        stage.go()
    finally:
        worker.send_signal(signal.SIGCONT)
    stage.saw("A6 look")
    stage.settled()
    assert stage.account(name)["subscription"]["renews"]
    assert_holds(stage, on=("I4", "I8"), sweep=False, deep=False)


def test_full_disk_of_the_logs_loses_lines_and_nothing_else(stage):
    stage.plan("A11", 2)
    with (
        another_service(stage, log=FULL) as mute,
        paused(stage),
        another_worker(stage, log=FULL) as worker,
    ):
        pages = [Buyer(mute).open() for _ in range(4)]
        stage.fail_next("create_subscription", "drop_after")
        assert sorted(buyer.complete().status for buyer in pages) == [201, 201, 201, 202]
        for buyer in pages:
            assert buyer.come_back().status == 201
            assert stage.sold(buyer.name) == (1, 1)
        assert mute.call("GET", "/v1/accounts/acct-a").status_code == 401
        assert mute.metric("panless_log_records_lost_total") > 20
        stage.saw("A11")
        assert mute.process.poll() is None
        assert worker.poll() is None
        stage.saw("A11")
    accounts = [buyer.account for buyer in pages]
    entries = "SELECT count(*) FROM entries WHERE act = 'signup.active' AND account = ANY(%s)"
    assert stage.sql(entries, accounts) == [(4,)]
    assert_holds(stage, buyers=pages, on=("I1", "I2", "I6", "I14"), sweep=False, deep=False)


def test_segmentation_fault_leaves_no_core_and_the_signup_goes_on(stage):
    stage.plan("A13", 2)
    places = [ROOT, stage.stack.log_folder.parent, Path(stage.stack._environments["service"]["TMPDIR"])]
    before = {path for place in places for path in place.iterdir()}
    buyers = [Buyer(stage).open() for _ in range(3)]
    stage.arm("list_subscriptions.answered")
    assert killed_at(stage, "create_subscription.answered", buyers, signal.SIGSEGV)
    stage.saw("A13")
    # and the process that takes it over, in its turn
    stage.arm("list_subscriptions.answered")
    worker = stage.stack.children["worker"]
    assert stage.await_held("list_subscriptions.answered", within=60) == [worker.pid]
    worker.send_signal(signal.SIGSEGV)
    ended = os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    assert (ended.si_status, ended.si_code) == (signal.SIGSEGV, os.CLD_KILLED)  # and not CLD_DUMPED
    worker.wait(10)
    stage.hold_again()
    stage.saw("A13")
    stage.start_again("worker")
    for buyer in buyers:
        assert buyer.come_back().status == 201
        assert stage.sold(buyer.name) == (1, 1)
    made = {path for place in places for path in place.iterdir()} - before
    assert not [path for path in made if path.name.startswith("core")]
    assert_holds(stage, buyers=buyers, on=("I1", "I2", "I15"), sweep=False, deep=False)


def test_two_masters_on_one_database_have_one_effect_between_them(stage):
    """What a bad deploy leaves: the old one was not stopped. The same requests and notices come to both."""
    stage.plan("A14", 3)
    with another_service(stage) as second:
        buyers = [Buyer(stage).open() for _ in range(8)]
        twins = [Buyer(second, name=buyer.name) for buyer in buyers]
        for buyer, twin in zip(buyers, twins, strict=True):
            twin.session, key = buyer.session, str(uuid.uuid4())
            first = at_once(
                lambda one=buyer, key=key: one.complete(key=key), lambda one=twin, key=key: one.complete(key=key)
            )
            assert {answer.status for answer in first} <= {201, 202, 409}
        for one in (*buyers, *twins):
            assert one.come_back().status == 201
            assert stage.sold(one.name) == (1, 1)
        stage.saw("A14")
        _notices_to_both(stage, second, buyers)
        _refunds_at_both(stage, second)
    assert_holds(
        stage, buyers=(*buyers, *twins), on=("I1", "I2", "I3", "I4", "I5", "I6", "I8", "I9", "I14", "I15", "I16")
    )


def _notices_to_both(stage, second, buyers):
    """Every notice of a charge once more, to the one and to the other master."""
    for buyer in buyers:
        stage.delivered(buyer.name)
    references = [stage.done_for(buyer.name, "charge")[0]["id"] for buyer in buyers]
    kept = "SELECT count(*) FROM notices WHERE reference = ANY(%s)"
    before = stage.sql(kept, references)
    urls = [f"{one.stack.service_url}/webhooks/bluesnap" for one in (second, stage)]
    for url in urls:
        stage.lever("notices", {"url": url})
        for reference in references:
            stage.lever("notices", {"resend": reference, "times": 2})
        stage.quiet()
    sent = [one for one in stage.lever("notices")["notices"] if one["reference"] in references]
    assert all(delivery["status"] == 200 for one in sent for delivery in one["deliveries"][-4:])
    assert second.metric("panless_notices_total") > 0
    assert stage.sql(kept, references) == before == [(len(references),)]
    stage.saw("A14")


def _refunds_at_both(stage, second):
    """The same order with the same key, to both at once."""
    subjects = operations.prepare(stage, [REFUND] * 3)
    for one in subjects:
        at_once(lambda one=one: one.operation.run(stage, one), lambda one=one: one.operation.run(second, one))
        operations.finish(stage, one)
        given = [
            entry["amount"]
            for entry in stage.ledger()
            if entry.get("transaction_id") == one.charge["reference"] and entry["kind"] == "refund"
        ]
        assert given == ["29.00"]
    stage.saw("A14")
