"""The clock, and what falls due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simulator_caller import TEAM, Caller, await_true

from simulator.clock import read_rfc3339


def now(caller: Caller) -> Any:
    return read_rfc3339(caller.lever("clock")["now"])


def next_dates(caller: Caller, subscription: Any, months: Any) -> Any:
    dates = []
    for _ in range(months):
        caller.lever("clock", {"set": f"{caller.read(subscription)['nextChargeDate']}T20:00:00Z"})
        dates.append(caller.read(subscription)["nextChargeDate"])
    return dates


def test_the_clock_is_real_time_until_it_is_moved(caller: Caller) -> None:
    assert abs(now(caller) - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_ticks_on_from_where_it_was_set(caller: Caller) -> None:
    answer = caller.lever("clock", {"set": "2027-01-31T12:00:00Z"})
    assert answer["now"].startswith("2027-01-31T12:00:0")
    first = now(caller)
    await_true(lambda: now(caller) > first)


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        ("2027-01-31T20:00:00Z", "P1M", "2027-02-28T20:00:00Z"),
        ("2028-02-29T20:00:00Z", "P1Y", "2029-02-28T20:00:00Z"),
        ("2027-03-13T20:00:00Z", "P1D", "2027-03-14T19:00:00Z"),
        ("2027-03-13T20:00:00Z", "PT24H", "2027-03-14T20:00:00Z"),
        ("2027-10-31T03:00:00Z", "P1M", "2027-12-01T04:00:00Z"),
        ("2027-01-01T12:00:00Z", "P1Y2M1W3DT4H5M6S", "2028-03-11T16:05:06Z"),
    ],
)
def test_calendar_parts_count_in_the_billing_zone(caller: Caller, start: Any, span: Any, end: Any) -> None:
    caller.lever("clock", {"set": start})
    moved = read_rfc3339(caller.lever("clock", {"advance": span})["now"])
    assert timedelta(0) <= moved - read_rfc3339(end) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"advance": "1 month"},
        {"advance": "P"},
        {"advance": "PT"},
        {"advance": "-P1M"},
        {"advance": "P9999Y"},
        {"advance": 5},
        {"set": "2027-01-31T12:00:00"},
        {"set": "tomorrow"},
        {"set": "1980-01-01T00:00:00Z"},
        {"set": "2027-01-31T12:00:00Z", "advance": "P1D"},
        {"back": "P1D"},
    ],
)
def test_a_move_that_makes_no_sense_is_refused(caller: Caller, body: Any) -> None:
    before = now(caller)
    answer = caller.pull("clock", body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert now(caller) - before < timedelta(seconds=5)


def test_renewals_on_the_way_happen_in_order_at_their_moments(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-20T18:00:00Z"})
    late = caller.subscription()
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    early = caller.subscription()
    moved = caller.lever("clock", {"set": "2027-06-12T12:00:00Z"})
    assert moved["fell_due"] == 3
    renewals = [entry for entry in caller.ledger("charge") if entry["type"] == "RECURRING"]
    assert [(entry["subscription_id"], entry["at"]) for entry in renewals] == [
        (str(early), "2027-05-11T07:00:00.000Z"),
        (str(late), "2027-05-20T07:00:00.000Z"),
        (str(early), "2027-06-11T07:00:00.000Z"),
    ]


@pytest.mark.parametrize(("minute", "charges"), [("06:59", 1), ("07:01", 2)])
def test_midnight_of_the_billing_zone_decides(caller: Caller, minute: Any, charges: Any) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    caller.subscription()
    caller.lever("clock", {"set": f"2027-05-11T{minute}:00Z"})
    assert len(caller.ledger("charge")) == charges


def test_midnight_passes_by_itself_as_time_goes_on(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    caller.subscription()
    assert caller.lever("clock", {"set": "2027-05-11T06:59:59Z"})["fell_due"] == 0
    await_true(lambda: len(caller.ledger("charge")) == 2)


@pytest.mark.parametrize("start", ["2027-03-01T10:00:00Z", "2027-10-15T10:00:00Z", "2027-01-31T04:00:00Z"])
def test_a_month_later_exactly_one_renewal_happened(caller: Caller, start: Any) -> None:
    caller.lever("clock", {"set": start})
    caller.subscription()
    caller.lever("clock", {"advance": "P1M"})
    assert len(caller.ledger("charge")) == 2


def test_a_renewal_may_come_at_the_time_of_the_signup(caller: Caller) -> None:
    caller.lever("behaviour", {"renewal_time": "signup"})
    caller.lever("clock", {"set": "2027-10-15T10:30:00Z"})
    caller.subscription()
    caller.lever("clock", {"set": "2027-11-15T11:29:00Z"})
    assert len(caller.ledger("charge")) == 1
    caller.lever("clock", {"set": "2027-11-15T11:31:00Z"})
    assert len(caller.ledger("charge")) == 2


@pytest.mark.parametrize(("switch", "march"), [("anchored", "2027-03-31"), ("drifts", "2027-03-28")])
def test_after_a_short_month_the_day_comes_back_or_not(caller: Caller, switch: Any, march: Any) -> None:
    caller.lever("behaviour", {"month_end": switch})
    caller.lever("clock", {"set": "2027-01-31T20:00:00Z"})
    subscription = caller.subscription()
    assert caller.read(subscription)["nextChargeDate"] == "2027-02-28"
    assert next_dates(caller, subscription, 1) == [march]


def test_the_signups_day_is_that_of_the_billing_zone(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-12T06:59:00Z"})
    assert caller.subscribe().json()["nextChargeDate"] == "2027-05-11"
    caller.lever("behaviour", {"zone": "UTC"})
    assert caller.subscribe().json()["nextChargeDate"] == "2027-05-12"


@pytest.mark.parametrize(
    ("frequency", "following"),
    [
        ("DAILY", "2027-04-12"),
        ("EVERY 2 WEEKS", "2027-04-25"),
        ("QUARTERLY", "2027-07-11"),
        ("ANNUALLY", "2028-04-11"),
        ("EVERY 3 YEARS", "2030-04-11"),
    ],
)
def test_every_frequency_has_its_next_date(caller: Caller, frequency: Any, following: Any) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    plan = {"name": "Other", "chargeFrequency": frequency, "currency": "USD", "recurringChargeAmount": 20}
    plan_id = caller.call("POST", "/recurring/plans", json=plan).json()["planId"]
    assert caller.subscribe(planId=plan_id).json()["nextChargeDate"] == following


def test_a_plan_with_a_number_of_charges_finishes(caller: Caller) -> None:
    plan = {
        "name": "Twice",
        "chargeFrequency": "MONTHLY",
        "currency": "USD",
        "recurringChargeAmount": 20,
        "maxNumberOfCharges": 2,
    }
    plan_id = caller.call("POST", "/recurring/plans", json=plan).json()["planId"]
    subscription = caller.subscription(planId=plan_id)
    caller.lever("clock", {"advance": "P6M"})
    assert (len(caller.ledger("charge")), caller.read(subscription)["status"]) == (2, "FINISHED")


def with_declining_card(caller: Caller) -> Any:
    """A subscription whose card was good and is exchanged for a bad one."""
    shopper = caller.shopper()
    subscription = caller.subscription(vaultedShopperId=shopper)
    caller.lever("behaviour", {"decline_at": "charge"})
    source = {"creditCardInfo": [{"pfToken": caller.token("declined")}]}
    body = {"firstName": "Mira", "lastName": "Okafor", "paymentSources": source}
    caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=body)
    chosen = {"creditCardInfo": {"creditCard": {"cardType": "DISCOVER", "cardLastFourDigits": "0009"}}}
    caller.call("PUT", f"/recurring/subscriptions/{subscription}", json={"paymentSource": chosen})
    return subscription


def test_a_failing_renewal_is_tried_through_the_grace_period(caller: Caller) -> None:
    subscription = with_declining_card(caller)
    caller.lever("clock", {"advance": "P1M"})
    due = caller.read(subscription)["nextChargeDate"]
    caller.lever("clock", {"advance": "P59D"})
    read = caller.read(subscription)
    assert (read["status"], read["nextChargeDate"], len(caller.ledger("charge"))) == ("ACTIVE", due, 1)
    caller.lever("clock", {"advance": "P2D"})
    assert caller.read(subscription)["status"] == "CANCELED"


def test_a_retry_that_works_keeps_the_billing_day(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    subscription = with_declining_card(caller)
    caller.lever("clock", {"set": "2027-05-14T18:00:00Z"})
    good = {"creditCardInfo": {"creditCard": {"cardType": "VISA", "cardLastFourDigits": "9299"}}}
    caller.call("PUT", f"/recurring/subscriptions/{subscription}", json={"paymentSource": good})
    caller.lever("clock", {"set": "2027-05-16T18:00:00Z"})
    assert len(caller.ledger("charge")) == 2
    assert caller.read(subscription)["nextChargeDate"] == "2027-06-11"


def test_setting_the_clock_back_changes_only_the_reading(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    subscription = caller.subscription()
    caller.lever("clock", {"set": "2027-05-12T18:00:00Z"})
    caller.lever("clock", {"set": "2027-04-12T18:00:00Z"})
    assert caller.read(subscription)["nextChargeDate"] == "2027-06-11"
    caller.lever("clock", {"set": "2027-05-12T18:00:00Z"})
    assert len(caller.ledger("charge")) == 2


def test_the_worked_example_of_ten_members_charges_ten_business_members(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    subscription = caller.subscription(planId=TEAM, overrideRecurringChargeAmount="290.00")
    caller.lever("clock", {"set": "2027-04-17T18:00:00Z"})
    for change in ({"planId": 2340002}, {"overrideRecurringChargeAmount": "490.00"}):
        caller.call("PUT", f"/recurring/subscriptions/{subscription}", json=change)
    caller.lever("clock", {"set": "2027-05-11T18:00:00Z"})
    charges = [(entry["amount"], entry["at"][:10]) for entry in caller.ledger("charge")]
    assert charges == [("290.00", "2027-04-11"), ("490.00", "2027-05-11")]
