"""Replacing the card of a subscription, step by step, as it must be done."""

from __future__ import annotations

from typing import Any

from simulator_caller import PAYER, Caller, error_name, named_card, with_second_card


def put_cards(caller: Caller, shopper: object, *entries: dict[str, Any]) -> Any:
    body = PAYER | {"paymentSources": {"creditCardInfo": list(entries)}}
    return caller.call("PUT", f"/vaulted-shoppers/{shopper}", json=body)


def gone(brand: str, last_four: str) -> dict[str, Any]:
    return {"creditCard": {"cardType": brand, "cardLastFourDigits": last_four}, "status": "D"}


def card_in_use(caller: Caller, subscription: object) -> str:
    read = caller.call("GET", f"/recurring/subscriptions/{subscription}").json()
    return str(read["paymentSource"]["creditCardInfo"]["creditCard"]["cardLastFourDigits"])


def test_a_card_in_the_vault_is_not_yet_the_subscriptions(caller: Caller) -> None:
    made = caller.seeded()
    put_cards(caller, made["shopper_id"], {"pfToken": caller.token("mastercard")})
    assert card_in_use(caller, made["subscription_id"]) == "9299"
    assert caller.change(made["subscription_id"], paymentSource=named_card("MASTERCARD", "9903")).status_code == 200
    assert card_in_use(caller, made["subscription_id"]) == "9903"


def test_the_old_card_can_go_once_it_is_not_used(caller: Caller) -> None:
    made = caller.seeded()
    put_cards(caller, made["shopper_id"], {"pfToken": caller.token("mastercard")})
    refused = put_cards(caller, made["shopper_id"], gone("VISA", "9299"))
    assert refused.json()["message"][0]["code"] == "10001"
    caller.change(made["subscription_id"], paymentSource=named_card("MASTERCARD", "9903"))
    kept = put_cards(caller, made["shopper_id"], gone("VISA", "9299")).json()["paymentSources"]["creditCardInfo"]
    assert [entry["creditCard"]["cardLastFourDigits"] for entry in kept] == ["9903"]


def test_naming_no_card_of_several_is_ambiguous(caller: Caller) -> None:
    shopper = with_second_card(caller)
    subscription = caller.subscription(vaultedShopperId=shopper, paymentSource=named_card("VISA", "9299"))
    unnamed = {"creditCardInfo": {"creditCard": {}}}
    assert error_name(caller.change(subscription, paymentSource=unnamed)) == "MULTIPLE_CARDS_FOUND_NONE_SELECTED"
    assert card_in_use(caller, subscription) == "9299"


def test_a_change_that_fails_half_way_refreshes_nothing(caller: Caller) -> None:
    made = caller.seeded()
    caller.lever("clock", {"advance": "P20D"})
    before = caller.read(int(made["subscription_id"]))
    caller.lever("card", {"subscription_id": made["subscription_id"], "outcome": "CALL_ISSUER"})
    answer = put_cards(caller, made["shopper_id"], {"pfToken": caller.token("visa")}, gone("AMEX", "0126"))
    assert answer.status_code == 400
    assert caller.read(int(made["subscription_id"])) == before
    caller.lever("clock", {"advance": "P1M"})
    assert len(caller.ledger("charge")) == 1


def test_a_second_renewal_charges_the_new_card(caller: Caller) -> None:
    made = caller.seeded()
    put_cards(caller, made["shopper_id"], {"pfToken": caller.token("amex")})
    caller.change(made["subscription_id"], paymentSource=named_card("AMEX", "0126"))
    caller.lever("clock", {"advance": "P1M"})
    path = f"/recurring/subscriptions/{made['subscription_id']}/charges"
    used = [
        charge["paymentSource"]["creditCardInfo"]["creditCard"] for charge in caller.call("GET", path).json()["charges"]
    ]
    assert [card["cardType"] for card in used] == ["AMEX", "VISA"]
