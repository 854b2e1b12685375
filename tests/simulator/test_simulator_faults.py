"""Faults that a lever orders."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from simulator_caller import Caller, await_true, error_name

KEY = {"Idempotency-Key": "8b1c7e5a-0000-4000-8000-000000000002"}


def order(caller: Caller, mode: Any, **more: Any) -> Any:
    return caller.lever("fail", {"call": "create_subscription", "mode": mode, **more})


def charges(caller: Caller) -> Any:
    return len(caller.ledger("charge"))


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("INSUFFICIENT_FUNDS", "14002"),
        ("PROCESSING_TIMEOUT", "14002"),
        ("FRAUD_DETECTED", "15011"),
        ("SERVER_GENERAL_FAILURE", "10000"),
    ],
)
def test_an_ordered_decline_names_its_reason_once(caller: Caller, reason: Any, code: Any) -> None:
    shopper = caller.shopper()
    order(caller, "decline", reason=reason)
    (message,) = caller.subscribe(vaultedShopperId=shopper).json()["message"]
    assert (message["errorName"], message["code"]) == (reason, code)
    assert caller.subscribe(vaultedShopperId=shopper).status_code == 200
    assert charges(caller) == 1


def test_a_decline_may_come_without_a_name(caller: Caller) -> None:
    order(caller, "decline", reason="unnamed")
    (message,) = caller.subscribe().json()["message"]
    assert (message["code"], "errorName" in message) == ("14002", False)


def test_an_ordered_decline_spends_the_payment_fields_token(caller: Caller) -> None:
    caller.lever("fail", {"call": "create_shopper", "mode": "decline", "reason": "DO_NOT_HONOR"})
    token = caller.token()
    assert error_name(caller.vault(token=token)) == "DO_NOT_HONOR"
    assert error_name(caller.vault(token=token)) == "TOKEN_NOT_FOUND"


def test_a_decline_may_lie_about_a_charge_that_happened(caller: Caller) -> None:
    order(caller, "decline", reason="PROCESSING_TIMEOUT", processed=True)
    assert error_name(caller.subscribe()) == "PROCESSING_TIMEOUT"
    assert charges(caller) == 1


@pytest.mark.parametrize("processed", [True, False])
@pytest.mark.parametrize(
    ("status", "body"), [(500, None), (503, "Request rate for service is too high"), (429, "slow down")]
)
def test_a_status_comes_with_its_text_and_with_or_without_effect(
    caller: Caller, status: Any, body: Any, processed: Any
) -> None:
    order(caller, "status", status=status, processed=processed, **({"body": body} if body else {}))
    answer = caller.subscribe()
    assert (answer.status_code, answer.text) == (status, body or "Service is temporarily unavailable")
    assert charges(caller) == int(processed)


@pytest.mark.parametrize(("mode", "happened"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_call_gives_no_byte_and_maybe_an_effect(caller: Caller, mode: Any, happened: Any) -> None:
    shopper = caller.shopper()
    order(caller, mode)
    with pytest.raises(requests.ConnectionError):
        caller.subscribe(vaultedShopperId=shopper)
    assert charges(caller) == happened


def test_a_lost_answer_is_found_again_by_its_key(caller: Caller) -> None:
    shopper = caller.shopper()
    order(caller, "drop_after")
    with pytest.raises(requests.ConnectionError):
        caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    assert caller.subscribe(vaultedShopperId=shopper, headers=KEY).headers["Idempotency-Key"] == KEY["Idempotency-Key"]
    assert charges(caller) == 1


def test_a_call_that_never_happened_leaves_its_key_free(caller: Caller) -> None:
    shopper = caller.shopper()
    order(caller, "drop_before")
    with pytest.raises(requests.ConnectionError):
        caller.subscribe(vaultedShopperId=shopper, headers=KEY)
    assert "Idempotency-Key" not in caller.subscribe(vaultedShopperId=shopper, headers=KEY).headers
    assert charges(caller) == 1


@pytest.mark.parametrize("processed", [True, False])
def test_a_delayed_call_happens_though_the_caller_gave_up(caller: Caller, processed: Any) -> None:
    body = {"planId": 2340001, "vaultedShopperId": caller.shopper()}
    order(caller, "delay", seconds=1.2, processed=processed)
    auth = ("API_1000000001", "simulator-password-1")
    url = f"{caller.origin}/services/2/recurring/subscriptions"
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, json=body, auth=auth, timeout=0.2)
    assert charges(caller) == int(processed)
    await_true(lambda: charges(caller) == 1)


def test_a_dripping_answer_takes_its_time_and_is_whole(caller: Caller) -> None:
    shopper = caller.shopper()
    order(caller, "drip", seconds=0.3, processed=True)
    began = time.monotonic()
    answer = caller.subscribe(vaultedShopperId=shopper)
    assert time.monotonic() - began >= 0.3
    assert answer.json()["status"] == "ACTIVE"
    assert charges(caller) == 1


def test_what_drips_without_effect_is_a_500(caller: Caller) -> None:
    order(caller, "drip", seconds=0.05)
    assert caller.subscribe().status_code == 500
    assert charges(caller) == 0


def test_garbage_is_a_200_that_says_nothing_true(caller: Caller) -> None:
    shopper = caller.shopper()
    order(caller, "garbage", processed=True)
    order(caller, "garbage", body='{"subscriptionId": 1')
    answers = [caller.subscribe(vaultedShopperId=shopper, headers=KEY), caller.subscribe(vaultedShopperId=shopper)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].text == '{"subscriptionId": 1'
    assert charges(caller) == 1
    assert caller.subscribe(vaultedShopperId=shopper, headers=KEY).json()["status"] == "ACTIVE"


def test_a_redirect_points_where_it_was_told(caller: Caller) -> None:
    order(caller, "redirect", location="http://127.0.0.1:1/elsewhere")
    shopper = caller.shopper()
    answer = caller.call(
        "POST", "/recurring/subscriptions", json={"planId": 2340001, "vaultedShopperId": shopper}, allow_redirects=False
    )
    assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.1:1/elsewhere")
    assert charges(caller) == 0


def test_faults_happen_in_the_order_they_were_ordered(caller: Caller) -> None:
    order(caller, "status", status=503, times=2)
    order(caller, "status", status=500)
    assert caller.lever("")["faults"] == {"create_subscription": ["status", "status", "status"]}
    shopper = caller.shopper()
    statuses = [caller.subscribe(vaultedShopperId=shopper).status_code for _ in range(4)]
    assert statuses == [503, 503, 500, 200]


def test_a_fault_waits_for_its_own_kind_of_call(caller: Caller) -> None:
    caller.lever("fail", {"call": "get_shopper", "mode": "status", "status": 502})
    shopper = caller.shopper()
    assert caller.call("GET", "/vaulted-shoppers/merchant/x").status_code == 403
    assert caller.call("GET", f"/vaulted-shoppers/{shopper}").status_code == 502


def test_a_status_may_carry_headers(caller: Caller) -> None:
    order(caller, "status", status=429, headers={"Retry-After": "-1", "Content-Type": "text/html"})
    answer = caller.subscribe()
    assert (answer.headers["Retry-After"], answer.headers["Content-Type"]) == ("-1", "text/html")


CALLS = {
    "create_token": ("POST", "/payment-fields-tokens"),
    "create_shopper": ("POST", "/vaulted-shoppers"),
    "get_shopper": ("GET", "/vaulted-shoppers/7"),
    "find_shopper": ("GET", "/vaulted-shoppers/merchant/x"),
    "update_shopper": ("PUT", "/vaulted-shoppers/7"),
    "delete_shopper": ("DELETE", "/vaulted-shoppers/7"),
    "create_plan": ("POST", "/recurring/plans"),
    "get_plan": ("GET", "/recurring/plans/7"),
    "list_plans": ("GET", "/recurring/plans"),
    "update_plan": ("PUT", "/recurring/plans/7"),
    "create_subscription": ("POST", "/recurring/subscriptions"),
    "get_subscription": ("GET", "/recurring/subscriptions/7"),
    "list_subscriptions": ("GET", "/recurring/subscriptions"),
    "update_subscription": ("PUT", "/recurring/subscriptions/7"),
    "list_charges": ("GET", "/recurring/subscriptions/7/charges"),
    "resolve_charge": ("GET", "/recurring/subscriptions/charges/resolve"),
    "refund": ("POST", "/transactions/refund/7"),
    "preview_switch": ("GET", "/recurring/subscriptions/7/switch-charge-amount"),
    "run_specific": ("GET", "/subscriptions/7/run-specific"),
    "get_charge": ("GET", "/recurring/subscriptions/7/charges/7"),
    "get_transaction": ("GET", "/transactions/7"),
    "refund_legacy": ("PUT", "/transactions/7/refund"),
    "call_off_refund": ("DELETE", "/transactions/pending-refund/7"),
    "get_notification_config": ("GET", "/notification-config"),
    "update_notification_config": ("PUT", "/notification-config"),
    "delete_notification_config": ("DELETE", "/notification-config"),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_can_be_made_to_fail(caller: Caller, name: Any) -> None:
    caller.lever("fail", {"call": name, "mode": "status", "status": 599})
    assert caller.call(*CALLS[name]).status_code == 599


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"call": "create_subscription"},
        {"call": "create_subscription", "mode": "explode"},
        {"call": "brew_coffee", "mode": "drop_before"},
        {"call": ["refund"], "mode": "drop_before"},
        {"call": "refund", "mode": "status", "status": 99},
        {"call": "refund", "mode": "status", "status": "500"},
        {"call": "refund", "mode": "status", "status": 500.5},
        {"call": "refund", "mode": "status", "body": 7},
        {"call": "refund", "mode": "status", "seconds": 7},
        {"call": "refund", "mode": "delay", "seconds": 1e9},
        {"call": "refund", "mode": "delay", "seconds": True},
        {"call": "refund", "mode": "decline", "reason": "BAD_MOOD"},
        {"call": "refund", "mode": "decline", "reason": ["CALL_ISSUER"]},
        {"call": "refund", "mode": "drop_before", "processed": True},
        {"call": "refund", "mode": "drop_after", "processed": False},
        {"call": "refund", "mode": "garbage", "processed": "yes"},
        {"call": "refund", "mode": "garbage", "headers": ["a"]},
        {"call": "refund", "mode": "garbage", "headers": {"a b": "c"}},
        {"call": "refund", "mode": "garbage", "headers": {"a": "b\r\nc: d"}},
        {"call": "refund", "mode": "garbage", "headers": {"Content-Length": "7"}},
        {"call": "refund", "mode": "redirect", "location": "a\r\nb: c"},
        {"call": "refund", "mode": "drop_before", "times": 0},
        {"call": "refund", "mode": "drop_before", "times": 1.5},
    ],
)
def test_an_order_that_makes_no_sense_is_refused_clearly(caller: Caller, body: Any) -> None:
    answer = caller.pull("fail", body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert caller.lever("")["faults"] == {}
