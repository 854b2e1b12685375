"""Commits of which nobody knows how they ended: the connection is cut at the COMMIT (fault 15), or PostgreSQL takes its promise back (fault 28)."""

from __future__ import annotations

import contextlib
import threading
import uuid

import pytest

from tests.faults import faults_judge, faults_notices
from tests.faults.faults_clients import Buyer
from tests.faults.faults_database import (
    Customer,
    admin,
    all_at_once,
    heard,
    raw,
    refused,
    setting,
    until_final,
    with_worker,
)
from tests.faults.faults_database_way import ANSWER_LOST, LOST, DatabaseProxy
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import at_once, new_name

pytestmark = pytest.mark.faults

#: The transactions of a completion, by what is written in them and by nothing else: (having, without).
COMPLETION = {
    "the key is claimed": (("INSERT INTO idempotency_keys",), ()),
    "the intent": (("INSERT INTO signups",), ()),
    "the shopper is vaulted": (("UPDATE signups", "UPDATE checkout_sessions"), ("INSERT INTO signups", "UPDATE subscriptions")),
    "the subscription is active": (("UPDATE signups", "UPDATE subscriptions"), ()),
    "the answer is kept": (("UPDATE idempotency_keys",), ()),
}  # fmt: skip
CANCEL_WAITS = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commit")
    with FaultStage.start(folder, server={"synchronous_commit": "on"}, bugs=("hurry",)) as made:
        yield with_worker(made)


@pytest.fixture(scope="module")
def way(stage):
    with DatabaseProxy("127.0.0.1", stage.server.port).between(stage) as made:
        faults_judge.healthy(stage)
        yield made


def cut(stage, way, how, terms, act):
    """What an act is answered at whose COMMIT the connection is cut."""
    having, without = terms
    stage.plan("B15")
    ordered = way.cut_next(how, having=having, without=without)
    answer = heard(act)
    assert ordered.done == 1, "no such transaction came by"
    stage.saw("B15")
    return answer


def test_signup_survives_a_cut_at_any_of_its_commits(stage, way):
    buyers, made = [], {}
    for how in (LOST, ANSWER_LOST):
        for step, terms in COMPLETION.items():
            buyer = Buyer(stage).open()
            refused(cut(stage, way, how, terms, lambda buyer=buyer: raw(buyer)))
            buyers.append(buyer)
            if step == "the intent":
                made[how] = stage.sql("SELECT count(*) FROM signups WHERE account = %s", buyer.account)[0][0]
            # before the next cut: else the worker, who settles what is left undecided, may be the one that it meets
            assert buyer.persist().status == 201
            assert stage.sold(buyer.name) == (1, 1)
    assert made == {LOST: 0, ANSWER_LOST: 1}  # what was not known to the service was one time so and one time so
    faults_judge.assert_holds(stage, buyers=buyers, on=("I1", "I2", "I5", "I15"), sweep=False, deep=False)


#: What the platform asks for, by the transactions of it. What the worker may do meanwhile for those before is written in none of those behind.
ORDERS = {
    "session": (("INSERT INTO checkout_sessions",), ()),
    "change confirmed": (("INSERT INTO prices",), ()),
    "change intended": (("pending_members=",), ("INSERT INTO prices",)),
    "refund answered": (("UPDATE refunds",), ()),
    "refund intended": (("INSERT INTO refunds",), ()),
}


def test_sessions_changes_and_refunds_survive_a_cut_commit(stage, way):
    asked = [(kind, how) for kind in ORDERS for how in (LOST, ANSWER_LOST)]
    customers = [Customer(stage) for _ in asked]
    stage.settled()
    acts = [platform(stage, kind, customer) for (kind, _), customer in zip(asked, customers, strict=True)]
    for (kind, how), act in zip(asked, acts, strict=True):
        refused(cut(stage, way, how, ORDERS[kind], act))
    assert [answer.status_code for answer in at_once(*(lambda act=act: until_final(act) for act in acts))] == [
        200 if kind.startswith("change") else 201 for kind, _ in asked
    ]
    for (kind, _), customer in zip(asked, customers, strict=True):
        assert customer.refunded() == (["10.00"] if kind.startswith("refund") else [])
        assert customer.members() == (4 if kind.startswith("change") else 3)
        assert stage.sold(customer.name) == (1, 1)
    faults_judge.assert_holds(stage, on=("I1", "I2", "I4", "I5", "I15"))


def platform(stage, kind, customer):
    """What it asks, each time with the same key."""
    key, stranger = str(uuid.uuid4()), new_name()
    return {
        "session": lambda: stage.order(stranger, key=key),
        "change": lambda: customer.change(4),
        "refund": lambda: customer.refund("10.00", key),
    }[kind.partition(" ")[0]]


@pytest.mark.parametrize("how", [LOST, ANSWER_LOST])
def test_notice_whose_commit_is_cut_is_told_again_and_counts_once(stage, way, how):
    with faults_notices.kept_back(stage):
        name, provider = faults_notices.bought(stage)
        [body] = faults_notices.bodies(stage, provider)
        taken = (("INSERT INTO notices",), ())
        refused(cut(stage, way, how, taken, lambda: faults_notices.deliver(stage, body)))
        assert len(faults_notices.inbox(stage, body)) == (how == ANSWER_LOST)
        faults_notices.taken(stage, body)
    assert [outcome for outcome, _ in faults_notices.inbox(stage, body)] == ["applied"]
    stage.quiet()
    assert faults_notices.charges(stage, faults_notices.form_of(body)["referenceNumber"])[0] == 1
    assert stage.sold(name) == (1, 1)


def test_commit_whose_wait_for_standbys_is_cancelled_is_no_success(stage):
    buyers = [Buyer(stage).open() for _ in range(2)]
    claiming, activating = buyers
    with faults_notices.kept_back(stage):
        _, provider = faults_notices.bought(stage)
        [body] = faults_notices.bodies(stage, provider)
        activating.begin(hold_at="create_subscription.answered")
        stage.await_held("create_subscription.answered")
        stage.plan("B28")
        with waiting_for_standbys(stage), cancelled(stage):
            stage.go()
            answers = all_at_once(lambda: raw(claiming), lambda: faults_notices.deliver(stage, body))
            assert activating.ended().status == 503
            for answer in answers:
                refused(answer)
        assert len(faults_notices.inbox(stage, body)) == 1, "the commit was not made at all"
        assert stage.sold(activating.name) == (1, 1)
        faults_notices.taken(stage, body)
    stage.saw("B28")
    assert len(faults_notices.inbox(stage, body)) == 1
    for buyer in buyers:
        assert buyer.persist().status == 201
    faults_judge.assert_holds(stage, buyers=buyers, on=("I1", "I2", "I3", "I5", "I15"), sweep=False)


@contextlib.contextmanager
def waiting_for_standbys(stage):
    """Every commit waits for a standby that is not there."""
    setting(stage, "synchronous_standby_names", "nobody")
    try:
        yield
    finally:
        setting(stage, "synchronous_standby_names", None)


@contextlib.contextmanager
def cancelled(stage):
    """An administrator cancels whatever waits for a standby; fails if nothing did."""
    over, done = threading.Event(), []

    def cancel():
        with admin(stage) as connection:
            while not over.wait(0.02):
                done.extend(connection.execute(CANCEL_WAITS).fetchall())

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)
    assert done
