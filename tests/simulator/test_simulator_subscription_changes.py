"""Subscriptions: changing and ending."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import BUSINESS, Caller, error_name, named_card, with_second_card


def put(caller: Caller, subscription: Any, **changes: Any) -> Any:
    return caller.call("PUT", f"/recurring/subscriptions/{subscription}", json=changes)


def test_an_override_changes_the_next_charge_only(caller: Caller) -> None:
    subscription = caller.subscription(overrideRecurringChargeAmount="290.00")
    assert put(caller, subscription, overrideRecurringChargeAmount="145.00").json()["recurringChargeAmount"] == 145
    assert [charge["amount"] for charge in caller.ledger("charge")] == ["290.00"]
    caller.lever("clock", {"advance": "P1M"})
    assert [charge["amount"] for charge in caller.ledger("charge")] == ["290.00", "145.00"]


@pytest.mark.parametrize(("switch", "price"), [("reset", 49), ("kept", 290)])
def test_a_change_of_plan_drops_the_override_or_keeps_it(caller: Caller, switch: Any, price: Any) -> None:
    caller.lever("behaviour", {"plan_switch_amount": switch})
    subscription = caller.subscription(overrideRecurringChargeAmount="290.00")
    body = put(caller, subscription, planId=BUSINESS).json()
    assert (body["planId"], body["recurringChargeAmount"]) == (BUSINESS, price)
    assert len(caller.ledger("charge")) == 1


def test_the_override_may_be_shown_in_a_field_of_its_own(caller: Caller) -> None:
    caller.lever("behaviour", {"override_shown": "beside"})
    body = caller.subscribe(overrideRecurringChargeAmount="290.00").json()
    assert (body["recurringChargeAmount"], body["overrideRecurringChargeAmount"]) == (29, 290)
    assert body["charge"]["amount"] == 290


def test_a_canceled_subscription_is_final(caller: Caller) -> None:
    subscription = caller.subscription()
    assert put(caller, subscription, status="CANCELED").json()["status"] == "CANCELED"
    assert error_name(put(caller, subscription, status="ACTIVE")) == "CANNOT_UPDATE_CANCELED_SUBSCRIPTION"
    caller.lever("clock", {"advance": "P3M"})
    assert len(caller.ledger("charge")) == 1


def test_without_renewal_a_subscription_ends_with_its_period(caller: Caller) -> None:
    subscription = caller.subscription()
    assert put(caller, subscription, autoRenew=False).json()["autoRenew"] is False
    caller.lever("clock", {"advance": "P20D"})
    assert caller.read(subscription)["status"] == "ACTIVE"
    caller.lever("clock", {"advance": "P12D"})
    assert caller.read(subscription)["status"] == "CANCELED"
    assert len(caller.ledger("charge")) == 1


def test_renewal_can_be_switched_on_again_in_time(caller: Caller) -> None:
    subscription = caller.subscription()
    put(caller, subscription, autoRenew=False)
    put(caller, subscription, autoRenew=True)
    caller.lever("clock", {"advance": "P1M"})
    assert len(caller.ledger("charge")) == 2


def test_the_next_charge_date_can_be_moved(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    subscription = caller.subscription()
    assert put(caller, subscription, nextChargeDate="2027-04-20").json()["nextChargeDate"] == "2027-04-20"
    caller.lever("clock", {"set": "2027-04-20T12:00:00Z"})
    assert caller.read(subscription)["nextChargeDate"] == "2027-05-20"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"nextChargeDate": "04/20/2027"}, "INVALID_DATE_FORMAT"),
        ({"nextChargeDate": "2027-02-30"}, "INVALID_DATE_FORMAT"),
        ({"nextChargeDate": "2001-01-01"}, "INVALID_DATE_FORMAT"),
        ({"quantity": 2}, "MISSING_REQUIRED_FIELD"),
        ({"autoRenew": "no"}, "VALIDATION_GENERAL_FAILURE"),
        ({"status": "PAUSED"}, "INVALID_STATUS"),
        ({"paymentSource": named_card("AMEX", "0126")}, "INCORRECT_PAYMENT_DETAILS"),
    ],
)
def test_a_bad_change_is_refused_and_changes_nothing(caller: Caller, changes: Any, name: Any) -> None:
    subscription = caller.subscription()
    before = caller.read(subscription)
    assert error_name(put(caller, subscription, **changes, overrideRecurringChargeAmount="1.50")) == name
    assert caller.read(subscription) == before


def test_currencies_of_plans_cannot_be_mixed(caller: Caller) -> None:
    plan = {"name": "Euro", "chargeFrequency": "MONTHLY", "currency": "EUR", "recurringChargeAmount": 20}
    plan_id = caller.call("POST", "/recurring/plans", json=plan).json()["planId"]
    assert error_name(put(caller, caller.subscription(), planId=plan_id)) == "MISMATCH_SUBSCRIPTION_CURRENCY"


def test_the_card_of_a_subscription_is_changed_by_naming_one(caller: Caller) -> None:
    shopper = with_second_card(caller)
    subscription = caller.subscription(vaultedShopperId=shopper, paymentSource=named_card("VISA", "9299"))
    body = put(caller, subscription, paymentSource=named_card("MASTERCARD", "9903")).json()
    assert body["paymentSource"]["creditCardInfo"]["creditCard"]["cardLastFourDigits"] == "9903"
