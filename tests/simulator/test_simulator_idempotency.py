"""Idempotency keys."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from simulator_caller import BUSINESS, TEAM, Caller, await_true, error_name

KEY = {"Idempotency-Key": "8b1c7e5a-0000-4000-8000-000000000001"}


def test_the_same_request_again_is_replayed_with_its_key(caller: Caller) -> None:
    shopper = caller.shopper()
    first = caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    again = caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Key" not in first.headers
    assert again.headers["Idempotency-Key"] == KEY["Idempotency-Key"]
    assert len(caller.ledger("charge")) == 1


def test_the_key_with_another_request_is_a_422(caller: Caller) -> None:
    shopper = caller.shopper()
    caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    other = caller.subscribe(vaultedShopperId=shopper, planId=BUSINESS, headers=KEY)
    elsewhere = caller.call("POST", "/payment-fields-tokens", headers=KEY)
    assert [answer.status_code for answer in (other, elsewhere)] == [422, 422]
    assert other.json()["message"][0]["code"] == "60101"


def test_the_key_of_a_running_request_is_a_409(caller: Caller) -> None:
    shopper = caller.shopper()
    caller.lever("fail", {"call": "create_subscription", "mode": "delay", "seconds": 1})
    answers = []
    slow = threading.Thread(target=lambda: answers.append(caller.subscribe(vaultedShopperId=shopper, headers=KEY)))
    slow.start()
    await_true(lambda: KEY["Idempotency-Key"] in caller.world.keys)
    early = caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    slow.join()
    assert (early.status_code, early.json()["message"][0]["code"]) == (409, "60102")
    assert answers[0].status_code == 200
    assert caller.subscribe(vaultedShopperId=shopper, headers=KEY).content == answers[0].content
    assert len(caller.ledger("charge")) == 1


@pytest.mark.parametrize(
    ("key", "code"), [("x" * 65, "60103"), ("under_score", "60104"), ("with space", "60104"), ("", "60104")]
)
def test_a_key_of_wrong_form_is_refused(caller: Caller, key: Any, code: Any) -> None:
    answer = caller.call("POST", "/payment-fields-tokens", headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["message"][0]["code"]) == (400, code)
    assert caller.ledger("token") == []


def test_a_key_is_forgotten_after_24_hours(caller: Caller) -> None:
    shopper = caller.shopper()
    caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    caller.lever("clock", {"advance": "PT23H59M"})
    caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    assert len(caller.ledger("charge")) == 1
    caller.lever("clock", {"advance": "PT1M"})
    caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    assert len(caller.ledger("charge")) == 2


def test_an_account_that_ignores_keys_charges_twice(caller: Caller) -> None:
    caller.lever("behaviour", {"idempotency": "ignored"})
    shopper = caller.shopper()
    for _ in range(2):
        caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    assert len(caller.ledger("charge")) == 2


@pytest.mark.parametrize(("switch", "second"), [("on", 200), ("replays_errors", 400)])
def test_a_declined_answer_is_replayed_only_when_errors_are(caller: Caller, switch: Any, second: Any) -> None:
    caller.lever("behaviour", {"idempotency": switch})
    caller.lever("fail", {"call": "create_subscription", "mode": "decline"})
    shopper = caller.shopper()
    assert error_name(caller.subscribe(vaultedShopperId=shopper, headers=KEY)) == "CALL_ISSUER"
    assert caller.subscribe(vaultedShopperId=shopper, headers=KEY).status_code == second


def test_keys_mean_nothing_on_anything_but_post(caller: Caller) -> None:
    subscription = caller.subscription()
    for amount in (5, 6):
        body = {"overrideRecurringChargeAmount": amount}
        answer = caller.call("PUT", f"/recurring/subscriptions/{subscription}", json=body, headers=KEY)
        assert answer.json()["recurringChargeAmount"] == amount


def test_many_at_once_with_one_key_charge_once(caller: Caller) -> None:
    shopper = caller.shopper()
    statuses = []
    body = {"planId": TEAM, "vaultedShopperId": shopper}
    threads = [
        threading.Thread(
            target=lambda: statuses.append(
                caller.call("POST", "/recurring/subscriptions", json=body, headers=KEY).status_code
            )
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 409}
    assert len(caller.ledger("charge")) == 1
