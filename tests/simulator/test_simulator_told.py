"""Which notice tells of what, and which are switched on."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import BUSINESS, PAYER, Caller, Receiver, named_card, with_second_card

from simulator.noticetypes import NEEDED, TYPES


def kinds(caller: Caller) -> list[str]:
    return [form["transactionType"] for form in caller.told()]


def test_what_an_operator_should_enable_is_enabled_from_the_start(caller: Caller) -> None:
    assert caller.lever("behaviour")["notice_types"] == list(NEEDED)
    assert set(TYPES) > set(NEEDED)


def test_a_type_that_is_switched_off_is_not_told(caller: Caller) -> None:
    caller.tell_all()
    caller.lever("behaviour", {"notice_types": ["RECURRING"]})
    caller.subscription()
    caller.lever("clock", {"advance": "P1M"})
    assert kinds(caller) == ["RECURRING"]


def test_canceling_is_told_with_the_end_of_the_paid_period(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-06-05T20:00:00Z"})
    caller.tell_all()
    made = caller.seeded()
    caller.change(made["subscription_id"], status="CANCELED")
    (form,) = caller.told("CANCELLATION")
    told = {"subscriptionId": made["subscription_id"], "accountId": made["shopper_id"], "contractId": "2340001"}
    assert form.items() >= told.items()
    assert (form["referenceNumber"], form["untilDate"]) == (made["transaction_id"], "07/05/2027 12:00 AM")
    assert form["cancelReason"] == "CANCELLED_BY_SELLER"


def test_switching_renewal_off_is_told_and_then_the_end(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded()
    caller.change(made["subscription_id"], autoRenew=False)
    caller.change(made["subscription_id"], autoRenew=False)
    assert kinds(caller) == ["CANCEL_ON_RENEWAL"]
    caller.lever("clock", {"advance": "P2M"})
    assert kinds(caller) == ["CANCEL_ON_RENEWAL", "CANCELLATION"]


def test_a_switch_of_plan_is_told_with_both_contracts(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded(amount="290.00")
    caller.change(made["subscription_id"], planId=BUSINESS)
    (form,) = caller.told("CONTRACT_CHANGE")
    told = {"contractId": "2340001", "oldContractId": "2340001", "newContractId": "2340002", "contractPrice": "29.00"}
    assert form.items() >= told.items()
    assert form["originalRefNum"] == made["transaction_id"]
    assert len(caller.ledger("charge")) == 1


def test_another_price_or_quantity_is_no_change_of_contract(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded()
    caller.change(made["subscription_id"], overrideRecurringChargeAmount="58.00")
    caller.change(made["subscription_id"], planId=2340001, quantity=3)
    assert kinds(caller) == []


def test_a_trial_starts_with_a_notice_that_hides_the_shopper(caller: Caller) -> None:
    caller.tell_all()
    plan = {"name": "T", "chargeFrequency": "MONTHLY", "currency": "USD", "recurringChargeAmount": 20}
    plan_id = caller.call("POST", "/recurring/plans", json=plan | {"trialPeriodDays": 14}).json()["planId"]
    subscription = caller.subscription(planId=plan_id)
    assert kinds(caller) == ["VAULTED_SHOPPER", "AUTH_ONLY"]
    (form,) = caller.told("AUTH_ONLY")
    assert ("accountId" in form, form["subscriptionId"]) == (False, str(subscription))


def test_a_declined_first_charge_is_told_without_a_subscription(caller: Caller) -> None:
    caller.tell_all()
    caller.lever("behaviour", {"decline_at": "charge"})
    shopper = caller.shopper("insufficient_funds")
    assert caller.subscribe(vaultedShopperId=shopper).status_code == 400
    (form,) = caller.told("CC_CHARGE_FAILED")
    assert (form["accountId"], form["subscriptionId"], form["referenceNumber"]) == (str(shopper), "", "")
    assert "430360" in form["declineReason"]


def test_changed_payment_details_are_told(caller: Caller) -> None:
    caller.tell_all()
    shopper = with_second_card(caller)
    assert kinds(caller) == ["VAULTED_SHOPPER", "PAYMENT_UPDATED", "VAULTED_SHOPPER"]
    subscription = caller.subscription(vaultedShopperId=shopper, paymentSource=named_card("VISA", "9299"))
    caller.change(subscription, paymentSource=named_card("MASTERCARD", "9903"))
    form = caller.told("PAYMENT_UPDATED")[-1]
    assert (form["creditCardType"], form["subscriptionId"]) == ("MASTERCARD", str(subscription))


def test_a_deleted_shopper_is_told_of_when_gone(caller: Caller) -> None:
    caller.tell_all()
    shopper = caller.shopper()
    assert "7 days" in caller.call("DELETE", f"/vaulted-shoppers/{shopper}").json()["description"]
    assert caller.call("GET", f"/vaulted-shoppers/{shopper}").status_code == 200
    caller.lever("clock", {"advance": "P8D"})
    assert caller.call("GET", f"/vaulted-shoppers/{shopper}").status_code == 403
    assert caller.told("SHOPPER_DELETED")[0]["accountId"] == str(shopper)


def test_a_shopper_with_purchases_is_not_deleted(caller: Caller) -> None:
    made = caller.seeded()
    path = f"/vaulted-shoppers/{made['shopper_id']}"
    answer = caller.call("DELETE", path)
    assert (answer.json()["message"][0]["code"], answer.status_code) == ("14110", 400)
    caller.lever("cancel", {"subscription_id": made["subscription_id"]})
    assert caller.call("DELETE", path).json()["message"][0]["code"] == "14110"
    caller.lever("clock", {"advance": "P13M"})
    assert caller.call("DELETE", path).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"notice_types": ["CHARGE", "BIRTHDAY"]},
        {"notice_types": "CHARGE"},
        {"retry_days": [3, 1]},
        {"retry_days": [0, 1]},
        {"retry_days": 3},
        {"retry_days": [True]},
        {"reminder_days": -1},
        {"reminder_days": 1.5},
        {"three_d_secure": "maybe"},
        {"failure_reason": "thrice"},
    ],
)
def test_a_switch_that_makes_no_sense_changes_nothing(caller: Caller, change: Any) -> None:
    before = caller.lever("behaviour")
    answer = caller.pull("behaviour", change)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert caller.lever("behaviour") == before


def test_a_contact_update_is_told_as_a_stored_shopper(caller: Caller) -> None:
    caller.tell_all()
    shopper = caller.shopper()
    caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=PAYER | {"email": "new@example.test"})
    assert [form["email"] for form in caller.told("VAULTED_SHOPPER")] == ["", "new@example.test"]


def test_a_refund_is_sent_again_without_its_charge(caller: Caller, receiver: Receiver) -> None:
    made = caller.seeded()
    for amount in ("1.00", "2.00"):
        caller.refund(made["transaction_id"], amount=amount, cancelSubscriptions=False)
    receiver.wait(2)
    answer = caller.lever("notices", {"resend": made["transaction_id"], "type": "REFUND", "times": 11})
    assert answer["queued"] == 22
    assert {form["transactionType"] for form in receiver.wait(24)} == {"REFUND"}
    assert caller.pull("notices", {"resend": made["transaction_id"], "type": "CHARGE"}).status_code == 400
    assert caller.pull("notices", {"resend": made["transaction_id"], "type": 7}).status_code == 400


def test_the_listing_of_notices_can_be_narrowed(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded()
    caller.lever("clock", {"advance": "P2M"})
    caller.change(made["subscription_id"], status="CANCELED")
    shown = {query: caller.lever(f"notices?{query}")["notices"] for query in ("type=RECURRING", "last=1", "last=500")}
    assert [len(notices) for notices in shown.values()] == [2, 1, 3]
    assert shown["last=1"][0]["type"] == "CANCELLATION"
    assert [caller.pull(f"notices?{query}").status_code for query in ("last=0", "last=x", "first=1")] == [400] * 3
