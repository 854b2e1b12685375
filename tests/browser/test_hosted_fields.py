"""The hosted-fields script and its frames, judged from a merchant's page by bluesnap/hosted-fields.md sections 3 and 4."""

from __future__ import annotations

import re

import pytest
from merchant_page import FIELDS, YEAR, good
from playwright.sync_api import expect

from simulator import tokens
from simulator.cards import NAMED

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.mark.parametrize(
    ("name", "groups", "brand"),
    [
        ("visa", "4444", "VISA"),
        ("mastercard", "4444", "MASTERCARD"),
        ("amex", "465", "AMEX"),
        ("diners", "464", "DINERS"),
    ],
)
def test_number_is_grouped_and_its_brand_is_told(merchant, name, groups, brand):
    merchant.create()
    number = NAMED[name][0]
    merchant.type(ccn=number)
    shown = merchant.field("ccn").input_value()
    assert [len(group) for group in shown.split(" ")] == [int(size) for size in groups]
    assert shown.replace(" ", "") == number
    merchant.await_heard("onType", "ccn", brand)
    merchant.await_heard("onValid", "ccn")


def test_pasted_number_and_written_out_expiry_are_tidied(merchant):
    merchant.create()
    number = NAMED["visa"][0]
    merchant.field("ccn").fill("-".join(re.findall("....", number)))
    merchant.field("exp").fill(f"2/{YEAR}")
    assert merchant.field("ccn").input_value() == " ".join(re.findall("....", number))
    assert merchant.field("exp").input_value() == f"02 / {YEAR % 100}"


@pytest.mark.parametrize(
    ("typed", "shown"), [("5", "05 / "), ("12", "12 / "), ("1/30", "01 / 30"), ("0530", "05 / 30")]
)
def test_expiry_puts_its_separator_itself(merchant, typed, shown):
    merchant.create()
    merchant.type(exp=typed)
    assert merchant.field("exp").input_value() == shown


def test_every_character_of_the_expiry_can_be_deleted(merchant):
    merchant.create()
    merchant.field("exp").click()
    merchant.page.keyboard.type("0530")
    for _ in range(7):
        merchant.page.keyboard.press("Backspace")
    assert merchant.field("exp").input_value() == ""


def test_digit_put_into_the_middle_leaves_the_caret_there(merchant):
    merchant.create()
    number = NAMED["visa"][0]
    field, keyboard = merchant.field("ccn"), merchant.page.keyboard
    field.click()
    keyboard.type(number[:5] + number[6:])
    keyboard.press("Home")
    for _ in range(6):
        keyboard.press("ArrowRight")
    keyboard.press(number[5])
    assert field.input_value().replace(" ", "") == number
    assert field.evaluate("(input) => input.value.slice(0, input.selectionStart)").replace(" ", "") == number[:6]


def test_success_hands_the_page_what_the_documents_list_and_no_more(merchant):
    token = merchant.create()
    number, month = NAMED["visa"]
    merchant.paste(**good())
    outcome = merchant.submit()
    fraud = outcome.pop("transactionFraudInfo")
    assert re.fullmatch(r"[0-9a-f]{32}", fraud["fraudSessionId"])
    assert outcome == {
        "statusCode": "1",
        "cardData": {
            "ccType": "VISA",
            "last4Digits": number[-4:],
            "exp": f"{month:02d}/{YEAR}",
            "issuingCountry": "us",
            "isRegulatedCard": "N",
            "cardSubType": "CREDIT",
            "cardCategory": "CLASSIC",
            "binCategory": "CONSUMER",
            "ccBin": number[:6],
        },
    }
    assert tokens.usable(merchant.world, token).text == token


def test_each_frame_sends_its_own_part_only(merchant):
    merchant.create()
    merchant.paste(**good())
    merchant.submit()
    number, month = NAMED["visa"]
    assert merchant.card_calls == [{"ccNumber": number}, {"expDate": f"{month:02d}/{YEAR}"}, {"cvv": "123"}]


def test_empty_fields_are_named_and_nothing_is_sent(merchant):
    merchant.create()
    outcome = merchant.submit()
    assert outcome["statusCode"] == "400"
    assert outcome["error"] == [
        {"errorCode": "10", "errorDescription": "empty", "tagId": tag, "eventOrigin": "onSubmit"}
        for tag in ("ccn", "exp", "cvv")
    ]
    assert sorted(merchant.heard("onError")) == [[tag, "10", "empty", "onSubmit"] for tag in ("ccn", "cvv", "exp")]
    assert merchant.card_calls == []


def test_mistyped_number_is_refused_in_the_frame(merchant):
    merchant.create()
    number = NAMED["visa"][0]
    merchant.type(ccn=number[:-1] + str((int(number[-1]) + 1) % 10), exp=good()["exp"], cvv="123")
    merchant.await_heard("onError", "ccn", "10", "invalid", "onBlur")
    assert merchant.field("ccn").get_attribute("aria-invalid") == "true"
    expect(merchant.field("ccn")).to_have_accessible_description(re.compile("typing error"))
    assert [error["tagId"] for error in merchant.submit()["error"]] == ["ccn"]
    assert merchant.card_calls == []


def test_past_month_is_refused_and_the_current_one_is_not(merchant):
    merchant.create()
    today = merchant.page.evaluate("[new Date().getMonth() + 1, new Date().getFullYear()]")
    month, year = today
    last_month = f"{(month - 2) % 12 + 1:02d}{(year - (month == 1)) % 100:02d}"
    merchant.type(exp=last_month, cvv="1")
    merchant.await_heard("onError", "exp", "10", "invalid", "onBlur")
    merchant.field("exp").fill(f"{month:02d}{year % 100:02d}")
    merchant.await_heard("onValid", "exp")
    assert merchant.field("exp").get_attribute("aria-invalid") == "false"


def test_american_express_wants_four_digits_of_security_code(merchant):
    merchant.create()
    merchant.paste(**good("amex", cvv="12345"))
    assert merchant.field("cvv").input_value() == "1234"
    assert merchant.submit()["cardData"]["ccType"] == "AMEX"


def test_number_that_is_no_test_card_is_refused_by_the_simulator(merchant):
    merchant.create()
    stranger = NAMED["visa"][0][:-2]
    check = next(digit for digit in "0123456789" if _luhn(stranger + "0" + digit))
    merchant.type(ccn=stranger + "0" + check, exp=good()["exp"], cvv="123")
    outcome = merchant.submit()
    assert [(error["tagId"], error["errorCode"], error["errorDescription"]) for error in outcome["error"]] == [
        ("ccn", "10", "invalid")
    ]
    merchant.await_heard("onError", "ccn", "10", "invalid", "onSubmit")


def _luhn(digits):
    return sum(sum(divmod(int(digit) * (1 + n % 2), 10)) for n, digit in enumerate(reversed(digits))) % 10 == 0


def test_brand_that_the_merchant_does_not_take_is_22013(merchant):
    merchant.create()
    merchant.type(ccn="6271701225979642", exp=good()["exp"], cvv="123")
    error = merchant.submit()["error"][0]
    assert (error["tagId"], error["errorCode"], error["eventType"]) == ("ccn", "22013", "Server Error")


@pytest.mark.parametrize(("fate", "code"), [("expired", "14040"), ("unknown", "14041"), ("spent", "14041")])
def test_dead_payment_fields_token_is_reported_once_with_its_code(merchant, fate, code):
    token = merchant.create("a" * 64 + "_" if fate == "unknown" else None)
    if fate == "expired":
        merchant.world.tokens[token].created_at -= tokens.LIFETIME
    if fate == "spent":
        tokens.spend(merchant.world, token)
    merchant.paste(**good())
    outcome = merchant.submit()
    assert outcome["statusCode"] == "400"
    assert [(error["errorCode"], error["eventType"]) for error in outcome["error"]] == [(code, "Server Error")]
    assert len(merchant.card_calls) == 1


def test_unreachable_server_is_an_error_500_and_keeps_what_was_typed(merchant, context):
    merchant.create()
    merchant.paste(**good())
    context.route(f"{FIELDS}/services/**", lambda route: route.abort())
    assert [error["errorCode"] for error in merchant.submit()["error"]] == ["500"]
    assert merchant.field("cvv").input_value() == "123"


def test_creating_again_replaces_the_fields_and_forgets_the_card(merchant):
    merchant.create()
    merchant.paste(**good())
    merchant.page.evaluate("heard.length = 0")
    fresh = merchant.create()
    assert merchant.page.locator("iframe").count() == 3
    assert merchant.field("ccn").input_value() == ""
    merchant.paste(**good("mastercard"))
    assert merchant.submit()["cardData"]["ccType"] == "MASTERCARD"
    assert tokens.usable(merchant.world, fresh)


def test_three_d_secure_is_refused_as_not_enabled(merchant):
    merchant.world.behaviour.change({"three_d_secure": "off"})
    merchant.create(**{"3DS": True})
    merchant.paste(**good())
    outcome = merchant.submit(three_ds={"amount": 29})
    assert [(error["errorCode"], error["errorDescription"]) for error in outcome["error"]] == [
        ("14100", "3D Secure is not enabled")
    ]
    assert merchant.card_calls == []


def test_style_and_placeholders_reach_the_frames(merchant):
    style = {"input": {"color": "rgb(1, 2, 3)"}, "#cvv": {"font-weight": "700"}, ".invalid": {"color": "rgb(9, 8, 7)"}}
    merchant.create(style=style, ccnPlaceHolder="Number", expPlaceHolder="MM / YY", cvvPlaceHolder="CVV")
    assert [merchant.field(tag).get_attribute("placeholder") for tag in ("ccn", "exp", "cvv")] == [
        "Number",
        "MM / YY",
        "CVV",
    ]
    expect(merchant.field("ccn")).to_have_css("color", "rgb(1, 2, 3)")
    expect(merchant.field("cvv")).to_have_css("font-weight", "700")
    merchant.submit()
    expect(merchant.field("ccn")).to_have_css("color", "rgb(9, 8, 7)")


def test_frames_are_named_and_labelled_for_people_and_browsers(merchant):
    merchant.create()
    frames = merchant.page.locator("iframe")
    assert [frame.get_attribute("title") for frame in frames.all()] == ["Card number", "Expiry date", "Security code"]
    wanted = {
        "ccn": ("Card number", "cc-number"),
        "exp": (re.compile("Expiry"), "cc-exp"),
        "cvv": ("Security code", "cc-csc"),
    }
    for tag, (name, autocomplete) in wanted.items():
        field = merchant.field(tag)
        expect(field).to_have_accessible_name(name)
        expect(field).to_have_attribute("inputmode", "numeric")
        expect(field).to_have_attribute("autocomplete", autocomplete)


def test_focus_blur_and_enter_are_told_to_the_page(merchant):
    merchant.create()
    merchant.page.locator("[data-bluesnap=exp] iframe").focus()
    merchant.page.keyboard.type("0530")
    merchant.page.keyboard.press("Enter")
    merchant.field("cvv").focus()
    for event in (["onFocus", "exp"], ["onEnter", "exp"], ["onBlur", "exp"], ["onFocus", "cvv"]):
        merchant.await_heard(*event)
    assert merchant.field("exp").input_value() == "05 / 30"
