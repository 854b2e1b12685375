"""What the client takes from answers, refuses to send, and reports."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
import responses

from service.bluesnap.client import BlueSnapClient
from service.bluesnap.payloads import Charge, Payer, Plan
from service.errors import Misconfigured, NotFound, Unknown

BASE = "http://127.0.0.1:1/services/2/"
PAYER = Payer("Mira", "Okafor", "us")


@pytest.fixture
def mocked():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client(client_of) -> BlueSnapClient:
    return client_of("http://127.0.0.1:1")


def subscribe(client, **changes):
    given = {"plan_id": "1", "shopper_id": "2", "amount": Decimal("29.00"), "idempotency_key": "k-1", **changes}
    return client.create_subscription(**given)


def shop(client, **changes):
    given = {
        "payment_fields_token": "abc_",
        "merchant_shopper_id": "attempt-1",
        "payer": PAYER,
        "three_d_secure_reference": None,
        "fraud_session_id": None,
        "idempotency_key": "k-1",
    }
    return client.create_shopper(**{**given, **changes})


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
        ("9007199254740993", "9007199254740993"),
        ("1234567890123456789", "1234567890123456789"),
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
    mocked.get(BASE + "recurring/subscriptions/7", body=f'{{"subscriptionId":{raw}}}')
    if kept is None:
        with pytest.raises(Unknown, match="unreadable_answer"):
            client.get_subscription("7")
    else:
        assert client.get_subscription("7").subscription_id == kept


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


@pytest.mark.parametrize("pages", [[[5], [5], [5]], [[5], [6], []], [[1], [2], [3], [4], [5]] * 10])
def test_a_list_that_does_not_end_is_unknown(mocked, client, pages):
    for ids in pages:
        items = [{"subscriptionId": number} for number in ids]
        mocked.add("GET", BASE + "recurring/subscriptions", json={"subscriptions": items, "lastPage": False})
    mocked.assert_all_requests_are_fired = False
    with pytest.raises(Unknown, match="endless_list"):
        client.list_subscriptions("2")
    assert len(mocked.calls) <= 20


def test_a_list_without_a_last_page_ends_with_a_short_page(mocked, client):
    full = [{"subscriptionId": number} for number in range(1, 101)]
    mocked.get(BASE + "recurring/subscriptions", json={"subscriptions": full})
    mocked.get(BASE + "recurring/subscriptions", json={"subscriptions": [{"subscriptionId": 101}]})
    assert [one.subscription_id for one in client.list_subscriptions("2")] == [str(number) for number in range(1, 102)]
    assert mocked.calls[1].request.params["after"] == "100"


@pytest.mark.parametrize("bad", ["", "0", "-1", "1/../2", "1?x=1", "٣", "1\n", "a", "1" * 20])
def test_an_id_that_is_not_digits_never_reaches_a_url(client, bad):
    calls = [
        lambda: client.get_shopper(bad),
        lambda: client.get_plan(bad),
        lambda: client.get_subscription(bad),
        lambda: client.list_subscriptions(bad),
        lambda: client.list_subscriptions("1", bad),
        lambda: client.list_charges(bad),
        lambda: subscribe(client, plan_id=bad),
        lambda: subscribe(client, shopper_id=bad),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="does not have its form"):
            call()


@pytest.mark.parametrize("bad", ["", "a/b", "a b", "é", "x" * 51, "a?b", "a,b", "..", "a\r\nX: y"])
def test_a_merchant_shopper_id_has_its_alphabet(client, bad):
    for call in (lambda: client.find_shopper(bad), lambda: shop(client, merchant_shopper_id=bad)):
        with pytest.raises(ValueError, match="does not have its form"):
            call()


@pytest.mark.parametrize("bad", ["", "a_b", "x" * 65, "a\r\nX: y"])
def test_an_idempotency_key_has_its_alphabet(client, bad):
    for call in (lambda: shop(client, idempotency_key=bad), lambda: subscribe(client, idempotency_key=bad)):
        with pytest.raises(ValueError, match="does not have its form"):
            call()


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "Infinity", "1000000000", "0.0001", "1E-999999"])
def test_an_amount_that_is_no_price_is_not_sent(client, bad):
    with pytest.raises(ValueError, match="must be positive"):
        subscribe(client, amount=Decimal(bad))


@pytest.mark.parametrize(
    ("amount", "text"), [("290.00", "290.00"), ("2.9E+2", "290"), ("0.1", "0.1"), ("999999999.999", "999999999.999")]
)
def test_an_amount_goes_out_digit_by_digit(mocked, client, amount, text):
    mocked.post(BASE + "recurring/subscriptions", json={"subscriptionId": 7})
    subscribe(client, amount=Decimal(amount))
    assert f'"overrideRecurringChargeAmount":"{text}"'.encode() in mocked.calls[0].request.body


def test_the_same_arguments_make_the_same_bytes(mocked, client):
    mocked.post(BASE + "recurring/subscriptions", json={"subscriptionId": 7})
    for _ in range(2):
        subscribe(client, three_d_secure_reference="123", fraud_session_id="f")
    assert mocked.calls[0].request.body == mocked.calls[1].request.body


def test_names_beyond_ascii_go_out_as_ascii(mocked, client):
    mocked.post(BASE + "vaulted-shoppers", json={"vaultedShopperId": 5})
    shop(client, payer=Payer("Zoë", "Ōkafor", "us"))
    body = mocked.calls[0].request.body
    assert body.isascii()
    assert json.loads(body)["firstName"] == "Zoë"


def test_a_payer_and_a_request_do_not_show_in_a_repr():
    assert repr(Payer("Mira", "Okafor", "us", "mira@example.test", "MA", "02451")) == "Payer()"


def test_every_finished_call_is_reported_with_how_it_ended(mocked, client_of):
    seen: list[tuple[str, str]] = []
    client = client_of(
        "http://127.0.0.1:1", observe=lambda call, outcome, seconds: seen.append((call, outcome, seconds >= 0))
    )
    mocked.get(BASE + "recurring/plans/5", json={"planId": 5})
    mocked.get(BASE + "recurring/subscriptions/5", status=403)
    mocked.post(BASE + "recurring/subscriptions", status=401)
    mocked.post(BASE + "payment-fields-tokens", status=500)
    client.get_plan("5")
    with pytest.raises(NotFound):
        client.get_subscription("5")
    with pytest.raises(Misconfigured):
        subscribe(client)
    with pytest.raises(Unknown):
        client.create_payment_fields_token()
    assert seen == [
        ("get_plan", "ok", True),
        ("get_subscription", "not_found", True),
        ("create_subscription", "misconfigured", True),
        ("create_payment_fields_token", "unknown", True),
    ]


def test_an_observer_that_fails_does_not_lose_the_answer(mocked, client_of):
    def broken(*_args: object) -> None:
        raise RuntimeError

    mocked.post(BASE + "recurring/subscriptions", json={"subscriptionId": 7})
    assert subscribe(client_of("http://127.0.0.1:1", observe=broken)).subscription_id == "7"
