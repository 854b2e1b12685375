"""What the client sends, refuses to send, and reports."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from bluesnap_peers import give_back, shop, subscribe

from service.bluesnap.cards import CardHint
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
        lambda: client.get_subscription_card(bad),
        lambda: client.get_transaction(bad),
        lambda: client.get_payer(bad),
        lambda: client.get_cards(bad),
        lambda: client.add_card(bad, payment_fields_token="abc_"),
        lambda: client.delete_card(bad, CardHint("VISA", "9299")),
        lambda: client.delete_shopper(bad),
        lambda: client.update_subscription(bad, cancel=True),
        lambda: client.update_subscription("1", plan_id=bad),
        lambda: client.preview_switch(bad, "1"),
        lambda: client.preview_switch("1", bad),
        lambda: client.iterate_subscriptions(after=bad),
        lambda: give_back(client, transaction_id=bad),
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
    for call in (
        lambda: shop(client, idempotency_key=bad),
        lambda: subscribe(client, idempotency_key=bad),
        lambda: give_back(client, idempotency_key=bad),
        lambda: client.create_plan(name="x", amount=Decimal(29), currency="USD", idempotency_key=bad),
    ):
        with pytest.raises(ValueError, match="does not have its form"):
            call()


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "Infinity", "1000000000", "0.0001", "1E-999999"])
def test_an_amount_that_is_no_price_is_not_sent(client, bad):
    with pytest.raises(ValueError, match="must be positive"):
        subscribe(client, amount=Decimal(bad))
    with pytest.raises(ValueError, match="must be positive"):
        client.update_subscription("7", amount=Decimal(bad))
    with pytest.raises(ValueError, match="must be positive"):
        give_back(client, amount=Decimal(bad))


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


@pytest.mark.parametrize("bad", ["", "A Reason", "told: 4263982640269299", "x" * 41])
def test_the_reason_of_a_refund_is_a_word(client, bad):
    with pytest.raises(ValueError, match="must be a word of ours"):
        give_back(client, reason_word=bad)


@pytest.mark.parametrize("bad", ["", "a b", "x" * 65])
def test_our_id_of_a_refund_has_its_alphabet(client, bad):
    with pytest.raises(ValueError, match="does not have its form"):
        give_back(client, refund_reference=bad)


@pytest.mark.parametrize("cancels", [False, True])
def test_a_refund_always_says_whether_it_ends_the_subscription(mocked, client, cancels):
    mocked.post(BASE + "transactions/refund/5", json={"refundTransactionId": 6})
    give_back(client, cancel_subscriptions=cancels)
    assert json.loads(mocked.calls[0].request.body)["cancelSubscriptions"] is cancels


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"name": "x" * 200}, {"name": "a\nb"}, {"currency": "usd"}, {"grace_days": 0}]
)
def test_a_plan_that_breaks_our_conditions_is_not_made(client, changes):
    given = {"name": "Team", "amount": Decimal(29), "currency": "USD", "idempotency_key": "k", **changes}
    with pytest.raises(ValueError, match="a plan needs"):
        client.create_plan(**given)
