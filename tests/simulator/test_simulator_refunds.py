"""Refunds and chargebacks: what is told, what is guarded, what is read afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import Caller, error_name


def code_of(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["message"][0]["code"])


def paid(caller: Caller, amount: str = "1290.00") -> dict[str, str]:
    caller.tell_all()
    return caller.seeded(amount=amount)


def read(caller: Caller, made: dict[str, str]) -> Any:
    return caller.call("GET", f"/transactions/{made['transaction_id']}").json()


def test_a_refund_that_keeps_the_subscription_is_told_as_refund(caller: Caller) -> None:
    made = paid(caller)
    refund = caller.refund(made["transaction_id"], cancelSubscriptions=False, reason="too many members").json()
    (form,) = caller.told()
    told = {
        "transactionType": "REFUND",
        "referenceNumber": made["transaction_id"],
        "originalReferenceNumber": made["transaction_id"],
        "reversalRefNum": str(refund["refundTransactionId"]),
        "reversalReason": "too many members",
        "subscriptionId": made["subscription_id"],
        "accountId": made["shopper_id"],
        "invoiceChargeAmount": "-1,290.00",
        "invoiceAmountUSD": "-1,290.00",
        "contractPrice": "29.00",
    }
    assert form.items() >= told.items()
    assert not {"cvvResponse", "avsResponse", "overridePrice"} & set(form)


def test_a_refund_that_cancels_is_one_notice_without_the_shopper(caller: Caller) -> None:
    made = paid(caller)
    caller.refund(made["transaction_id"], amount="10.00")
    (form,) = caller.told()
    assert (form["transactionType"], form["referenceNumber"]) == ("CANCELLATION_REFUND", made["transaction_id"])
    assert ("accountId" in form, form["cancelReason"]) == (False, "CANCELLED_BY_SELLER")
    assert form["invoiceChargeAmount"] == "-10.00"


def test_a_pending_refund_is_told_twice_and_blocks_another(caller: Caller) -> None:
    made = paid(caller)
    caller.lever("behaviour", {"refund_status": "PENDING", "refund_pending_days": 5})
    refund = caller.refund(made["transaction_id"], amount="10.00", cancelSubscriptions=False).json()
    assert refund["refundStatus"] == "PENDING"
    assert error_name(caller.refund(made["transaction_id"], amount="10.00")) == "REFUND_IN_PROCESS"
    assert read(caller, made)["refunds"]["refund"][0]["refundStatus"] == "PENDING"
    caller.lever("clock", {"advance": "P6D"})
    assert [form["transactionType"] for form in caller.told()] == ["PENDING_REFUND", "REFUND"]
    assert {form["reversalRefNum"] for form in caller.told()} == {str(refund["refundTransactionId"])}
    assert caller.refund(made["transaction_id"], amount="10.00").status_code == 200


def test_a_pending_refund_can_be_called_off(caller: Caller) -> None:
    made = paid(caller)
    caller.lever("behaviour", {"refund_status": "PENDING"})
    caller.refund(made["transaction_id"], cancelSubscriptions=False)
    path = f"/transactions/pending-refund/{made['transaction_id']}"
    assert caller.call("DELETE", path).status_code == 204
    assert caller.call("DELETE", path).status_code == 403
    caller.lever("clock", {"advance": "P6D"})
    assert [form["transactionType"] for form in caller.told()] == ["PENDING_REFUND"]
    assert read(caller, made)["refunds"] == {"refund": [], "balanceAmount": 1290}


@pytest.mark.parametrize(("query", "status"), [("", "CANCELED"), ("&cancelsubscriptions=false", "ACTIVE")])
def test_the_old_form_answers_nothing_and_gives_the_money_back(caller: Caller, query: Any, status: Any) -> None:
    made = paid(caller)
    path = f"/transactions/{made['transaction_id']}/refund?amount=90.00&reason=old{query}"
    answer = caller.call("PUT", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert read(caller, made)["refunds"]["balanceAmount"] == 1200
    assert caller.read(int(made["subscription_id"]))["status"] == status
    assert code_of(caller.call("PUT", path.replace("90.00", "1200.01"))) == "14006"


def test_a_chargeback_is_told_and_shown_with_the_transaction(caller: Caller) -> None:
    made = paid(caller)
    opened = caller.lever("chargeback", {"transaction_id": made["transaction_id"], "amount": "290.00"})
    (form,) = caller.told()
    told = {
        "transactionType": "CHARGEBACK",
        "referenceNumber": made["transaction_id"],
        "reversalRefNum": opened["id"],
        "cbStatus": "New",
        "invoiceChargeAmount": "-290.00",
        "subscriptionId": made["subscription_id"],
        "accountId": made["shopper_id"],
    }
    assert form.items() >= told.items()
    (shown,) = read(caller, made)["chargebacks"]["chargeback"]
    assert (shown["chargebackTransactionId"], shown["amount"], shown["status"]) == (int(opened["id"]), 290, "NEW")
    assert caller.ledger("chargeback")[0]["amount"] == "290.00"
    assert caller.read(int(made["subscription_id"]))["status"] == "ACTIVE"


@pytest.mark.parametrize(("end", "refundable"), [("Completed_Won", 1290), ("Completed_Lost", 1000)])
def test_a_dispute_moves_on_and_decides_what_can_be_refunded(caller: Caller, end: Any, refundable: Any) -> None:
    made = paid(caller)
    opened = caller.lever("chargeback", {"transaction_id": made["transaction_id"], "amount": 290})
    assert error_name(caller.refund(made["transaction_id"])) == "REFUND_GENERAL_FAILURE"
    for status in ("Working", end):
        caller.lever("chargeback_status", {"id": opened["id"], "status": status})
    moved = caller.told("CHARGEBACK_STATUS_CHANGED")
    assert [(form["cbStatus"], form["reversalRefNum"]) for form in moved] == [
        ("Working", opened["id"]),
        (end, opened["id"]),
    ]
    assert caller.refund(made["transaction_id"]).json()["amount"] == refundable


def test_a_dispute_never_goes_back_nor_out_of_its_end(caller: Caller) -> None:
    made = paid(caller)
    opened = caller.lever("chargeback", {"transaction_id": made["transaction_id"]})["id"]
    caller.lever("chargeback_status", {"id": opened, "status": "Completed_Lost"})
    for status in ("Working", "Completed_Won", "New", "Lost"):
        assert caller.pull("chargeback_status", {"id": opened, "status": status}).status_code == 400
    assert len(caller.told("CHARGEBACK_STATUS_CHANGED")) == 1


def test_no_more_than_was_paid_can_be_disputed(caller: Caller) -> None:
    made = paid(caller, "100.00")
    caller.refund(made["transaction_id"], amount="60.00", cancelSubscriptions=False)
    answer = caller.pull("chargeback", {"transaction_id": made["transaction_id"], "amount": "40.01"})
    assert "40.00" in answer.json()["error"]
    assert caller.lever("chargeback", {"transaction_id": made["transaction_id"]})["amount"] == "40.00"


def test_charges_show_their_refunds_and_can_be_read_alone(caller: Caller) -> None:
    made = paid(caller)
    caller.refund(made["transaction_id"], amount="10.00", cancelSubscriptions=False)
    path = f"/recurring/subscriptions/{made['subscription_id']}/charges"
    (listed,) = caller.call("GET", path).json()["charges"]
    assert listed["refunds"]["balanceAmount"] == 1280
    assert caller.call("GET", f"{path}/{listed['chargeId']}").json() == listed
    assert caller.call("GET", f"{path}/7").status_code == 403


@pytest.mark.parametrize(
    ("lever", "body"),
    [
        ("chargeback", {}),
        ("chargeback", {"transaction_id": "7"}),
        ("chargeback", {"transaction_id": "x"}),
        ("chargeback_status", {"id": "7", "status": "Working"}),
        ("chargeback_status", {"id": "7"}),
    ],
)
def test_a_dispute_that_makes_no_sense_is_refused_clearly(caller: Caller, lever: Any, body: Any) -> None:
    answer = caller.pull(lever, body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
