"""Ordered faults that change single fields of true answers, media types, and codes as numbers."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import Caller


def order(caller: Caller, call: str, mode: str, **more: Any) -> None:
    caller.lever("fail", {"call": call, "mode": mode, **more})


def test_an_altered_answer_lies_in_the_ordered_fields_only(caller: Caller) -> None:
    made = caller.seeded(amount="290.00")
    true = caller.read(int(made["subscription_id"]))
    changed = {"/recurringChargeAmount": 1, "/paymentSource/creditCardInfo/creditCard/cardType": "AMEX", "/a~1b/c": []}
    order(caller, "get_subscription", "alter", set=changed, remove=["/nextChargeDate", "/nothing/here"])
    lie = caller.read(int(made["subscription_id"]))
    assert (lie["recurringChargeAmount"], lie["a/b"], "nextChargeDate" in lie) == (1, {"c": []}, False)
    assert lie["paymentSource"]["creditCardInfo"]["creditCard"]["cardType"] == "AMEX"
    assert lie["subscriptionId"] == true["subscriptionId"]
    assert caller.read(int(made["subscription_id"])) == true


def test_an_altered_call_has_had_its_effect(caller: Caller) -> None:
    order(caller, "create_subscription", "alter", set={"/charge/amount": 7})
    assert caller.subscribe().json()["charge"]["amount"] == 7
    assert [entry["amount"] for entry in caller.ledger("charge")] == ["29.00"]


def test_members_of_a_list_can_be_altered(caller: Caller) -> None:
    made = caller.seeded()
    path = f"/recurring/subscriptions/{made['subscription_id']}/charges"
    order(caller, "list_charges", "alter", set={"/charges/0/amount": "29.00", "/charges/7/amount": 1, "/charges/-": {}})
    charges = caller.call("GET", path).json()["charges"]
    assert [charge.get("amount") for charge in charges] == ["29.00", None]
    order(caller, "list_charges", "alter", remove=["/charges/0"])
    assert caller.call("GET", path).json()["charges"] == []


@pytest.mark.parametrize("mode", ["alter", "decline"])
def test_codes_can_be_sent_as_numbers(caller: Caller, mode: Any) -> None:
    shopper = caller.shopper()
    caller.lever("card", {"shopper_id": shopper, "outcome": "DO_NOT_HONOR"})
    order(caller, "create_subscription", mode, codes="number")
    (message,) = caller.subscribe(vaultedShopperId=shopper).json()["message"]
    assert message["code"] == 14002
    assert caller.subscribe(vaultedShopperId=shopper).json()["message"][0]["code"] == "14002"


def test_a_status_comes_with_the_media_type_that_was_chosen(caller: Caller) -> None:
    order(caller, "get_plan", "status", status=400, body="<xml>Server Error</xml>", media="application/xml")
    answer = caller.call("GET", "/recurring/plans/2340001")
    assert (answer.headers["Content-Type"], answer.text) == ("application/xml", "<xml>Server Error</xml>")


@pytest.mark.parametrize(
    "more",
    [
        {"mode": "alter", "set": {}},
        {"mode": "alter", "set": {"amount": 1}},
        {"mode": "alter", "set": {"/a~2": 1}},
        {"mode": "alter", "set": ["/amount"]},
        {"mode": "alter", "remove": "/amount"},
        {"mode": "alter", "remove": []},
        {"mode": "alter", "codes": "roman"},
        {"mode": "alter", "processed": False},
        {"mode": "decline", "set": {"/a": 1}},
        {"mode": "status", "media": "xml"},
        {"mode": "status", "media": "a/b\r\nc: d"},
    ],
)
def test_an_alteration_that_makes_no_sense_is_refused(caller: Caller, more: Any) -> None:
    answer = caller.pull("fail", {"call": "get_plan", **more})
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert caller.lever("")["faults"] == {}
