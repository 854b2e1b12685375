"""Billing plans and the fixed catalogue."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import BUSINESS, TEAM, Caller, error_name

GOLD = {"name": "Gold", "chargeFrequency": "MONTHLY", "currency": "USD", "recurringChargeAmount": 29.99}


@pytest.mark.parametrize(("plan_id", "name", "price"), [(TEAM, "Team monthly", 29), (BUSINESS, "Business monthly", 49)])
def test_the_catalogue_is_there_under_fixed_ids(caller: Caller, plan_id: Any, name: Any, price: Any) -> None:
    body = caller.call("GET", f"/recurring/plans/{plan_id}").json()
    assert body == {
        "planId": plan_id,
        "name": name,
        "status": "ACTIVE",
        "chargeFrequency": "MONTHLY",
        "currency": "USD",
        "recurringChargeAmount": price,
        "gracePeriodDays": 60,
        "chargeOnPlanSwitch": False,
    }


def test_a_plan_is_created_read_and_listed(caller: Caller) -> None:
    made = caller.call("POST", "/recurring/plans", json=GOLD | {"gracePeriodDays": 10, "chargeOnPlanSwitch": True})
    plan_id = made.json()["planId"]
    assert made.headers["Location"].endswith(f"/recurring/plans/{plan_id}")
    assert caller.call("GET", f"/recurring/plans/{plan_id}").json() == made.json()
    listed = caller.call("GET", "/recurring/plans?gettotal=true").json()
    assert listed["totalResults"] == 3
    assert [plan["planId"] for plan in listed["plans"]] == [plan_id, BUSINESS, TEAM]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"name": None}, "MISSING_REQUIRED_FIELD"),
        ({"name": "x" * 200}, "INVALID_BILLING_PLAN_NAME_LENGTH"),
        ({"chargeFrequency": "FORTNIGHTLY"}, "INVALID_CHARGE_FREQUENCY"),
        ({"currency": "usd"}, "CURRENCY_NOT_FOUND"),
        ({"recurringChargeAmount": 1}, "RECURRING_PRICE_MINIMUM_LIMIT_NOT_REACHED"),
        ({"recurringChargeAmount": -5}, "PRICE_MUST_BE_POSITIVE"),
        ({"recurringChargeAmount": "29.999"}, "AMOUNT_EXCEEDED_MAXIMUM_ALLOWED_FRACTION_DIGITS"),
        ({"gracePeriodDays": -1}, "INVALID_GRACE_PERIOD"),
        ({"trialPeriodDays": "soon"}, "INVALID_TRIAL_DAYS"),
        ({"maxNumberOfCharges": 1.5}, "INVALID_MAX_NUMBER_OF_CHARGES"),
        ({"status": "INACTIVE"}, "CANNOT_CREATE_INACTIVE_PLAN"),
    ],
)
def test_a_bad_plan_is_refused_by_name(caller: Caller, fields: Any, name: Any) -> None:
    assert error_name(caller.call("POST", "/recurring/plans", json=GOLD | fields)) == name


def test_frequencies_are_taken_with_underscores_too(caller: Caller) -> None:
    made = caller.call("POST", "/recurring/plans", json=GOLD | {"chargeFrequency": "EVERY_2_WEEKS"})
    assert made.json()["chargeFrequency"] == "EVERY 2 WEEKS"


def test_name_price_and_status_of_a_plan_can_change(caller: Caller) -> None:
    plan_id = caller.call("POST", "/recurring/plans", json=GOLD).json()["planId"]
    changes = {"name": "Silver", "recurringChargeAmount": "19.50", "status": "INACTIVE", "gracePeriodDays": 5}
    answer = caller.call("PUT", f"/recurring/plans/{plan_id}", json=changes).json()
    assert (answer["name"], answer["recurringChargeAmount"], answer["status"]) == ("Silver", 19.5, "INACTIVE")
    assert caller.subscribe(planId=plan_id).status_code == 400


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"trialPeriodDays": 14}, "CANNOT_ADD_ELEMENT"),
        ({"initialChargeAmount": None}, "CANNOT_DELETE_ELEMENT"),
        ({"currency": "EUR"}, "NON_UPDATABLE_FIELD"),
        ({"status": "GONE"}, "INVALID_STATUS"),
    ],
)
def test_the_rest_of_a_plan_never_changes(caller: Caller, fields: Any, name: Any) -> None:
    plan_id = caller.call("POST", "/recurring/plans", json=GOLD | {"initialChargeAmount": 5}).json()["planId"]
    assert error_name(caller.call("PUT", f"/recurring/plans/{plan_id}", json=fields)) == name
