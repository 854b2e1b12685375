"""Scenarios about what BlueSnap answers, and does not: a right service passes them, one with a certain mistake does not (faults_scenarios.py)."""

from __future__ import annotations

import uuid

from tests.faults.faults_demands import demand, judge, type_again_if_open
from tests.journeys.journeys_stage import account_of, eventually, new_name

SLOW_LOOKUP_SECONDS = 600


def an_answer_is_lost_and_lookups_lag(stage):
    """It happened, the answer is lost, and for ten minutes BlueSnap's lists do not show it: the same key is all that saves the payer."""
    name = new_name()
    session = stage.open(name, card="visa")
    stage.lever("behaviour", {"lookup_lag": SLOW_LOOKUP_SECONDS})
    try:
        stage.fail_next("create_subscription", "drop_after")
        stage.complete(session, name)
        demand("I1", stage.decided(session) == "complete", "a purchase that happened did not complete")
    finally:
        stage.lever("behaviour", {"lookup_lag": 0})
    judge(stage, "I1", name)


def a_server_error_hides_a_charge(stage):
    """A 500 after everything happened."""
    name = new_name()
    session = stage.open(name, card="visa")
    stage.fail_next("create_subscription", "status", status=500, processed=True)
    stage.complete(session, name)
    type_again_if_open(stage, session, name)
    judge(stage, "I1", name)


def an_answer_that_charged_is_lost(stage):
    """The connection ends after everything happened."""
    name = new_name()
    session = stage.open(name, card="visa")
    stage.fail_next("create_subscription", "drop_after")
    stage.complete(session, name)
    type_again_if_open(stage, session, name)
    judge(stage, "I1", name)


def a_charge_lands_late(stage):
    """The call times out at 2 s, and happens at 20: a look-up in between, which a busy worker begins late, shows nothing."""
    name = new_name()
    session = stage.open(name, card="visa")
    stage.fail_next("create_subscription", "delay", seconds=20)
    answer = stage.complete(session, name)
    [first] = stage.attempts(name)
    demand("I1", answer.status_code == 202, f"nobody knows yet, and the payer is told {answer.status_code}")
    type_again_if_open(stage, session, name)
    eventually(
        lambda: [one for one in stage.done_for(name, "charge") if one["merchant_shopper_id"] == first], within=60
    )
    judge(stage, "I1", name)


def an_answer_is_lost_where_keys_are_ignored(stage):
    """Keys are not enabled on this account and its lists lag: nothing may be repeated until they show it."""
    name = new_name()
    session = stage.open(name, card="visa")
    stage.lever("behaviour", {"idempotency": "ignored", "lookup_lag": SLOW_LOOKUP_SECONDS})
    looked = "SELECT count(*) FROM signups WHERE account = %s AND (looked > 0 OR state = 'active')"
    try:
        stage.fail_next("create_subscription", "drop_after")
        stage.complete(session, name)
        eventually(lambda: stage.sql(looked, account_of(name))[0][0], within=60)
    finally:
        stage.lever("behaviour", {"idempotency": "on", "lookup_lag": 0})
    stage.decided(session)
    judge(stage, "I1", name)


def two_refunds_ask_for_more_than_was_paid(stage):
    """The first one's answer is lost; a second for as much may not leave while nobody knows what became of it."""
    name = new_name()
    stage.buy(name)
    [charge] = stage.done_for(name, "charge")
    most = f"{float(charge['amount']) * 0.6:.2f}"
    charges = f"/v1/accounts/{account_of(name)}/charges"
    [ours] = stage.call("GET", charges, auth=stage.stack.api_key).json()["charges"]

    def refund():
        body = {"amount": {"amount": most, "currency": "USD"}, "reason": "other", "cancel_subscription": False}
        path = f"/v1/charges/{ours['id']}/refunds"
        return stage.call("POST", path, auth=stage.stack.api_key, key=str(uuid.uuid4()), json=body)

    before = len(stage.received("refund"))
    stage.fail_next("refund", "drop_before")
    refund()
    refund()
    asked = stage.received("refund")[before:]
    orders = {str(one["body"].get("transactionMetaData")) for one in asked}
    demand("I1", len(orders) == 1, "more money was asked back than was paid")
    judge(stage, "I1")
