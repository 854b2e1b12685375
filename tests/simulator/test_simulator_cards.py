"""The table of published cards."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.cards import NAMED, PUBLISHED, CardRefused, brand_of, passes_luhn, read_number


@pytest.mark.parametrize("digits", PUBLISHED, ids=lambda digits: f"{brand_of(digits)}-{digits[-4:]}")
def test_every_published_number_passes_the_checksum(digits: Any) -> None:
    assert passes_luhn(digits)


@pytest.mark.parametrize(
    ("digits", "brand"),
    [
        ("4263982640269299", "VISA"),
        ("5425233430109903", "MASTERCARD"),
        ("2222420000001113", "MASTERCARD"),
        ("374245455400126", "AMEX"),
        ("38520000023237", "DINERS"),
        ("36227206271667", "DINERS"),
        ("60115564485789458", "DISCOVER"),
        ("3566000020000410", "JCB"),
        ("6271701225979642", "CABAL"),
        ("5895626746595650", "NARANJA"),
        ("9999999999999995", "UNKNOWN"),
    ],
)
def test_a_number_tells_its_brand(digits: Any, brand: Any) -> None:
    assert brand_of(digits) == brand


@pytest.mark.parametrize(
    "text",
    ["4917484589897106", "5019717010103742", "", "4111", "4111 1111 1111 111x", "٤١١١١١١١١١١١١١١١", "9999999999999995"],
)
def test_a_number_that_is_not_published_is_refused(text: Any) -> None:
    with pytest.raises(CardRefused, match="INVALID_CC_NUMBER"):
        read_number(text, "secret")


@pytest.mark.parametrize("digits", ["6271701225979642", "5895626746595650"])
def test_a_brand_that_is_not_taken_is_named_as_that(digits: Any) -> None:
    with pytest.raises(CardRefused, match="CARD_TYPE_NOT_SUPPORTED"):
        read_number(digits, "secret")


def test_nothing_that_is_kept_holds_the_number() -> None:
    facts = read_number("4263 9826 4026 9299", "secret")
    assert "4263982640269299" not in repr(facts) + repr(vars(facts))
    assert (facts.last_four, facts.bin_number, facts.issuing_country) == ("9299", "426398", "us")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("visa", None),
        ("mastercard", None),
        ("incorrect", "INCORRECT_INFORMATION"),
        ("expired", "EXPIRED_CARD"),
        ("insufficient_funds", "INSUFFICIENT_FUNDS"),
        ("invalid", "INVALID_CARD_NUMBER"),
        ("call_issuer", "CALL_ISSUER"),
        ("declined", "PROCESSING_GENERAL_DECLINE"),
        ("three_d_secure", "THREE_D_SECURITY_AUTHENTICATION_REQUIRED"),
    ],
)
def test_number_and_month_decide_what_happens(name: Any, reason: Any) -> None:
    digits, month = NAMED[name]
    assert PUBLISHED[digits].outcome(month) == reason


@pytest.mark.parametrize(
    ("digits", "month", "fails"),
    [
        ("378282246310005", 5, True),
        ("378282246310005", 6, False),
        ("3566000020000410", 2, False),
        ("3566000020000410", 3, True),
        ("6011000991300009", 9, True),
    ],
)
def test_some_cards_fail_in_some_months_only(digits: Any, month: Any, fails: Any) -> None:
    assert (PUBLISHED[digits].outcome(month) is not None) is fails


def test_equal_cards_have_equal_fingerprints_under_one_secret_only() -> None:
    one, other = read_number("4111111111111111", "a"), read_number("4111111111111111", "b")
    assert one.fingerprint == read_number("4111-1111-1111-1111", "a").fingerprint
    assert one.fingerprint != other.fingerprint
