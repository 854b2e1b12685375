"""Five events in all their orders end alike; a flood after an outage is taken whole, and worked off."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.faults import faults_judge
from tests.faults.faults_clients import Buyer
from tests.faults.faults_notices import (
    adopted,
    form_of,
    give_back,
    go,
    headers_for,
    kept_back,
    key_of,
    now,
    poured,
    stamp_of,
    taken,
)
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import account_of, eventually

pytestmark = pytest.mark.faults
COMMIT = "commit"
#: What BlueSnap tells, in the order in which it happens; all of it while our own transaction about the purchase is still to come.
TOLD = ("CHARGE", "REFUND", "CHARGEBACK", "CANCELLATION")
ORDERS = [*itertools.permutations((COMMIT, *TOLD))]
#: So many purchases are held at a time.
BATCH = 20
HELD_AT = "create_subscription.answered"
CUSTOMERS, MONTHS = 100, 15
#: Faults F64: so long the backlog may last.
BACKLOG_SECONDS = 300


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Purchases may be held for as long as a test takes; the worker must not take them over meanwhile."""
    settings = {"PANLESS_LEASE_SECONDS": "100", "PANLESS_THREADS": "32", "PANLESS_LOOK_SECONDS": "5"}
    with FaultStage.start(tmp_path_factory.mktemp("orders"), settings=settings) as running:
        yield running


@pytest.fixture(autouse=True)
def plans_of_its_own(stage):
    stage.planned.clear()
    stage.fired.clear()


@dataclass
class Life:
    """One account, and the order in which things reach us."""

    buyer: Buyer
    order: tuple
    subscription: str = ""
    said: dict = field(default_factory=dict)

    def before(self):
        return self.order[: self.order.index(COMMIT)]

    def after(self):
        return self.order[self.order.index(COMMIT) + 1 :]


def held(stage, orders):
    """A purchase for each order, which BlueSnap has made and answered, and which is not committed here."""
    stage.hold_again()
    lives = [Life(Buyer(stage).open(), order) for order in orders]
    for life in lives:
        life.buyer.begin(hold_at=HELD_AT)
    stage.await_held(HELD_AT, times=len(lives), within=90)
    return lives


def happen(stage, lives):
    """Refund, dispute and cancellation of each, in BlueSnap's portal."""
    attempts = {one["body"]["firstName"]: one["body"]["merchantShopperId"] for one in stage.received("create_shopper")}
    by_attempt = {one["merchant_shopper_id"]: one for one in stage.ledger() if one["kind"] == "charge"}
    for life in lives:
        charge = by_attempt[attempts[life.buyer.name]]
        life.subscription = charge["subscription_id"]
        give_back(stage, charge["id"], 10)
        stage.lever("chargeback", {"transaction_id": charge["id"]})
        stage.lever("cancel", {"subscription_id": life.subscription})
    by_subscription = {}
    for one in stage.lever("notices")["notices"]:
        by_subscription.setdefault(form_of(one["body"]).get("subscriptionId"), {})[one["type"]] = one["body"]
    for life in lives:
        life.said = by_subscription[life.subscription]
        assert set(TOLD) <= set(life.said)


def hear(stage, lives, which):
    """Each account is told its own things in its own order; accounts side by side."""

    def tell(life):
        for kind in which(life):
            taken(stage, life.said[kind])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, lives))


def final_state(stage, account):
    """What is recorded of an account, without what is each one's own."""
    statements = {
        "subscription": "SELECT status, renews, plan, members, amount, next_charge_on, pending_change FROM subscriptions WHERE account = %s",
        "charges": "SELECT c.amount, c.currency, c.charged_on FROM charges c JOIN subscriptions s ON s.id = c.subscription_id"
        " WHERE s.account = %s ORDER BY c.reference",
        "refunds": "SELECT r.amount, r.status, r.source FROM refunds r JOIN charges c ON c.id = r.charge_id"
        " JOIN subscriptions s ON s.id = c.subscription_id WHERE s.account = %s",
        "disputes": "SELECT status, amount FROM disputes WHERE account = %s",
        "session": "SELECT state FROM checkout_sessions WHERE account = %s",
        "signup": "SELECT state FROM signups WHERE account = %s",
        "tasks": "SELECT kind, state FROM tasks WHERE account = %s",
        "notices": "SELECT n.type, n.outcome FROM notices n JOIN subscriptions s USING (provider_subscription)"
        " WHERE s.account = %s ORDER BY n.type",
    }
    return {name: stage.sql(statement, account) for name, statement in statements.items()}


def test_five_events_in_all_orders_end_alike(stage):
    stage.plan("F57", times=len(ORDERS))
    everybody = []
    with kept_back(stage):
        for start in range(0, len(ORDERS), BATCH):
            lives = held(stage, ORDERS[start : start + BATCH])
            happen(stage, lives)
            hear(stage, lives, Life.before)
            for life in lives:
                early = stage.sql("SELECT count(*) FROM notices WHERE provider_subscription = %s", life.subscription)
                assert early == [(len(life.before()),)]
                assert life.buyer.answers == [], "not committed yet"
            stage.go()
            assert {life.buyer.ended().status for life in lives} == {201}
            hear(stage, lives, Life.after)
            stage.saw("F57", times=len(lives))
            everybody += lives
        stage.settled()
        states = {life.order: final_state(stage, account_of(life.buyer.name)) for life in everybody}
        kinds = {repr(state) for state in states.values()}
        assert len(kinds) == 1, sorted(kinds)
        [state] = [*states.values()][:1]
        assert state["subscription"][0][0] == "ended"
        assert [len(state[name]) for name in ("charges", "refunds", "disputes")] == [1, 1, 1]
    faults_judge.assert_holds(stage, buyers=[life.buyer for life in everybody], on=("I1", "I3", "I4", "I8"), deep=False)


def test_flood_after_an_outage_is_acknowledged_whole_and_worked_off(stage, tmp_path, record_property):
    stage.plan("F64")
    ids = adopted(stage, tmp_path, CUSTOMERS)
    stage.settled()
    for part in ("worker", "service"):
        stage.stop(part)
    with kept_back(stage):
        go(stage, f"P{MONTHS}M")
        mine = {f"subscriptionId={one}" for one in ids}
        held_back = [one for one in stage.lever("notices")["notices"] if one["state"] == "held"]
        told = [one["body"] for one in held_back if mine & set(one["body"].split("&"))]
        assert len(told) == CUSTOMERS * MONTHS
        stage.start_again("service")
        stage.stack.launch("worker")
        stamp, key = stamp_of(now(stage)), key_of(stage)
        requests = [(body, headers_for(stage, body, stamp=stamp, key=key)) for body in told]
        start = time.monotonic()
        answers = poured(stage, requests, senders=32)
        flooded = time.monotonic() - start
        assert {status for status, _, _ in answers} == {200}
        stage.saw("F64")
    waits = "SELECT count(*) FROM subscriptions WHERE provider_subscription = ANY(%s) AND look_at IS NOT NULL"
    eventually(lambda: stage.sql(waits, ids) == [(0,)], within=BACKLOG_SECONDS)
    record_property("seconds", {"flood": flooded, "backlog": time.monotonic() - start})
    paid = [form_of(body)["referenceNumber"] for body in told]
    recorded = "SELECT count(*), count(DISTINCT reference) FROM charges WHERE reference = ANY(%s)"
    assert stage.sql(recorded, paid) == [(len(paid), len(set(paid)))] == [(CUSTOMERS * MONTHS,) * 2]
    faults_judge.assert_holds(stage, on=("I1", "I3", "I4"), deep=False)
