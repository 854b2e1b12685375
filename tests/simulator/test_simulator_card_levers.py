"""Levers over stored cards: good or bad from now on, and the networks' updater."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_caller import PAYER, Caller, error_name, with_second_card


def cards_of(caller: Caller, shopper: object) -> Any:
    entries = caller.call("GET", f"/vaulted-shoppers/{shopper}").json()["paymentSources"]["creditCardInfo"]
    return [entry["creditCard"] for entry in entries]


def test_a_bad_card_declines_the_next_purchase_by_name(caller: Caller) -> None:
    shopper = caller.shopper()
    assert caller.lever("card", {"shopper_id": shopper, "outcome": "DO_NOT_HONOR"})["cards"] == 1
    assert error_name(caller.subscribe(vaultedShopperId=shopper)) == "DO_NOT_HONOR"
    caller.lever("card", {"shopper_id": shopper, "outcome": "success"})
    assert caller.subscribe(vaultedShopperId=shopper).status_code == 200


def test_a_card_of_a_bad_number_can_be_made_good(caller: Caller) -> None:
    caller.lever("behaviour", {"decline_at": "charge"})
    shopper = caller.shopper("declined")
    caller.lever("card", {"shopper_id": shopper, "outcome": "success"})
    assert caller.subscribe(vaultedShopperId=shopper).status_code == 200


def test_typing_the_card_again_ends_what_the_lever_said(caller: Caller) -> None:
    made = caller.seeded()
    caller.lever("card", {"shopper_id": made["shopper_id"], "outcome": "EXPIRED_CARD"})
    source = {"creditCardInfo": [{"pfToken": caller.token("visa")}]}
    caller.call("PUT", f"/vaulted-shoppers/{made['shopper_id']}", json=PAYER | {"paymentSources": source})
    caller.lever("clock", {"advance": "P1M"})
    assert len(caller.ledger("charge")) == 2


def test_the_updater_gives_a_new_number_to_shopper_and_subscription(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded(merchant_shopper_id="acct-1")
    answer = caller.lever("updater", {"shopper_id": made["shopper_id"], "kind": "new_number"})
    (form,) = caller.told()
    told = {
        "transactionType": "ACCOUNT_UPDATER",
        "accountId": made["shopper_id"],
        "sellerShopperId": "acct-1",
        "linkedSubscriptions": made["subscription_id"],
        "originalCreditCardLast4Digits": "9299",
        "updatedCreditCardLast4Digits": answer["card"]["last_four"],
        "responseMessage": "New account number",
    }
    assert form.items() >= told.items()
    assert "referenceNumber" not in form
    assert [card["cardLastFourDigits"] for card in cards_of(caller, made["shopper_id"])] != ["9299"]
    used = caller.read(int(made["subscription_id"]))["paymentSource"]["creditCardInfo"]["creditCard"]
    assert used["cardLastFourDigits"] == answer["card"]["last_four"]
    charge = caller.call("GET", f"/transactions/{made['transaction_id']}").json()
    assert charge["creditCard"]["cardLastFourDigits"] == "9299"


def test_the_updater_gives_a_new_expiry(caller: Caller) -> None:
    made = caller.seeded()
    before = int(cards_of(caller, made["shopper_id"])[0]["expirationYear"])
    caller.lever("updater", {"shopper_id": made["shopper_id"], "kind": "new_expiry"})
    assert int(cards_of(caller, made["shopper_id"])[0]["expirationYear"]) == before + 3


def test_a_closed_account_fails_from_the_next_renewal(caller: Caller) -> None:
    caller.tell_all()
    made = caller.seeded()
    caller.lever("updater", {"shopper_id": made["shopper_id"], "kind": "closed"})
    caller.lever("clock", {"advance": "P1M"})
    kinds = [form["transactionType"] for form in caller.told()]
    assert kinds == ["ACCOUNT_UPDATER", "CC_STATUS_CHANGED", "SUBSCRIPTION_CHARGE_FAILURE"]


def test_the_updater_concerns_the_card_that_is_in_use(caller: Caller) -> None:
    shopper = with_second_card(caller)
    source = {"creditCardInfo": {"creditCard": {"cardType": "VISA", "cardLastFourDigits": "9299"}}}
    caller.subscription(vaultedShopperId=shopper, paymentSource=source)
    answer = caller.lever("updater", {"shopper_id": shopper, "kind": "new_expiry"})
    assert (answer["card"]["brand"], answer["card"]["last_four"]) == ("VISA", "9299")


@pytest.mark.parametrize(
    ("lever", "body"),
    [
        ("card", {}),
        ("card", {"outcome": "success"}),
        ("card", {"shopper_id": 7, "outcome": "success"}),
        ("card", {"subscription_id": "x", "outcome": "success"}),
        ("card", {"shopper_id": 7, "subscription_id": 7, "outcome": "success"}),
        ("updater", {"shopper_id": 7, "kind": "closed"}),
        ("updater", {"shopper_id": 7, "kind": "moved"}),
        ("updater", {"shopper_id": 7, "kind": ["closed"]}),
    ],
)
def test_a_card_lever_that_makes_no_sense_is_refused_clearly(caller: Caller, lever: Any, body: Any) -> None:
    answer = caller.pull(lever, body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


def test_an_unknown_outcome_is_refused_and_the_card_stays(caller: Caller) -> None:
    shopper = caller.shopper()
    assert caller.pull("card", {"shopper_id": shopper, "outcome": "BAD_MOOD"}).status_code == 400
    assert caller.subscribe(vaultedShopperId=shopper).status_code == 200


def test_a_shopper_without_a_card_has_nothing_to_update(caller: Caller) -> None:
    shopper = caller.call("POST", "/vaulted-shoppers", json=PAYER).json()["vaultedShopperId"]
    answer = caller.pull("updater", {"shopper_id": shopper, "kind": "closed"})
    assert answer.json()["error"] == "the shopper has no card"
