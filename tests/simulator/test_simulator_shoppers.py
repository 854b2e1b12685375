"""Vaulted shoppers and their cards."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import PAYER, Caller, error_name


def cards_of(answer: Any) -> Any:
    return [entry["creditCard"] for entry in answer.json()["paymentSources"]["creditCardInfo"]]


def test_a_shopper_is_answered_whole_with_a_location(caller: Caller) -> None:
    answer = caller.vault(merchantShopperId="attempt-1", email="mira@example.test")
    body = answer.json()
    assert answer.status_code == 200
    assert isinstance(body["vaultedShopperId"], int)
    assert answer.headers["Location"].endswith(f"/services/2/vaulted-shoppers/{body['vaultedShopperId']}")
    assert (body["merchantShopperId"], body["country"], body["email"]) == ("attempt-1", "us", "mira@example.test")
    assert body["lastPaymentInfo"]["creditCard"]["cardType"] == "VISA"


def test_a_vaulted_card_shows_last_four_and_expiry_as_text(caller: Caller) -> None:
    (card,) = cards_of(caller.vault("amex"))
    assert (card["cardLastFourDigits"], card["cardType"]) == ("0126", "AMEX")
    assert isinstance(card["expirationMonth"], str)
    assert isinstance(card["expirationYear"], str)


@pytest.mark.parametrize("version", [None, "1.0"])
def test_without_a_modern_version_only_location_tells_the_id(caller: Caller, version: Any) -> None:
    answer = caller.vault(headers={"bluesnap-version": version})
    assert (answer.status_code, answer.content) == (201, b"")
    shopper_id = answer.headers["Location"].rsplit("/", 1)[1]
    assert caller.call("GET", f"/vaulted-shoppers/{shopper_id}").status_code == 200


def test_a_shopper_is_found_by_the_merchants_own_id(caller: Caller) -> None:
    made = caller.shopper(merchantShopperId="attempt-2")
    found = caller.call("GET", "/vaulted-shoppers/merchant/attempt-2")
    assert found.json()["vaultedShopperId"] == made


def test_a_shopper_without_a_card_can_be_stored(caller: Caller) -> None:
    answer = caller.call("POST", "/vaulted-shoppers", json=PAYER)
    assert answer.status_code == 200
    assert "paymentSources" not in answer.json()


@pytest.mark.parametrize(
    ("card", "reason", "number"),
    [
        ("incorrect", "INCORRECT_INFORMATION", "430285"),
        ("expired", "EXPIRED_CARD", "430306"),
        ("insufficient_funds", "INSUFFICIENT_FUNDS", "430360"),
        ("invalid", "INVALID_CARD_NUMBER", "430330"),
        ("call_issuer", "CALL_ISSUER", "430285"),
        ("three_d_secure", "THREE_D_SECURITY_AUTHENTICATION_REQUIRED", "430285"),
    ],
)
def test_a_bad_card_is_refused_when_it_is_vaulted(caller: Caller, card: Any, reason: Any, number: Any) -> None:
    answer = caller.vault(card, merchantShopperId="declined")
    (message,) = answer.json()["message"]
    assert (answer.status_code, message["code"], message["errorName"]) == (400, "14002", reason)
    assert number in message["description"]
    assert caller.ledger("shopper") == []
    assert caller.call("GET", "/vaulted-shoppers/merchant/declined").status_code == 403


def test_a_reference_of_3d_secure_lets_the_card_pass(caller: Caller) -> None:
    answer = caller.vault("three_d_secure", threeDSecure={"threeDSecureReferenceId": "12345678"})
    assert answer.status_code == 200
    assert caller.subscribe(vaultedShopperId=answer.json()["vaultedShopperId"]).status_code == 200


@pytest.mark.parametrize("field", [{"email": "decline@test.com"}, {"city": "KADIMA-ZORAN"}])
def test_the_published_fraud_triggers_are_refused_as_fraud(caller: Caller, field: Any) -> None:
    (message,) = caller.vault(**field).json()["message"]
    assert (message["code"], message["errorName"]) == ("15011", "FRAUD_DETECTED")
    assert message["fraudEvents"]["fraudEvent"][0]["fraudEventDecision"] == "D"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"firstName": ""}, "VALIDATION_GENERAL_FAILURE"),
        ({"lastName": None}, "VALIDATION_GENERAL_FAILURE"),
        ({"firstName": 7}, "VALIDATION_GENERAL_FAILURE"),
        ({"firstName": "<b>Mira</b>"}, "XSS_EXCEPTION"),
        ({"country": "USA"}, "VALIDATION_GENERAL_FAILURE"),
        ({"zip": "1" * 21}, "VALIDATION_GENERAL_FAILURE"),
        ({"merchantShopperId": "x" * 51}, "VALIDATION_GENERAL_FAILURE"),
        ({"paymentSources": []}, "VALIDATION_GENERAL_FAILURE"),
        ({"paymentSources": {"creditCardInfo": {}}}, "VALIDATION_GENERAL_FAILURE"),
        ({"paymentSources": {"creditCardInfo": [7]}}, "VALIDATION_GENERAL_FAILURE"),
    ],
)
def test_a_bad_field_is_refused_and_nothing_is_stored(caller: Caller, fields: Any, name: Any) -> None:
    assert error_name(caller.call("POST", "/vaulted-shoppers", json=PAYER | fields)) == name
    assert caller.ledger("shopper") == []


def test_a_server_that_sends_a_card_number_lacks_the_role(caller: Caller) -> None:
    source = {"creditCardInfo": [{"creditCard": {"cardNumber": "4111111111111111", "expirationMonth": "02"}}]}
    answer = caller.call("POST", "/vaulted-shoppers", json=PAYER | {"paymentSources": source})
    assert answer.status_code == 403
    assert "role permissions" in answer.text


def test_an_update_replaces_the_contact_and_keeps_the_cards(caller: Caller) -> None:
    shopper = caller.shopper(email="mira@example.test")
    body = {"firstName": "Mila", "lastName": "Okafor"}
    answer = caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=body)
    assert (answer.json()["firstName"], "email" in answer.json()) == ("Mila", False)
    assert len(cards_of(answer)) == 1


def test_an_update_in_version_one_answers_nothing(caller: Caller) -> None:
    answer = caller.call(
        "PUT", f"/vaulted-shoppers/{caller.shopper()}", json=PAYER, headers={"bluesnap-version": "1.0"}
    )
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_second_card_is_added_by_its_token(caller: Caller) -> None:
    shopper = caller.shopper()
    source = {"creditCardInfo": [{"pfToken": caller.token("mastercard")}]}
    answer = caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=PAYER | {"paymentSources": source})
    assert [card["cardLastFourDigits"] for card in cards_of(answer)] == ["9299", "9903"]


def test_a_declined_second_card_changes_nothing(caller: Caller) -> None:
    shopper = caller.shopper(email="mira@example.test")
    source = {"creditCardInfo": [{"pfToken": caller.token("declined")}]}
    answer = caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=PAYER | {"paymentSources": source})
    assert error_name(answer) == "PROCESSING_GENERAL_DECLINE"
    kept = caller.call("GET", f"/vaulted-shoppers/{shopper}")
    assert (kept.json()["email"], len(cards_of(kept))) == ("mira@example.test", 1)


def test_the_same_card_again_refreshes_its_expiry_everywhere(caller: Caller) -> None:
    shopper = caller.shopper()
    subscription = caller.subscription(vaultedShopperId=shopper)
    caller.lever("clock", {"advance": "P1Y"})
    source = {"creditCardInfo": [{"pfToken": caller.token("visa")}]}
    before = caller.read(subscription)["paymentSource"]["creditCardInfo"]["creditCard"]["expirationYear"]
    answer = caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=PAYER | {"paymentSources": source})
    assert len(cards_of(answer)) == 1
    after = caller.read(subscription)["paymentSource"]["creditCardInfo"]["creditCard"]["expirationYear"]
    assert after == before + 1


def removal(last_four: Any) -> Any:
    entry = {"creditCard": {"cardType": "VISA", "cardLastFourDigits": last_four}, "status": "D"}
    return PAYER | {"paymentSources": {"creditCardInfo": [entry]}}


def test_a_card_is_deleted_by_brand_and_last_four(caller: Caller) -> None:
    shopper = caller.shopper()
    answer = caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=removal("9299"))
    assert "paymentSources" not in answer.json()
    assert (
        error_name(caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=removal("9299")))
        == "VALIDATION_GENERAL_FAILURE"
    )


def test_a_card_of_an_active_subscription_cannot_be_deleted(caller: Caller) -> None:
    shopper = caller.shopper()
    subscription = caller.subscription(vaultedShopperId=shopper)
    assert caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=removal("9299")).status_code == 400
    caller.call("PUT", f"/recurring/subscriptions/{subscription}", json={"status": "CANCELED"})
    assert caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=removal("9299")).status_code == 200
