"""What a person does in BlueSnap's portal, switches that charge at once, and the account's notice settings."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import BUSINESS, TEAM, Caller, Receiver, error_name


def charging_plan(caller: Caller) -> int:
    plan = {"name": "Charging", "chargeFrequency": "MONTHLY", "currency": "USD", "recurringChargeAmount": 59}
    return int(caller.call("POST", "/recurring/plans", json=plan | {"chargeOnPlanSwitch": True}).json()["planId"])


def test_canceling_in_the_portal_is_like_canceling_by_the_api(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded()
    assert caller.lever("cancel", {"subscription_id": made["subscription_id"]})["status"] == "CANCELED"
    assert [form["transactionType"] for form in caller.told()] == ["CANCELLATION"]
    assert error_name(caller.change(made["subscription_id"], status="ACTIVE")) == "CANNOT_UPDATE_CANCELED_SUBSCRIPTION"
    assert "CANCELED" in caller.pull("cancel", {"subscription_id": made["subscription_id"]}).json()["error"]


def test_canceling_at_the_end_of_the_period_stops_renewal(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded()
    body = {"subscription_id": made["subscription_id"], "at_period_end": True}
    assert caller.lever("cancel", body)["status"] == "ACTIVE"
    assert caller.read(int(made["subscription_id"]))["autoRenew"] is False
    assert [form["transactionType"] for form in caller.told()] == ["CANCEL_ON_RENEWAL"]


def test_changes_in_the_portal_count_from_the_next_charge(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded()
    sent = {"subscription_id": made["subscription_id"], "plan_id": BUSINESS, "amount": "98.00", "quantity": 2}
    answer = caller.lever("change", sent)
    assert (answer["plan_id"], answer["amount"]) == (str(BUSINESS), "196.00")
    assert [form["transactionType"] for form in caller.told()] == ["CONTRACT_CHANGE"]
    caller.lever("clock", {"advance": "P1M"})
    assert [entry["amount"] for entry in caller.ledger("charge")] == ["29.00", "196.00"]


def test_the_portal_moves_the_next_charge_and_renewal(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T20:00:00Z"})
    made = caller.seeded()
    sent = {"subscription_id": made["subscription_id"], "next_charge_date": "2027-04-20", "auto_renew": False}
    assert caller.lever("change", sent)["next_charge_date"] == "2027-04-20"
    caller.lever("clock", {"set": "2027-04-21T20:00:00Z"})
    assert caller.read(int(made["subscription_id"]))["status"] == "CANCELED"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"plan_id": 7},
        {"quantity": 0},
        {"amount": "0"},
        {"amount": "1.001"},
        {"amount": True},
        {"auto_renew": "no"},
        {"next_charge_date": "2001-01-01"},
        {"next_charge_date": "soon"},
        {"price": 7},
    ],
)
def test_a_portal_change_that_makes_no_sense_is_refused(caller: Caller, change: Any) -> None:
    made = caller.seeded()
    answer = caller.pull("change", {"subscription_id": made["subscription_id"], **change})
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert caller.ledger("change") == []


def test_a_switch_that_charges_takes_the_difference_for_the_rest(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-04-11T20:00:00Z"})
    plan = charging_plan(caller)
    caller.tell_all()
    made = caller.seeded()
    caller.lever("clock", {"set": "2027-04-21T20:00:00Z"})
    path = f"/recurring/subscriptions/{made['subscription_id']}/switch-charge-amount?newplanid={plan}"
    preview = caller.call("GET", path).json()
    assert (preview["amount"], preview["currency"]) == (20, "USD")
    caller.change(made["subscription_id"], planId=plan)
    assert [(entry["amount"], entry["type"]) for entry in caller.ledger("charge")][1:] == [("20.00", "SWITCH")]
    assert [form["transactionType"] for form in caller.told()] == ["CONTRACT_CHANGE", "CHARGE"]
    assert caller.read(int(made["subscription_id"]))["nextChargeDate"] == "2027-05-11"
    charges = caller.call("GET", f"/recurring/subscriptions/{made['subscription_id']}/charges").json()["charges"]
    assert charges[0]["chargeInfo"]["chargeDescription"] == "Switch of plan"


def test_a_declined_switch_changes_nothing(caller: Caller) -> None:
    plan = charging_plan(caller)
    made = caller.seeded()
    caller.lever("card", {"subscription_id": made["subscription_id"], "outcome": "INSUFFICIENT_FUNDS"})
    before = caller.read(int(made["subscription_id"]))
    assert error_name(caller.change(made["subscription_id"], planId=plan, autoRenew=False)) == "INSUFFICIENT_FUNDS"
    assert caller.read(int(made["subscription_id"])) == before
    refused = caller.pull("change", {"subscription_id": made["subscription_id"], "plan_id": plan})
    assert "INSUFFICIENT_FUNDS" in refused.json()["error"]
    assert len(caller.ledger("charge")) == 1


@pytest.mark.parametrize("query", ["", "?newplanid=7", "?newplanid=2340002&newquantity=-1"])
def test_a_preview_needs_a_plan_and_a_quantity_that_exist(caller: Caller, query: Any) -> None:
    made = caller.seeded()
    path = f"/recurring/subscriptions/{made['subscription_id']}/switch-charge-amount{query}"
    assert caller.call("GET", path).status_code in (400, 403)


def test_a_switch_without_charge_previews_nothing_to_pay(caller: Caller) -> None:
    made = caller.seeded()
    path = f"/recurring/subscriptions/{made['subscription_id']}/switch-charge-amount?newplanid={BUSINESS}"
    assert caller.call("GET", path).json()["amount"] == 0


def test_a_renewal_on_demand_charges_and_moves_no_date(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded()
    before = caller.read(int(made["subscription_id"]))
    path = f"/subscriptions/{made['subscription_id']}/run-specific"
    assert caller.call("GET", path).status_code == 204
    assert caller.read(int(made["subscription_id"])) == before
    caller.lever("card", {"subscription_id": made["subscription_id"], "outcome": "CALL_ISSUER"})
    assert caller.call("GET", path).status_code == 204
    assert [form["transactionType"] for form in caller.told()] == ["RECURRING", "SUBSCRIPTION_CHARGE_FAILURE"]
    assert len(caller.ledger("charge")) == 2
    caller.lever("cancel", {"subscription_id": made["subscription_id"]})
    assert caller.call("GET", path).status_code == 400


def test_the_notice_settings_tell_where_and_which(caller: Caller, receiver: Receiver) -> None:
    (destination,) = caller.call("GET", "/notification-config").json()["ipnDestinations"]
    assert (destination["ipnUrl"], destination["sendCharge"]) == (receiver.url, True)
    assert destination["sendSubscriptionReminder"] is False


def test_a_flag_that_is_left_out_is_switched_off(caller: Caller, receiver: Receiver) -> None:
    body = {"ipnDestinations": [{"ipnUrl": receiver.url, "sendRecurring": True}], "ensureNotificationReceipt": True}
    answer = caller.call("PUT", "/notification-config", json=body).json()
    assert (answer["ipnDestinations"][0]["sendCharge"], answer["ensureNotificationReceipt"]) == (False, True)
    caller.subscription(planId=TEAM)
    caller.lever("clock", {"advance": "P1M"})
    assert [form["transactionType"] for form in receiver.wait(1)] == ["RECURRING"]


def test_without_a_destination_nothing_leaves(caller: Caller, receiver: Receiver) -> None:
    assert caller.call("DELETE", "/notification-config").status_code == 204
    assert caller.call("GET", "/notification-config").json()["ipnDestinations"] == []
    caller.subscription()
    assert [notice["state"] for notice in caller.lever("notices")["notices"]] == ["dropped"]


@pytest.mark.parametrize(
    "body",
    [{}, {"ipnUrl": "https://example.test/"}, {"ipnDestinations": "x"}, {"ipnDestinations": [{"sendCharge": True}]}],
)
def test_a_bad_destination_is_refused_and_the_old_one_stays(caller: Caller, receiver: Receiver, body: Any) -> None:
    assert caller.call("PUT", "/notification-config", json=body).status_code == 400
    assert caller.lever("notices")["url"] == receiver.url
    assert len(caller.lever("behaviour")["notice_types"]) == 13
