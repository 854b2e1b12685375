"""Notices: what they say, how they are signed, and how they leave."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from simulator_caller import Caller, Receiver, signature_fits

from simulator.clock import read_rfc3339
from simulator.notices import provider_amount, provider_date, sign

PACIFIC = ZoneInfo("America/Los_Angeles")


def test_the_signature_is_that_of_the_published_recipe() -> None:
    body = (
        b"transactionType=CHARGE&referenceNumber=1090001234&subscriptionId=55667788&accountId=31000042&testMode=Y"
        b"&merchantTransactionId=&invoiceChargeAmount=1%2C234.56&invoiceChargeCurrency=USD"
        b"&transactionDate=03%2F03%2F2025+09%3A06+PM"
    )
    expected = "f331285382655cd725712aea56c2910f13eca75238cec21dfca6ab4326c153b9"
    assert sign("wh-demo-key-1", "2025-03-04 05:06:07.089", body) == expected


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2014, 8, 8, 15, 41, tzinfo=UTC), "08/08/2014 08:41 AM"),
        (datetime(2014, 8, 11, 7, 2, tzinfo=UTC), "08/11/2014 12:02 AM"),
        (datetime(2016, 12, 1, 20, 30, tzinfo=UTC), "12/01/2016 12:30 PM"),
    ],
)
def test_dates_are_pacific_with_summer_time_on_a_twelve_hour_clock(moment: Any, text: Any) -> None:
    assert provider_date(moment, PACIFIC) == text


@pytest.mark.parametrize(("amount", "text"), [("29", "29.00"), ("1290", "1,290.00"), ("1234567.5", "1,234,567.50")])
def test_amounts_have_two_decimals_and_thousands_commas(amount: Any, text: Any) -> None:
    assert provider_amount(Decimal(amount)) == text


def test_a_first_charge_is_told_with_everything_that_matters(caller: Caller, receiver: Receiver) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:30:00Z"})
    shopper = caller.shopper(merchantShopperId="attempt-1", email="mira@example.test")
    made = caller.subscribe(vaultedShopperId=shopper, overrideRecurringChargeAmount="1290.00").json()
    (form,) = receiver.wait(1)
    told = {
        "transactionType": "CHARGE",
        "referenceNumber": str(made["charge"]["transactionId"]),
        "subscriptionId": str(made["subscriptionId"]),
        "accountId": str(shopper),
        "sellerShopperId": "attempt-1",
        "contractId": "2340001",
        "quantity": "1",
        "invoiceChargeAmount": "1,290.00",
        "invoiceChargeCurrency": "USD",
        "overridePrice": "1,290.00",
        "contractPrice": "29.00",
        "transactionDate": "04/11/2027 11:30 AM",
        "untilDate": "05/11/2027 12:00 AM",
        "testMode": "N",
        "bluesnapNode": "99",
        "authKey": "",
        "merchantTransactionId": "",
        "creditCardLastFourDigits": "9299",
        "firstName": "Mira",
        "custom1": "sent by the simulator",
    }
    assert form.items() >= told.items()
    assert len(form) > 50


def test_a_notice_is_a_signed_form_with_plus_for_a_space(caller: Caller, receiver: Receiver) -> None:
    caller.subscription()
    receiver.wait(1)
    headers, body = receiver.deliveries[0]
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["User-Agent"].startswith("BlueSnap")
    assert b"contractName=Team+monthly" in body
    assert b"shippingMethod=&shippingMethod=" in body
    assert signature_fits(receiver.deliveries[0])


def test_the_signed_timestamp_is_utc_of_the_simulators_clock(caller: Caller, receiver: Receiver) -> None:
    caller.lever("clock", {"set": "2027-04-11T18:30:00Z"})
    caller.subscription()
    receiver.wait(1)
    headers = {name.lower(): text for name, text in receiver.deliveries[0][0].items()}
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}", headers["bls-ipn-timestamp"])
    stamped = datetime.fromisoformat(headers["bls-ipn-timestamp"]).replace(tzinfo=UTC)
    assert timedelta(0) <= stamped - read_rfc3339("2027-04-11T18:30:00Z") < timedelta(seconds=30)


def test_both_casings_of_the_signature_header_are_used(caller: Caller, receiver: Receiver) -> None:
    for _ in range(2):
        caller.subscription()
    receiver.wait(2)
    names = {name for headers, _ in receiver.deliveries for name in headers if name.lower() == "bls-signature"}
    assert names == {"bls-signature", "Bls-Signature"}


def test_an_apostrophe_and_letters_beyond_ascii_arrive_whole(caller: Caller, receiver: Receiver) -> None:
    caller.subscription(vaultedShopperId=caller.shopper(firstName="Žofia", lastName="O'Brien-Łuk"))
    (form,) = receiver.wait(1)
    assert (form["firstName"], form["lastName"]) == ("Žofia", "O'Brien-Łuk")


@pytest.mark.parametrize(
    ("switch", "types"), [("RECURRING", ["RECURRING"]), ("CHARGE", ["CHARGE"]), ("both", ["RECURRING", "CHARGE"])]
)
def test_a_renewal_is_told_as_the_behaviour_says(caller: Caller, receiver: Receiver, switch: Any, types: Any) -> None:
    caller.lever("behaviour", {"renewal_notice": switch})
    first = caller.subscribe().json()["charge"]["transactionId"]
    caller.lever("clock", {"advance": "P1M"})
    renewals = receiver.wait(1 + len(types))[1:]
    assert [form["transactionType"] for form in renewals] == types
    assert {form["referenceNumber"] for form in renewals} == {caller.ledger("charge")[1]["id"]}
    assert all(form.get("originalReferenceNumber", str(first)) == str(first) for form in renewals)


def test_each_renewals_notice_is_sent_while_the_clock_stands_there(caller: Caller, receiver: Receiver) -> None:
    seen = []
    caller.lever("clock", {"set": "2027-04-11T18:00:00Z"})
    caller.subscription()
    receiver.wait(1)
    receiver.on_delivery = lambda: seen.append(caller.world.clock.now().date().isoformat())
    caller.lever("clock", {"advance": "P3M"})
    assert seen == ["2027-05-11", "2027-06-11", "2027-07-11"]
