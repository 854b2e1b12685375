"""Clients that ask twice, with another body, or a day later; clocks that step; an old backup that goes live. One purchase, one refund, one answer."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import uuid
from datetime import timedelta

import pytest

from tests.faults import faults_judge
from tests.faults.faults_clients import HOLD_HEADER, Buyer
from tests.faults.faults_notices import bought, go, now
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import (
    PAYER,
    SESSIONS,
    account_of,
    at_once,
    eventually,
    new_name,
    paused,
    problem,
    told,
)

pytestmark = pytest.mark.faults
COPIES = 6
#: The calls that create or move money at BlueSnap.
MONEY = ("create_subscription", "refund", "run_specific")
#: Held requests, and a worker that stands still, are nobody's to take over or to kill meanwhile.
SETTINGS = {"PANLESS_LEASE_SECONDS": "60", "PANLESS_WORKER_TIMEOUT_SECONDS": "60"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("clients"), settings=SETTINGS) as running:
        yield running


@pytest.fixture(autouse=True)
def plans_of_its_own(stage):
    stage.planned.clear()
    stage.fired.clear()


# 67, 68: the same key, the same body


class Order:
    """One call that makes or moves something: `ask` sends it, `other` is another body that would be as right, `done` counts its effects at BlueSnap."""

    def __init__(self, stage, path, body, other, *, auth=None, done):
        self.stage, self.path, self.body, self.other = stage, path, body, other
        self.auth, self.done = auth or stage.stack.api_key, done

    def ask(self, key, *, hold_at=None, body=None):
        headers = {HOLD_HEADER: hold_at} if hold_at else {}
        return self.stage.call(
            "POST", self.path, auth=self.auth, key=key, headers=headers, json=self.body if body is None else body
        )


def opening(stage):
    account = account_of(new_name())
    body = {"account": account, "plan": "team", "members": 3}
    count = "SELECT count(*) FROM checkout_sessions WHERE account = %s"
    return Order(stage, SESSIONS, body, body | {"members": 4}, done=lambda: stage.sql(count, account)[0][0])


def completion(stage):
    name = new_name()
    session = stage.open(name, card="visa")
    body = {"payer": {"first_name": name, **PAYER}}
    other = {"payer": {"first_name": name, **PAYER, "last_name": "Adeyemi"}}
    path = f"{SESSIONS}/{session['id']}/completion"
    return Order(stage, path, body, other, auth=session["client_secret"], done=lambda: sum(stage.sold(name)) / 2)


def refund(stage):
    _, subscription = bought(stage)
    charge, reference = stage.sql(
        "SELECT c.id, c.reference FROM charges c JOIN subscriptions s ON s.id = c.subscription_id"
        " WHERE s.provider_subscription = %s", subscription,
    )[0]  # fmt: skip
    body = {"reason": "requested_by_customer", "amount": {"amount": "5.00", "currency": "USD"}}
    other = body | {"amount": {"amount": "6.00", "currency": "USD"}}
    given = lambda: sum(one["kind"] == "refund" and one["transaction_id"] == reference for one in stage.ledger())  # noqa: E731
    return Order(stage, f"/v1/charges/{charge}/refunds", body, other, done=given)


def reactivation(stage):
    name, subscription = bought(stage)
    stage.lever("cancel", {"subscription_id": subscription})
    own = "SELECT status FROM subscriptions WHERE provider_subscription = %s"
    eventually(lambda: stage.sql(own, subscription) == [("ended",)], within=60)
    body = {"plan": "team", "members": 2}
    path = f"/v1/accounts/{account_of(name)}/subscription/reactivation"
    shopper = stage.done_for(name, "shopper")[0]["id"]
    sold = lambda: sum(one["kind"] == "subscription" and one["shopper_id"] == shopper for one in stage.ledger()) - 1  # noqa: E731
    return Order(stage, path, body, body | {"members": 5}, done=sold)


def cancellation(stage):
    name, subscription = bought(stage)
    path = f"/v1/accounts/{account_of(name)}/subscription/cancellation"
    asked = lambda: sum(one["path"].endswith(f"/{subscription}") for one in stage.received("update_subscription"))  # noqa: E731
    return Order(stage, path, {}, None, done=asked)


ORDERS = {
    "open": (opening, "session.opened.committed"),
    "complete": (completion, "create_subscription.answered"),
    "refund": (refund, "refund.answered"),
    "reactivate": (reactivation, "create_subscription.answered"),
    "cancel": (cancellation, "update_subscription.answered"),
}


@contextlib.contextmanager
def under_way(stage, order, point, key):
    """The order stands at the point, in a worker that stands still altogether; its answer is in the list at the end."""
    answers = []
    call = threading.Thread(target=lambda: answers.append(order.ask(key, hold_at=point)))
    call.start()
    [pid] = stage.await_held(point)
    stage.kill(pid, signal.SIGSTOP)  # whoever comes now is served by the other worker
    try:
        yield answers
    finally:
        stage.kill(pid, signal.SIGCONT)
        stage.go()
        call.join(60)
        stage.hold_again()


@pytest.mark.parametrize("name", ORDERS)
def test_same_key_on_two_workers_runs_once_and_other_body_is_refused(stage, name):
    stage.plan("F67")
    stage.plan("F68 other body")
    make, point = ORDERS[name]
    order, key = make(stage), str(uuid.uuid4())
    with under_way(stage, order, point, key) as answers:
        refused = order.ask(key)
        problem(refused, 409, "idempotency_key_in_progress")
        assert int(refused.headers["Retry-After"]) >= 1
        stage.saw("F67")
        if order.other is not None:
            problem(order.ask(key, body=order.other), 422, "idempotency_key_reused")
    [first] = answers
    assert 200 <= first.status_code < 300, told(first)
    assert first.status_code != 202
    again = order.ask(key)
    assert again.status_code == first.status_code
    if order.other is not None:
        problem(order.ask(key, body=order.other), 422, "idempotency_key_reused")
    stage.saw("F68 other body")
    assert order.done() == 1
    faults_judge.assert_holds(stage, on=("I1", "I15"), deep=False, sweep=False)


def test_same_key_many_times_at_once_has_one_effect_and_one_answer(stage):
    stage.plan("F67 at once", times=len(ORDERS))
    for make, _ in ORDERS.values():
        order, key = make(stage), str(uuid.uuid4())
        answers = at_once(*[lambda order=order, key=key: order.ask(key)] * COPIES)
        said = {answer.status_code for answer in answers}
        assert len(said - {409}) == 1, [told(answer) for answer in answers]
        for answer in answers:
            if answer.status_code == 409:
                problem(answer, 409, "idempotency_key_in_progress")
                assert int(answer.headers["Retry-After"]) >= 1
        assert order.done() == 1
        stage.saw("F67 at once")
    faults_judge.assert_holds(stage, on=("I1", "I15"), deep=False)


def test_double_click_under_two_keys_is_one_purchase(stage):
    stage.plan("F68 two keys", times=3)
    one = completion(stage)
    answers = at_once(*[lambda: one.ask(str(uuid.uuid4()))] * COPIES)
    bought_by = [answer for answer in answers if answer.status_code == 201]
    assert bought_by, [told(answer) for answer in answers]
    assert {answer.status_code for answer in answers} <= {201, 202, 409}
    assert one.done() == 1
    stage.saw("F68 two keys")
    # two tabs: two sessions of one account
    name = new_name()
    tabs = [stage.open(name, card="visa"), stage.open(name, card="visa")]
    answers = at_once(*[lambda tab=tab: stage.complete(tab, name) for tab in tabs])
    assert sorted(answer.status_code for answer in answers) == [201, 409], [told(answer) for answer in answers]
    assert stage.sold(name) == (1, 1)
    stage.saw("F68 two keys")
    back = reactivation(stage)
    answers = at_once(*[lambda: back.ask(str(uuid.uuid4()))] * 3)
    assert min(answer.status_code for answer in answers) == 201
    assert back.done() == 1
    stage.saw("F68 two keys")
    faults_judge.assert_holds(stage, on=("I1", "I15"), deep=False)


# 69: a day later


def pass_database_time(stage, account, **span):
    """Everything about this account's attempts, and every key, happened so much earlier, by the database's clock. Rows are moved, since nobody
    can move that clock; all that is done with these moments is to compare them with it.
    """
    back = timedelta(**span)
    stage.sql(
        "UPDATE signups SET lease_until = lease_until - %s, called_at = called_at - %s WHERE account = %s",
        back,
        back,
        account,
    )


def test_client_who_comes_back_a_day_later_causes_no_second_charge(stage):
    """The call that charges was lost on its way. Under 23 hours it is made again, by its key; later BlueSnap is only asked."""
    spans = {
        "before": {"hours": 22, "minutes": 50},
        "late": {"hours": 23, "minutes": 50},
        "too late": {"hours": 25},
        "happened": {"hours": 25},
    }
    stage.plan("F69", times=len(spans))
    buyers = {what: Buyer(stage).open() for what in spans}
    with paused(stage):
        for what, buyer in buyers.items():
            stage.fail_next("create_subscription", "drop_after" if what == "happened" else "drop_before")
            assert buyer.complete().status == 202
        go(stage, "PT25H")
        keys = "UPDATE idempotency_keys SET created_at = created_at - %s, lease_until = lease_until - %s"
        stage.sql(keys, timedelta(hours=25), timedelta(hours=25))
        for what, span in spans.items():
            pass_database_time(stage, buyers[what].account, **span)
            assert buyers[what].complete(key=buyers[what].key).status == 202, "the page that comes back calls nobody"
            assert calls(stage, buyers[what]) == 1
            stage.saw("F69")
    assert buyers["before"].come_back().status == 201
    assert buyers["happened"].come_back().status == 201
    keys = [dict(one["headers"])["Idempotency-Key"] for one in asked_to_charge(stage, buyers["before"])]
    assert (len(keys), len(set(keys))) == (2, 1)
    state = "SELECT state FROM signups WHERE account = %s"
    eventually(lambda: stage.sql(state, buyers["too late"].account) == [("stuck",)], within=60)
    eventually(lambda: asked_about(stage, buyers["late"]) >= 2, within=60)
    assert stage.sql(state, buyers["late"].account) == [("subscription_unknown",)]
    pass_database_time(stage, buyers["late"].account, hours=1)
    stage.sql("UPDATE signups SET lease_until = clock_timestamp() WHERE account = %s", buyers["late"].account)
    eventually(lambda: stage.sql(state, buyers["late"].account) == [("stuck",)], within=60)
    assert {what: calls(stage, buyer) for what, buyer in buyers.items()} == {
        "before": 2,
        "late": 1,
        "too late": 1,
        "happened": 1,
    }
    for what in ("late", "too late"):
        buyer = buyers[what]
        assert buyer.complete(key=buyer.key).status == 202
        signup = stage.sql("SELECT id FROM signups WHERE account = %s", buyer.account)[0][0]
        released = stage.command("signups", "resolve", signup, "--release").stdout
        assert stage.sql(state, buyer.account) == [("released",)], released
        assert stage.sold(buyer.name) == (0, 0)
    # sessions that expired meanwhile are tidied up in their own time, so that two sweeps are no measure here
    faults_judge.assert_holds(stage, buyers=buyers.values(), on=("I1", "I2", "I15"), deep=False, sweep=False)


def asked_to_charge(stage, buyer):
    """The requests that asked BlueSnap to charge this buyer."""
    shoppers = {int(entry["id"]) for entry in stage.done_for(buyer.name, "shopper")}
    return [one for one in stage.received("create_subscription") if one["body"]["vaultedShopperId"] in shoppers]


def calls(stage, buyer):
    return len(asked_to_charge(stage, buyer))


def asked_about(stage, buyer):
    """How often BlueSnap was asked what this buyer has."""
    shoppers = [entry["id"] for entry in stage.done_for(buyer.name, "shopper")]
    return sum(any(shopper in one["query"] for shopper in shoppers) for one in stage.received("list_subscriptions"))


# 70: clocks step


@pytest.mark.parametrize("step", ["-PT1H", "PT1H"], ids=["back an hour", "forward an hour"])
def test_step_of_the_clock_ends_no_lease_and_loses_no_purchase(stage, step):
    """Business time steps while a purchase is under way; leases are the database's, so that nobody takes it over."""
    stage.plan("F70")
    slow = Buyer(stage).open()
    numbers = stage.sql("SELECT max(number) FROM entries")[0][0]
    slow.begin(hold_at="create_subscription.answered")
    stage.await_held("create_subscription.answered")
    before = now(stage)
    set_clock(stage, before + (timedelta(hours=1) if step == "PT1H" else -timedelta(hours=1)))
    assert abs(now(stage) - before) > timedelta(minutes=59)
    stage.saw("F70")
    lost = Buyer(stage).open()
    stage.fail_next("create_subscription", "drop_after")
    assert lost.complete().status == 202
    stage.sql("UPDATE signups SET lease_until = clock_timestamp() WHERE account = %s", lost.account)
    assert lost.come_back().status == 201  # the worker has had its round
    held = stage.sql(
        "SELECT state, fence, lease_until > clock_timestamp() FROM signups WHERE account = %s", slow.account
    )
    assert held == [("subscription_requested", held[0][1], True)]
    assert calls(stage, slow) == 1
    stage.go()
    assert slow.ended().status == 201
    stage.hold_again()
    again = Buyer(stage).open()
    assert again.complete().status == 201
    set_clock(stage, before + timedelta(hours=2))
    rows = stage.sql("SELECT number, at FROM entries WHERE number > %s ORDER BY number", numbers)
    assert [row[0] for row in rows] == sorted({row[0] for row in rows})
    assert all(abs(later[1] - earlier[1]) < timedelta(minutes=30) for earlier, later in itertools.pairwise(rows))
    faults_judge.assert_holds(stage, buyers=(slow, lost, again), on=("I1", "I2", "I6", "I8"), deep=False)


def test_drift_of_the_clock_disturbs_nothing(stage):
    """Two seconds a minute, an hour of it: the business clock runs ahead, then behind, under purchases, cancellations and notices."""
    stage.plan("F70 drift", times=12)
    buyers = []
    for turn in range(12):
        drift = timedelta(seconds=10 if turn < 6 else -10)
        set_clock(stage, now(stage) + drift)
        stage.saw("F70 drift")
        if turn % 3 == 0:
            buyers.append(Buyer(stage).open())
            assert buyers[-1].complete().status == 201
    set_clock(stage, now(stage) + timedelta(minutes=5))  # BlueSnap shows nothing of what is yet to come
    faults_judge.assert_holds(stage, buyers=buyers, on=("I1", "I3"), deep=False)


def set_clock(stage, moment):
    stage.lever("clock", {"set": moment.isoformat()})
