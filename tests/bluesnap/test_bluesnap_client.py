"""What the client sends, refuses to send, and reports."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from bluesnap_peers import shop, subscribe

from service.bluesnap.payloads import Payer
from service.errors import Misconfigured, NotFound, Unknown

BASE = "http://127.0.0.1:1/services/2/"


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
