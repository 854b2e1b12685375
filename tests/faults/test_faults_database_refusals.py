"""A database that answers, and does not serve: read-only (fault 17), locked (20), in deadlocks (23), without connections (24), slow (25)."""

from __future__ import annotations

import contextlib
import uuid

import psycopg
import pytest

from tests.faults import faults_judge, faults_notices
from tests.faults.faults_clients import Buyer, all_of
from tests.faults.faults_database import (
    Customer,
    admin,
    all_at_once,
    calls,
    raw,
    refused,
    setting,
    with_worker,
)
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually, new_name

pytestmark = pytest.mark.faults

#: Few, so that they are used up soon; the service takes at most 52 of them.
CONNECTIONS = 70
#: Wider than usual, as in production a request's are: a purchase is some eighty statements, which take their time where each is slow.
DEADLINES = {
    "PANLESS_READ_SECONDS": "10",
    "PANLESS_TOTAL_SECONDS": "10",
    "PANLESS_CHARGE_READ_SECONDS": "20",
    "PANLESS_CHARGE_TOTAL_SECONDS": "20",
}
#: What a lock is waited for, and far less than two of them on a machine that is busy.
LOCK_SECONDS, SOON = 2.0, 15.0
#: A purchase has more than these.
STATEMENTS = 30
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid' AND application_name = 'panless'"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    settings, server = DEADLINES, {"max_connections": str(CONNECTIONS)}
    with FaultStage.start(folder, settings=settings, server=server, bugs=("hurry",)) as made:
        yield with_worker(made)


@contextlib.contextmanager
def read_only(stage):
    setting(stage, "default_transaction_read_only", "on")
    try:
        yield
    finally:
        setting(stage, "default_transaction_read_only", None)


def test_read_only_database_refuses_before_bluesnap_is_called(stage):
    customer, canceled, buyer = Customer(stage), Customer(stage), Buyer(stage).open()
    assert canceled.cancel().status_code == 200
    with faults_notices.kept_back(stage):
        _, provider = faults_notices.bought(stage)
        [body] = faults_notices.bodies(stage, provider)
        stage.settled()
        stage.plan("B17")
        with read_only(stage):
            before = calls(stage)
            answers = all_at_once(
                lambda: stage.order(new_name()), lambda: raw(buyer), lambda: customer.change(7), customer.cancel,
                canceled.resume, lambda: customer.refund("1.00"), lambda: renewal(buyer), lambda: faults_notices.deliver(stage, body),
            )  # fmt: skip
            for answer in answers:
                refused(answer)
                assert answer.seconds < SOON
            assert calls(stage) == before
            assert customer.read().json()["access"]["plan"] == "team"  # what is only read goes on
        stage.saw("B17")
        faults_judge.healthy(stage)
    assert buyer.persist().status == 201
    faults_judge.assert_holds(stage, buyers=[buyer], sweep=False, deep=False)


def renewal(buyer):
    """The page wants fresh fields."""
    path, auth = f"/v1/checkout-sessions/{buyer.session['id']}/renewals", buyer.session["client_secret"]
    return buyer.stage.call("POST", path, auth=auth, key=str(uuid.uuid4()), json={})


def test_locked_tables_give_quick_refusals_and_then_service(stage):
    buyers, customer = all_of(stage, 3), Customer(stage)
    stage.settled()
    stage.plan("B20")
    with admin(stage) as somebody, somebody.transaction():
        somebody.execute("LOCK TABLE signups, refunds, subscriptions IN ACCESS EXCLUSIVE MODE")
        before = calls(stage)
        acts = [
            *(lambda buyer=buyer: raw(buyer) for buyer in buyers),
            lambda: customer.change(5),
            lambda: customer.refund("1.00"),
        ]
        for answer in all_at_once(*acts):
            refused(answer)
            assert LOCK_SECONDS * 0.9 < answer.seconds < SOON
        assert calls(stage) == before
    stage.saw("B20")
    for buyer in buyers:
        assert buyer.persist().status == 201
    assert customer.change(5).status_code == 200
    faults_judge.assert_holds(stage, buyers=buyers, sweep=False, deep=False)


def test_deadlock_after_the_charge_is_solved_by_trying_the_local_part_again(stage):
    buyer = Buyer(stage).open().begin(hold_at="create_subscription.answered")
    stage.await_held("create_subscription.answered")
    stage.plan("B23")
    with admin(stage) as somebody, somebody.transaction():
        somebody.execute("SET deadlock_timeout = '60s'")  # the other one notices, and gives way
        somebody.execute("SELECT FROM subscriptions WHERE account = %s FOR UPDATE", (buyer.account,))
        stage.go()
        eventually(lambda: stage.sql(BLOCKED)[0][0])
        somebody.execute("SELECT FROM signups WHERE account = %s FOR UPDATE", (buyer.account,))
    assert buyer.ended().status == 201
    assert any(
        line["event"] == "transaction.again" and line["error"] == "DeadlockDetected" for line in stage.service_log()
    )
    stage.saw("B23")
    stage.hold_again()
    assert stage.sold(buyer.name) == (1, 1)


def test_deadlock_before_the_first_call_is_refused_and_calls_nobody(stage):
    buyer = Buyer(stage).open()
    stage.plan("B23")
    with admin(stage) as somebody, somebody.transaction():
        somebody.execute("SET deadlock_timeout = '60s'")
        somebody.execute("SELECT FROM checkout_sessions WHERE account = %s FOR UPDATE", (buyer.account,))
        before = calls(stage)
        buyer.begin()
        eventually(lambda: stage.sql(BLOCKED)[0][0])
        somebody.execute("SELECT FROM accounts WHERE account = %s FOR UPDATE", (buyer.account,))
        assert buyer.ended().status == 503
        assert calls(stage) == before
    stage.saw("B23")
    assert buyer.persist().status == 201
    assert stage.sold(buyer.name) == (1, 1)


def test_twenty_clients_of_one_signup_buy_it_once(stage):
    setting(stage, "default_transaction_isolation", "serializable")  # what somebody may set; ours rests on locks
    try:
        stage.cut_connections()
        faults_judge.healthy(stage)
        buyer = Buyer(stage).open()
        key = str(uuid.uuid4())
        stage.plan("B23")
        answers = all_at_once(
            *(lambda mine=mine: raw(buyer, mine) for mine in [key] * 10 + [str(uuid.uuid4()) for _ in range(10)])
        )
        assert {answer.status for answer in answers} <= {201, 202, 409, 503}
        assert any(answer.status != 201 for answer in answers)
        stage.saw("B23")
    finally:
        setting(stage, "default_transaction_isolation", None)
    buyer.key = key
    assert buyer.persist().status == 201
    assert stage.sold(buyer.name) == (1, 1)
    assert "SerializationFailure" not in stage.logs()["service.log"]
    faults_judge.assert_holds(stage, buyers=[buyer], on=("I1", "I2", "I15"), sweep=False, deep=False)


@contextlib.contextmanager
def connections_used_up(stage):
    """Somebody else takes every connection that PostgreSQL has, those that the service had, too."""
    with contextlib.ExitStack() as taken, admin(stage) as one:

        def take():
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    taken.enter_context(admin(stage))

        def none_left():
            take()
            one.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'panless%'")
            take()
            return one.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'panless%'"
            ).fetchone() == (0,)

        eventually(none_left)
        yield


def test_used_up_connections_give_quick_refusals_and_then_service(stage):
    buyers = all_of(stage, 3)
    with faults_notices.kept_back(stage):
        _, provider = faults_notices.bought(stage)
        [body] = faults_notices.bodies(stage, provider)
        stage.settled()
        stage.plan("B24")
        with connections_used_up(stage):
            before = calls(stage)
            acts = [*(lambda buyer=buyer: raw(buyer) for buyer in buyers), lambda: faults_notices.deliver(stage, body)]
            for answer in all_at_once(*acts):
                refused(answer)
                assert answer.seconds < SOON
            assert calls(stage) == before
        stage.saw("B24")
        faults_judge.healthy(stage)
        faults_notices.taken(stage, body)
    assert [buyer.persist().status for buyer in buyers] == [201] * 3
    faults_judge.assert_holds(stage, buyers=buyers, on=("I1", "I2", "I3"), sweep=False, deep=False)


def test_every_thread_has_a_connection_of_its_own(stage):
    """As many wait for locks as may, and a reader beside them is answered: nobody waits for a connection."""
    customer = Customer(stage)
    stage.settled()
    stage.plan("B24")
    with admin(stage) as somebody, somebody.transaction():
        somebody.execute("LOCK TABLE signups, checkout_sessions IN ACCESS EXCLUSIVE MODE")
        answers = all_at_once(*(lambda: stage.order(new_name()) for _ in range(20)), customer.read)
    for answer in answers[:-1]:
        assert (answer.status, answer.seconds < SOON) == (503, True)
    assert answers[-1].status == 200
    stage.saw("B24")
    assert "TimeoutError" not in stage.logs()["service.log"]
    faults_judge.assert_holds(stage, sweep=False, deep=False)


def test_slow_database_keeps_deadlines_and_doubles_nothing(stage):
    buyers = all_of(stage, 4)
    stage.settled()
    stage.plan("B25")
    before = stage.to_database.counts["delayed"]
    with stage.to_database.bad(latency_up=0.2):
        answers = all_at_once(*(lambda buyer=buyer: raw(buyer) for buyer in buyers))
    assert stage.to_database.counts["delayed"] - before > 4 * STATEMENTS
    stage.saw("B25")
    assert {answer.status for answer in answers} <= {201, 202, 409, 503}, answers
    assert [buyer.persist().status for buyer in buyers] == [201] * 4
    assert [stage.sold(buyer.name) for buyer in buyers] == [(1, 1)] * 4
    faults_judge.assert_holds(stage, buyers=buyers, on=("I1", "I2", "I3", "I4", "I5", "I15"))
