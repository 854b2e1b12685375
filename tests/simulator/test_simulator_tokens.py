"""The life of a payment-fields token."""

from __future__ import annotations

import re
from typing import Any

import pytest
from simulator_caller import PAYER, Caller, error_name

NUMBER = "4263982640269299"
WHOLE = {"ccNumber": NUMBER, "expDate": "02/2099", "cvv": "837"}


def test_a_token_comes_in_the_location_of_an_empty_201(caller: Caller) -> None:
    answer = caller.call("POST", "/payment-fields-tokens")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (201, b"", "0")
    assert "Content-Type" not in answer.headers
    assert re.fullmatch(
        rf"{caller.origin}/services/2/payment-fields-tokens/[0-9a-f]{{64}}_", answer.headers["Location"]
    )
    assert "JSESSIONID" in answer.cookies


def test_tokens_are_unpredictable_even_with_one_seed(caller: Caller) -> None:
    first = caller.token(None)
    caller.lever("reset", {"seed": 1})
    assert caller.token(None) != first


def test_a_token_can_be_asked_for_a_known_shopper(caller: Caller) -> None:
    path = f"/payment-fields-tokens?shopperId={caller.shopper()}"
    assert caller.call("POST", path).status_code == 201


def test_filling_answers_what_is_known_of_the_card(caller: Caller) -> None:
    answer = caller.fill(caller.token(None), WHOLE)
    assert answer.status_code == 200
    facts = answer.json()
    assert (facts["ccType"], facts["last4Digits"], facts["issuingCountry"]) == ("VISA", "9299", "us")
    assert NUMBER not in answer.text


def test_the_three_parts_may_come_one_by_one_in_any_order(caller: Caller) -> None:
    token = caller.token(None)
    for part in ("cvv", "expDate", "ccNumber"):
        assert caller.fill(token, {part: WHOLE[part]}).status_code == 200
    assert caller.vault(token=token).status_code == 200


@pytest.mark.parametrize("missing", ["ccNumber", "expDate", "cvv"])
def test_a_token_with_a_part_missing_is_not_filled(caller: Caller, missing: Any) -> None:
    token = caller.token(None)
    caller.fill(token, {name: part for name, part in WHOLE.items() if name != missing})
    assert error_name(caller.vault(token=token)) == "NO_PAYMENT_DETAILS_LINKED_TO_TOKEN"


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ({"ccNumber": "4917484589897106"}, "INVALID_CC_NUMBER"),
        ({"ccNumber": "5019717010103742"}, "INVALID_CC_NUMBER"),
        ({"ccNumber": ""}, "INVALID_CC_NUMBER"),
        ({"ccNumber": "5895626746595650"}, "CARD_TYPE_NOT_SUPPORTED"),
        ({"expDate": "13/2099"}, "INVALID_EXP_DATE"),
        ({"expDate": "12/2004"}, "INVALID_EXP_DATE"),
        ({"expDate": "02/30"}, "INVALID_EXP_DATE"),
        ({"cvv": "12"}, "INVALID_CVV"),
        ({"cvv": "12a"}, "INVALID_CVV"),
        ({"ccNumber": NUMBER, "cvv": "1234"}, "INVALID_CVV"),
        ({"ccNumber": "374245455400126", "cvv": "123"}, "INVALID_CVV"),
    ],
)
def test_a_bad_part_is_refused_by_name_and_never_repeated(caller: Caller, part: Any, name: Any) -> None:
    answer = caller.fill(caller.token(None), part)
    assert answer.status_code == 400
    assert error_name(answer) == name
    assert all(len(value) < 4 or value not in answer.text for value in part.values())


def test_a_card_is_good_to_the_end_of_its_month(caller: Caller) -> None:
    caller.lever("clock", {"set": "2031-05-31T12:00:00Z"})
    token = caller.token(None)
    assert caller.fill(token, {"expDate": "04/2031"}).status_code == 400
    assert caller.fill(token, {"expDate": "05/2031"}).status_code == 200


def test_of_one_calls_parts_all_are_taken_or_none(caller: Caller) -> None:
    token = caller.token(None)
    caller.fill(token, WHOLE | {"cvv": "1"})
    caller.fill(token, {"expDate": "02/2099", "cvv": "837"})
    assert error_name(caller.vault(token=token)) == "NO_PAYMENT_DETAILS_LINKED_TO_TOKEN"


def test_a_new_number_asks_for_a_fitting_security_code_again(caller: Caller) -> None:
    token = caller.token(None)
    caller.fill(token, WHOLE)
    caller.fill(token, {"ccNumber": "374245455400126"})
    assert error_name(caller.vault(token=token)) == "NO_PAYMENT_DETAILS_LINKED_TO_TOKEN"


def test_the_frames_call_must_name_its_token_in_a_header(caller: Caller) -> None:
    token = caller.token(None)
    assert caller.fill(token, WHOLE, authentication="another").status_code == 401


def test_an_unknown_token_is_not_found(caller: Caller) -> None:
    assert error_name(caller.fill("0" * 64 + "_", WHOLE)) == "TOKEN_NOT_FOUND"
    assert error_name(caller.vault(token="0" * 64 + "_")) == "TOKEN_NOT_FOUND"


def test_a_token_lives_sixty_minutes_of_the_simulators_clock(caller: Caller) -> None:
    young, old = caller.token(), caller.token()
    caller.lever("clock", {"advance": "PT59M"})
    assert caller.vault(token=young).status_code == 200
    caller.lever("clock", {"advance": "PT1M"})
    refused = caller.vault(token=old)
    assert refused.json()["message"][0]["code"] == "14040"
    assert error_name(caller.fill(old, {})) == "EXPIRED_TOKEN"


def test_an_empty_object_only_probes(caller: Caller) -> None:
    assert caller.fill(caller.token(None), {}).json() == {}


@pytest.mark.parametrize("code", ["14040", "14041", "14042"])
def test_a_spent_token_answers_the_code_of_the_behaviour(caller: Caller, code: Any) -> None:
    caller.lever("behaviour", {"spent_token_code": code})
    token = caller.token()
    assert caller.vault(token=token).status_code == 200
    assert caller.vault(token=token).json()["message"][0]["code"] == code
    assert error_name(caller.fill(token, WHOLE)) == "TOKEN_WAS_ALREADY_USED_FOR_CC"


def test_a_declined_vaulting_spends_the_token(caller: Caller) -> None:
    token = caller.token("insufficient_funds")
    assert error_name(caller.vault(token=token)) == "INSUFFICIENT_FUNDS"
    assert error_name(caller.vault(token=token)) == "TOKEN_NOT_FOUND"


def test_a_request_that_fails_its_checks_leaves_the_token_usable(caller: Caller) -> None:
    token = caller.token()
    assert error_name(caller.vault(token=token, firstName="")) == "VALIDATION_GENERAL_FAILURE"
    assert caller.vault(token=token).status_code == 200


def test_a_token_at_the_top_of_the_request_counts_too(caller: Caller) -> None:
    answer = caller.call("POST", "/vaulted-shoppers", json={**PAYER, "pfToken": caller.token()})
    assert answer.json()["paymentSources"]["creditCardInfo"][0]["creditCard"]["cardLastFourDigits"] == "9299"


def test_no_number_stays_anywhere_in_the_world(caller: Caller) -> None:
    token = caller.token(None)
    caller.fill(token, WHOLE)
    shopper = caller.shopper(token=token)
    caller.subscription(vaultedShopperId=shopper)
    everything = repr(list(caller.world.tokens.values())) + repr(list(caller.world.shoppers.values()))
    everything += repr(caller.world.received) + caller.pull("received").text + caller.pull("notices").text
    assert NUMBER not in everything
    assert "9299" in everything
