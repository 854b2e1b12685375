"""Charges and refunds."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import Caller, error_name


def paid(caller: Caller, amount: Any = "290.00") -> Any:
    body = caller.subscribe(overrideRecurringChargeAmount=amount).json()
    return body["subscriptionId"], body["charge"]["transactionId"]


def refund(caller: Caller, transaction: Any, **body: Any) -> Any:
    return caller.call("POST", f"/transactions/refund/{transaction}", json=body)


def test_the_charges_of_a_subscription_are_listed_newest_first(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    subscription, first = paid(caller)
    caller.lever("clock", {"advance": "P1M"})
    answer = caller.call("GET", f"/recurring/subscriptions/{subscription}/charges?gettotal=true").json()
    renewal, initial = answer["charges"]
    assert (answer["totalResults"], answer["lastPage"]) == (2, True)
    assert initial["chargeInfo"] == {"chargeType": "INITIAL", "fromDate": "2027-04-11", "toDate": "2027-05-11"}
    assert (renewal["chargeInfo"]["chargeType"], renewal["transactionDate"]) == ("RECURRING", "2027-05-11")
    assert (initial["transactionId"], initial["amount"]) == (first, 290)


def test_a_transaction_resolves_to_its_charge(caller: Caller) -> None:
    subscription, transaction = paid(caller)
    answer = caller.call("GET", f"/recurring/subscriptions/charges/resolve?transactionid={transaction}").json()
    assert (answer["subscriptionId"], answer["transactionId"]) == (subscription, transaction)


def test_a_transaction_carries_its_id_as_text(caller: Caller) -> None:
    _, transaction = paid(caller)
    answer = caller.call("GET", f"/transactions/{transaction}").json()
    assert (answer["transactionId"], answer["amount"]) == (str(transaction), 290)
    assert answer["processingInfo"]["processingStatus"] == "SUCCESS"
    assert "refunds" not in answer


def test_a_refund_cancels_the_subscription_unless_told_not_to(caller: Caller) -> None:
    kept, kept_charge = paid(caller)
    lost, lost_charge = paid(caller)
    assert refund(caller, kept_charge, cancelSubscriptions=False).status_code == 200
    answer = refund(caller, lost_charge)
    assert isinstance(answer.json()["refundTransactionId"], int)
    assert (answer.json()["refundStatus"], answer.json()["amount"]) == ("SUCCESS", 290)
    assert (caller.read(kept)["status"], caller.read(lost)["status"]) == ("ACTIVE", "CANCELED")


def test_parts_are_refunded_up_to_the_whole(caller: Caller) -> None:
    _, transaction = paid(caller, "100.00")
    note = {"metaData": [{"metaKey": "refund", "metaValue": "re_1"}]}
    part = refund(caller, transaction, amount="60.00", cancelSubscriptions=False, transactionMetaData=note).json()
    assert (
        refund(caller, transaction, amount="40.01", cancelSubscriptions=False).json()["message"][0]["code"] == "14006"
    )
    read = caller.call("GET", f"/transactions/{transaction}").json()["refunds"]
    assert read["balanceAmount"] == 40
    assert [(line["refundTransactionId"], line["amount"]) for line in read["refund"]] == [
        (part["refundTransactionId"], 60)
    ]
    assert read["refund"][0]["transactionMetaData"] == note
    assert refund(caller, transaction, cancelSubscriptions=False).json()["amount"] == 40
    assert error_name(refund(caller, transaction)) == "INVOICE_ALREADY_FULLY_REFUNDED"
    assert [entry["amount"] for entry in caller.ledger("refund")] == ["60.00", "40.00"]


@pytest.mark.parametrize("amount", ["0", "-1", "x", True])
def test_a_refund_of_nothing_is_refused(caller: Caller, amount: Any) -> None:
    _, transaction = paid(caller)
    assert refund(caller, transaction, amount=amount).json()["message"][0]["code"] == "14005"
    assert caller.ledger("refund") == []


def test_a_refund_is_read_as_a_transaction_of_its_own(caller: Caller) -> None:
    _, transaction = paid(caller)
    refund_id = refund(caller, transaction, amount=10).json()["refundTransactionId"]
    answer = caller.call("GET", f"/transactions/{refund_id}").json()
    assert (answer["cardTransactionType"], answer["amount"]) == ("REFUND", 10)
    assert answer["originalTransactionId"] == str(transaction)


@pytest.mark.parametrize(("status", "answered"), [("PENDING", "PENDING"), ("absent", None)])
def test_the_status_of_a_refund_follows_the_behaviour(caller: Caller, status: Any, answered: Any) -> None:
    caller.lever("behaviour", {"refund_status": status})
    _, transaction = paid(caller)
    assert refund(caller, transaction).json().get("refundStatus") == answered


def test_look_ups_lag_behind_when_told_to(caller: Caller) -> None:
    subscription, transaction = paid(caller)
    caller.lever("behaviour", {"lookup_lag": 60})
    paths = [
        f"/recurring/subscriptions/{subscription}",
        f"/recurring/subscriptions/{subscription}/charges",
        f"/transactions/{transaction}",
    ]
    assert [caller.call("GET", path).status_code for path in paths] == [403, 403, 403]
    assert caller.call("GET", "/recurring/subscriptions").json()["subscriptions"] == []
    caller.lever("clock", {"advance": "PT60S"})
    assert [caller.call("GET", path).status_code for path in paths] == [200, 200, 200]
