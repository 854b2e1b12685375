"""Renewals that fail: attempts, notices, grace, and reminders before them."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import Caller

PAID = "2027-04-11"


def failing(caller: Caller, outcome: str = "INSUFFICIENT_FUNDS", **fields: Any) -> dict[str, str]:
    """A customer who paid on 11 April, and whose card is bad by now."""
    caller.lever("clock", {"set": f"{PAID}T20:00:00Z"})
    caller.tell_all()
    made = caller.seeded(**fields)
    caller.lever("card", {"subscription_id": made["subscription_id"], "outcome": outcome})
    return made


def days_of(forms: list[dict[str, str]]) -> list[str]:
    return [form["transactionDate"][:5] for form in forms]


def test_every_failed_attempt_is_told_with_its_reason(caller: Caller) -> None:
    made = failing(caller)
    caller.lever("behaviour", {"retry_days": [1, 3, 7]})
    caller.lever("clock", {"set": "2027-05-30T20:00:00Z"})
    forms = caller.told("SUBSCRIPTION_CHARGE_FAILURE")
    assert days_of(forms) == ["05/11", "05/12", "05/14", "05/18"]
    about = {"subscriptionId": made["subscription_id"], "accountId": made["shopper_id"], "contractId": "2340001"}
    assert all(form.items() >= about.items() for form in forms)
    assert {form["originalReferenceNumber"] for form in forms} == {made["transaction_id"]}
    assert all("430360" in form["failureReason"] and "Payment ID" in form["failureReason"] for form in forms)
    assert {form["untilDate"] for form in forms} == {"05/11/2027 12:00 AM"}
    assert len(caller.ledger("charge")) == 1


def test_the_reason_may_be_encoded_twice(caller: Caller) -> None:
    failing(caller)
    caller.lever("behaviour", {"failure_reason": "twice"})
    caller.lever("clock", {"set": "2027-05-11T20:00:00Z"})
    (form,) = caller.told("SUBSCRIPTION_CHARGE_FAILURE")
    assert "%20" in form["failureReason"]


def test_after_the_grace_period_the_cancellation_is_told(caller: Caller) -> None:
    made = failing(caller)
    caller.lever("clock", {"set": "2027-07-10T06:59:00Z"})
    assert caller.read(int(made["subscription_id"]))["status"] == "ACTIVE"
    caller.lever("clock", {"set": "2027-07-10T07:01:00Z"})
    assert caller.read(int(made["subscription_id"]))["status"] == "CANCELED"
    (form,) = caller.told("CANCELLATION")
    assert (form["cancelReason"], form["untilDate"]) == ("Failed recurring charge", "05/11/2027 12:00 AM")
    assert form["referenceNumber"] == form["originalRefNum"] == made["transaction_id"]


@pytest.mark.parametrize(
    ("late", "charges", "following"),
    [("skips", 1, "2027-07-11"), ("catches_up", 2, "2027-07-11"), ("restarts", 1, "2027-08-09")],
)
def test_a_card_that_is_good_again_pays_on_day_59(caller: Caller, late: Any, charges: Any, following: Any) -> None:
    made = failing(caller)
    caller.lever("behaviour", {"late_payment": late})
    caller.lever("clock", {"set": "2027-07-08T20:00:00Z"})
    caller.lever("card", {"subscription_id": made["subscription_id"], "outcome": "success"})
    caller.lever("clock", {"set": "2027-07-09T20:00:00Z"})
    assert days_of(caller.told("RECURRING")) == ["07/09"] * charges
    read = caller.read(int(made["subscription_id"]))
    assert (read["status"], read["nextChargeDate"]) == ("ACTIVE", following)


def test_a_card_that_pays_too_late_finds_the_subscription_ended(caller: Caller) -> None:
    made = failing(caller)
    caller.lever("clock", {"set": "2027-07-09T20:00:00Z"})
    caller.lever("card", {"subscription_id": made["subscription_id"], "outcome": "success"})
    caller.lever("clock", {"set": "2027-07-11T20:00:00Z"})
    assert caller.read(int(made["subscription_id"]))["status"] == "CANCELED"
    assert len(caller.ledger("charge")) == 1


@pytest.mark.parametrize(("grace", "status"), [(0, "CANCELED"), (None, "ACTIVE")])
def test_a_plan_without_grace_ends_at_once_or_never(caller: Caller, grace: Any, status: Any) -> None:
    plan = {"name": "Other", "chargeFrequency": "MONTHLY", "currency": "USD", "recurringChargeAmount": 20}
    more = {} if grace is None else {"gracePeriodDays": grace}
    plan_id = caller.call("POST", "/recurring/plans", json=plan | more).json()["planId"]
    made = failing(caller, plan_id=plan_id)
    caller.lever("clock", {"set": "2027-05-11T20:00:00Z"})
    assert len(caller.told("SUBSCRIPTION_CHARGE_FAILURE")) == 1
    assert caller.read(int(made["subscription_id"]))["status"] == status
    caller.lever("clock", {"advance": "P6M"})
    assert caller.read(int(made["subscription_id"]))["status"] == status


def test_reminders_come_so_many_days_before_each_renewal(caller: Caller) -> None:
    caller.lever("clock", {"set": f"{PAID}T20:00:00Z"})
    caller.tell_all()
    made = caller.seeded()
    caller.lever("behaviour", {"reminder_days": 7})
    caller.lever("clock", {"advance": "P2M"})
    forms = caller.told("SUBSCRIPTION_REMINDER")
    assert days_of(forms) == ["05/04", "06/04"]
    assert (forms[0]["untilDate"], forms[0]["subscriptionId"]) == ("05/11/2027 12:00 AM", made["subscription_id"])


def test_no_reminder_comes_unless_it_was_ordered(caller: Caller) -> None:
    caller.lever("clock", {"set": f"{PAID}T20:00:00Z"})
    caller.tell_all()
    caller.seeded()
    caller.lever("clock", {"advance": "P2M"})
    assert [form["transactionType"] for form in caller.told()] == ["RECURRING", "RECURRING"]
