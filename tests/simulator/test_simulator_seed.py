"""Existing customers in bulk, and a year of a thousand of them."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import BUSINESS, Caller, Receiver

from simulator.clock import read_rfc3339


def test_existing_customers_can_be_read_like_any_other(caller: Caller, receiver: Receiver) -> None:
    caller.lever("clock", {"set": "2027-04-20T20:00:00Z"})
    row = {"count": 2, "plan_id": BUSINESS, "amount": "490.00", "merchant_shopper_id": "acct-{n}"}
    more = {"paid_on": "2027-04-11", "card": "amex", "contact": {"email": "a@example.test"}}
    first, second = caller.lever("seed", {"subscriptions": [row | more]})["subscriptions"]
    assert (first["merchant_shopper_id"], second["merchant_shopper_id"]) == ("acct-1", "acct-2")
    read = caller.read(int(second["subscription_id"]))
    assert (read["planId"], read["recurringChargeAmount"], read["nextChargeDate"]) == (BUSINESS, 490, "2027-05-11")
    found = caller.call("GET", "/vaulted-shoppers/merchant/acct-2").json()
    assert (str(found["vaultedShopperId"]), found["email"]) == (second["shopper_id"], "a@example.test")
    charge = caller.call("GET", f"/transactions/{first['transaction_id']}").json()
    assert (charge["amount"], charge["transactionApprovalDate"]) == (490, "04/11/2027")
    assert [entry["kind"] for entry in caller.lever("ledger")["entries"]] == ["shopper", "subscription", "charge"] * 2
    assert (caller.lever("notices")["notices"], receiver.deliveries) == ([], [])


def test_seeded_customers_may_have_ended_or_send_notices(caller: Caller) -> None:
    caller.tell_all()
    rows = [{"status": "CANCELED"}, {"auto_renew": False}, {"outcome": "CALL_ISSUER"}]
    made = caller.lever("seed", {"subscriptions": rows, "notices": True})["subscriptions"]
    states = [caller.read(int(one["subscription_id"])) for one in made]
    assert [(one["status"], one["autoRenew"]) for one in states] == [
        ("CANCELED", False),
        ("ACTIVE", False),
        ("ACTIVE", True),
    ]
    assert [form["transactionType"] for form in caller.told()] == ["CHARGE", "CANCELLATION", "CHARGE", "CHARGE"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"subscriptions": []},
        {"subscriptions": ["x"]},
        {"subscriptions": [{"plan_id": 7}]},
        {"subscriptions": [{"count": 0}]},
        {"subscriptions": [{"count": 9_000}, {"count": 9_000}]},
        {"subscriptions": [{"card": "gold"}]},
        {"subscriptions": [{"outcome": "BAD_MOOD"}]},
        {"subscriptions": [{"paid_on": "soon"}]},
        {"subscriptions": [{"paid_on": "2190-01-01"}]},
        {"subscriptions": [{"status": "ON_HOLD"}]},
        {"subscriptions": [{"contact": {"iban": "x"}}]},
        {"subscriptions": [{"contact": []}]},
        {"subscriptions": [{}], "notices": "no"},
        {"subscriptions": [{"merchant_shopper_id": 7}]},
        {"subscriptions": [{"colour": "red"}]},
    ],
)
def test_a_seed_that_makes_no_sense_makes_nobody(caller: Caller, body: Any) -> None:
    answer = caller.pull("seed", body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert caller.ledger("shopper") == []


def test_a_long_list_of_customers_is_taken(caller: Caller) -> None:
    rows = [{"merchant_shopper_id": f"acct-{n}-{'x' * 40}"} for n in range(1, 1001)]
    assert len(caller.lever("seed", {"subscriptions": rows})["subscriptions"]) == 1000


@pytest.mark.long
def test_a_year_of_a_thousand_customers_runs_in_order(caller: Caller) -> None:
    caller.lever("clock", {"set": "2027-01-28T20:00:00Z"})
    caller.lever("notices", {"mode": "drop"})
    rows = [{"count": 40, "paid_on": f"2027-01-{day:02d}"} for day in range(1, 26)]
    caller.lever("seed", {"subscriptions": rows})
    assert advance_a_year(caller) == 12_000
    renewals = [entry for entry in caller.ledger("charge") if entry["type"] == "RECURRING"]
    moments = [read_rfc3339(entry["at"]) for entry in renewals]
    assert (len(moments), moments) == (12_000, sorted(moments))
    assert len(caller.lever("notices")["notices"]) == 12_000


def advance_a_year(caller: Caller) -> int:
    """Twelve months; longer than a lever's usual patience allows."""
    answer = caller.session.post(f"{caller.origin}/_levers/clock", json={"advance": "P12M"}, timeout=90)
    return int(answer.json()["fell_due"])
