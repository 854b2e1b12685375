"""What the client takes from answers, and when it calls them unreadable."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from bluesnap_peers import subscribe

from service.bluesnap.payloads import Charge, Plan
from service.errors import Unknown

BASE = "http://127.0.0.1:1/services/2/"


def read_subscription(mocked, client, **fields):
    mocked.get(BASE + "recurring/subscriptions/7", body=json.dumps({"subscriptionId": 7, **fields}))
    return client.get_subscription("7")


@pytest.mark.parametrize(
    ("raw", "amount"),
    [
        ("290", "290"),
        ("29.99", "29.99"),
        ("290.0", "290.0"),
        ("0.1", "0.1"),
        ('"15.00"', "15.00"),
        ("2.9E+2", "2.9E+2"),
        ("1e999999999", None),
        ("-1e999999999", None),
        ("1e-999999999", None),
        ("1000000000", None),
        ("0.12345", None),
        ('"1,200.00"', None),
        ("true", None),
        ("null", None),
        ("[]", None),
    ],
)
def test_amounts_are_exact_decimals_or_absent(mocked, client, raw, amount):
    mocked.get(BASE + "recurring/subscriptions/7", body=f'{{"subscriptionId":7,"recurringChargeAmount":{raw}}}')
    assert client.get_subscription("7").amount == (None if amount is None else Decimal(amount))


def test_an_overridden_amount_shown_beside_the_catalogue_price_wins(mocked, client):
    found = read_subscription(mocked, client, recurringChargeAmount=29, overrideRecurringChargeAmount=290)
    assert found.amount == Decimal(290)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-03-18", date(2025, 3, 18)),
        ("03/18/2025", date(2025, 3, 18)),
        ("18-Mar-25", date(2025, 3, 18)),
        ("13-MAR-10", date(2010, 3, 13)),
        ("2025-02-30", None),
        ("18-Foo-25", None),
        ("2025-03-18T00:00:00Z", None),
        ("", None),
        (20250318, None),
        (None, None),
    ],
)
def test_the_next_charge_date_is_read_in_every_form(mocked, client, text, day):
    assert read_subscription(mocked, client, nextChargeDate=text).next_charge_date == day


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("ACTIVE", "ACTIVE"),
        ("active", "ACTIVE"),
        ("CANCELED", "CANCELED"),
        ("ON_HOLD", "ON_HOLD"),
        ("CANCELLED", "UNRECOGNISED"),
        ("4263982640269299", "UNRECOGNISED"),
        (None, "UNRECOGNISED"),
        (7, "UNRECOGNISED"),
    ],
)
def test_a_status_that_we_do_not_know_is_unrecognised(mocked, client, told, status):
    assert read_subscription(mocked, client, status=told).status == status


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("999999999999", "999999999999"),
        ("1000000000000", None),
        ('"55667788"', "55667788"),
        ("55667788.0", None),
        ("-5", None),
        ("0", None),
        ("true", None),
        ('"5;6"', None),
        ("12345678901234567890", None),
        ("NaN", None),
        ("9" * 5000, None),
    ],
)
def test_ids_are_exact_text_or_the_answer_is_unreadable(mocked, client, raw, kept):
    mocked.post(BASE + "recurring/subscriptions", body=f'{{"subscriptionId":{raw}}}')
    if kept is None:
        with pytest.raises(Unknown, match="unreadable_answer"):
            subscribe(client)
    else:
        assert subscribe(client).subscription_id == kept


@pytest.mark.parametrize(
    ("path", "answer", "call"),
    [
        ("recurring/subscriptions/7", {"subscriptionId": 8}, lambda client: client.get_subscription("7")),
        ("recurring/subscriptions/7", {"subscriptionId": 8}, lambda client: client.get_subscription_card("7")),
        ("vaulted-shoppers/7", {"vaultedShopperId": 8}, lambda client: client.get_cards("7")),
        ("vaulted-shoppers/7", {"vaultedShopperId": 8}, lambda client: client.get_payer("7")),
        ("vaulted-shoppers/7", {"vaultedShopperId": 8}, lambda client: client.add_card("7", payment_fields_token="t")),
        (
            "vaulted-shoppers/merchant/su_a",
            {"vaultedShopperId": 8, "merchantShopperId": "su_b"},
            lambda client: client.find_shopper("su_a"),
        ),
        ("transactions/7", {"transactionId": "8"}, lambda client: client.get_transaction("7")),
    ],
)
def test_an_answer_about_something_else_is_not_believed(mocked, client, path, answer, call):
    mocked.get(BASE + path, json=answer)
    with pytest.raises(Unknown, match="anothers_answer"):
        call(client)


@pytest.mark.parametrize(
    ("body", "believed"),
    [
        (b'{"subscriptionId":7,"subscriptionId":8}', False),
        (b'{"subscriptionId":8,"charge":{"amount":1,"amount":1.0},"subscriptionId":8}', False),
        (b'{"subscriptionId":8,"subscriptionId":8}', True),
    ],
)
def test_two_equal_names_with_different_values_are_no_answer(mocked, client, body, believed):
    mocked.post(BASE + "recurring/subscriptions", body=body)
    if believed:
        assert subscribe(client).subscription_id == "8"
    else:
        with pytest.raises(Unknown, match="unreadable_answer"):
            subscribe(client)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b'"7"',
        b"<html>",
        b'{"subscriptionId":',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b"\xff\xfe",
        b'{"subscriptionId":7,"recurringChargeAmount":1e99999999999999999999}',
        b'{"subscriptionId":7,"recurringChargeAmount":NaN}',
        b'{"subscriptionId":7,"recurringChargeAmount":-Infinity}',
    ],
)
def test_a_2xx_that_cannot_be_read_is_unknown_and_not_a_failure(mocked, client, body):
    mocked.post(BASE + "recurring/subscriptions", body=body)
    with pytest.raises(Unknown) as caught:
        subscribe(client)
    assert (caught.value.cause, caught.value.status, caught.value.__context__) == ("unreadable_answer", 200, None)


def test_a_name_in_latin_1_does_not_hide_what_was_charged(mocked, client):
    body = b'{"subscriptionId":7,"payerInfo":{"firstName":"Jos\xe9"},"charge":{"chargeId":1,"transactionId":"2","amount":290,"currency":"USD"}}'
    mocked.post(BASE + "recurring/subscriptions", body=body)
    assert subscribe(client).charge == Charge("1", "2", Decimal(290), "USD")


def test_a_charge_that_cannot_be_read_is_absent_and_not_half_read(mocked, client):
    assert read_subscription(mocked, client, charge={"chargeId": 1, "transactionId": "2", "amount": 290}).charge is None


def test_flags_are_read_as_booleans_and_as_letters(mocked, client):
    assert read_subscription(mocked, client, autoRenew=True).auto_renew is True
    mocked.reset()
    assert read_subscription(mocked, client, autoRenew="N").auto_renew is False
    mocked.reset()
    assert read_subscription(mocked, client, autoRenew="perhaps").auto_renew is None


def test_a_plan_without_optional_fields_is_read(mocked, client):
    mocked.get(
        BASE + "recurring/plans/5", json={"planId": "5", "chargeFrequency": "EVERY_2_WEEKS", "gracePeriodDays": "60"}
    )
    assert client.get_plan("5") == Plan("5", "UNRECOGNISED", "EVERY 2 WEEKS", None, None, None, None, 60, None)


@pytest.mark.parametrize(
    "location",
    ["", "https://h/x/", "https://h/", "//[::1", "https://h/a b", "https://h/payment-fields-tokens/" + "x" * 3000],
)
def test_a_token_that_is_not_in_the_location_is_unknown(mocked, client, location):
    mocked.post(BASE + "payment-fields-tokens", status=201, headers={"Location": location} if location else {})
    with pytest.raises(Unknown, match="unreadable_answer"):
        client.create_payment_fields_token()


def test_charges_that_cannot_all_be_read_are_unknown(mocked, client):
    good = {"chargeId": 1, "transactionId": 2, "amount": 1, "currency": "USD"}
    mocked.get(
        BASE + "recurring/subscriptions/7/charges", json={"charges": [good, {**good, "amount": "?"}], "lastPage": True}
    )
    with pytest.raises(Unknown, match="unreadable_answer"):
        client.list_charges("7")


@pytest.mark.parametrize(
    ("pages", "asked"), [([[5], [5], [5]], 2), ([[5], [6], []], 3), ([[1], [2], [3], [4], [5]] * 10, 20)]
)
def test_a_list_that_does_not_end_is_unknown(mocked, client, pages, asked):
    for ids in pages:
        items = [{"subscriptionId": number} for number in ids]
        mocked.add("GET", BASE + "recurring/subscriptions", json={"subscriptions": items, "lastPage": False})
    mocked.assert_all_requests_are_fired = False
    with pytest.raises(Unknown, match="endless_list"):
        client.list_subscriptions("2")
    assert len(mocked.calls) == asked


def test_a_list_without_a_last_page_ends_with_a_short_page(mocked, client):
    full = [{"subscriptionId": number} for number in range(1, 101)]
    mocked.get(BASE + "recurring/subscriptions", json={"subscriptions": full})
    mocked.get(BASE + "recurring/subscriptions", json={"subscriptions": [{"subscriptionId": 101}]})
    assert [one.subscription_id for one in client.list_subscriptions("2")] == [str(number) for number in range(1, 102)]
    assert mocked.calls[1].request.params["after"] == "100"
