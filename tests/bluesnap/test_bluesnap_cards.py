"""What is taken of stored cards and payers, and that none of it shows."""

from __future__ import annotations

import json

import pytest

from service.bluesnap.cards import CardHint, PayerHint
from service.errors import Unknown

BASE = "http://127.0.0.1:1/services/2/"


def shopper(mocked, **fields):
    mocked.get(BASE + "vaulted-shoppers/5", body=json.dumps({"vaultedShopperId": 5, **fields}))


def cards_of(mocked, client, *cards):
    shopper(mocked, paymentSources={"creditCardInfo": [{"creditCard": card} for card in cards]})
    return client.get_cards("5")


def test_neither_digits_nor_names_show_in_a_repr():
    assert repr(CardHint("VISA", "9299")) == "CardHint(brand='VISA')"
    assert repr(PayerHint("Mira", "Okafor", "mira@example.test")) == "PayerHint()"


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("0026", "0026"),
        ("26", "0026"),
        (26, "0026"),
        (0, "0000"),
        ("4263982640269299", ""),
        (4263982640269299, ""),
        (True, ""),
        (1.5, ""),
        ("٣٤٥٦", ""),
        (None, ""),
    ],
)
def test_last_digits_are_four_or_none(mocked, client, told, read):
    assert cards_of(mocked, client, {"cardType": "VISA", "cardLastFourDigits": told}) == [CardHint("VISA", read)]


@pytest.mark.parametrize(
    ("told", "brand"),
    [
        ("Visa", "VISA"),
        ("Master Card", "MASTERCARD"),
        ("CHINA_UNION_PAY", "CHINA_UNION_PAY"),
        ("<b>", "UNRECOGNISED"),
        (None, "UNRECOGNISED"),
        (7, "UNRECOGNISED"),
    ],
)
def test_a_brand_is_read_in_any_case(mocked, client, told, brand):
    assert cards_of(mocked, client, {"cardType": told, "cardLastFourDigits": "9299"}) == [CardHint(brand, "9299")]


def test_no_card_is_overlooked_because_another_cannot_be_read(mocked, client):
    found = cards_of(mocked, client, None, {"cardType": "VISA", "cardLastFourDigits": "9299"}, {})
    assert [one.nameable for one in found] == [False, True, False]


@pytest.mark.parametrize("name", ["x" * 201, "a\nb", "", 7, None, "4263 9826 4026 9299"])
def test_a_name_that_is_none_is_absent(mocked, client, name):
    shopper(mocked, firstName="Mira", lastName=name)
    assert client.get_payer("5") == PayerHint("Mira", None, None)


def test_adding_a_card_sends_back_all_that_a_put_would_lose(mocked, client):
    kept = {
        "firstName": "Zoë",
        "lastName": "Okafor",
        "email": "z@example.test",
        "merchantShopperId": "att-1",
        "city": "Bonn",
    }
    shopper(mocked, **kept, vendorsInfo={"x": 1}, fraudResultInfo={}, walletId=9, phone="")
    mocked.put(BASE + "vaulted-shoppers/5", json={})
    client.add_card("5", payment_fields_token="abc_")
    sent = json.loads(mocked.calls[1].request.body)
    assert sent.pop("paymentSources")["creditCardInfo"][0]["pfToken"] == "abc_"
    assert sent == kept


def test_a_shopper_that_cannot_be_repeated_is_not_written(mocked, client):
    shopper(mocked, firstName="Mira")
    with pytest.raises(Unknown, match="unreadable_answer"):
        client.add_card("5", payment_fields_token="abc_")
    assert [call.request.method for call in mocked.calls] == ["GET"]


def test_what_brings_a_card_is_not_kept_in_an_error(mocked, client):
    shopper(mocked, firstName="Mira", lastName="Okafor")
    mocked.put(BASE + "vaulted-shoppers/5", body=b"<html>Mira 9299</html>")
    with pytest.raises(Unknown) as caught:
        client.add_card("5", payment_fields_token="abc_")
    assert (caught.value.args, caught.value.__context__) == (("unreadable_answer",), None)
