"""3-D Secure in the hosted-fields script: the challenge in its frame, what the callback says, and what the vault makes of it."""

from __future__ import annotations

import re

import pytest
from merchant_page import FIELDS, good

from simulator import tokens

pytestmark = [pytest.mark.browser, pytest.mark.long]
DATA = {"amount": 29, "currency": "USD", "billingFirstName": "Mira"}


def challenge(merchant):
    return merchant.page.frame_locator("iframe[title='Card verification']")


def submit_and_press(merchant, button):
    merchant.page.evaluate("(data) => { outcomes.length = 0; submit(data); }", DATA)
    challenge(merchant).get_by_role("button", name=button).click()
    return merchant.page.wait_for_function("outcomes[0]").json_value()


def ready(merchant, card="three_d_secure"):
    token = merchant.create(**{"3DS": True})
    merchant.paste(**good(card))
    return token


def test_a_passed_challenge_gives_a_reference_of_digits(merchant):
    token = ready(merchant)
    outcome = submit_and_press(merchant, "Pass the check")
    assert (outcome["statusCode"], outcome["cardData"]["ccType"]) == ("1", "VISA")
    assert outcome["threeDSecure"]["authResult"] == "AUTHENTICATION_SUCCEEDED"
    assert re.fullmatch("[0-9]{1,12}", outcome["threeDSecure"]["threeDSecureReferenceId"])
    run = tokens.usable(merchant.world, token).authentication
    assert run.reference == outcome["threeDSecure"]["threeDSecureReferenceId"]
    assert merchant.page.get_by_role("dialog").count() == 0


def test_a_failed_challenge_is_an_error_and_no_reference(merchant):
    token = ready(merchant)
    outcome = submit_and_press(merchant, "Fail the check")
    assert [error["errorCode"] for error in outcome["error"]] == ["14101"]
    assert "threeDSecure" not in outcome
    assert tokens.usable(merchant.world, token).authentication.result == "AUTHENTICATION_FAILED"


def test_a_card_that_needs_no_challenge_passes_without_one(merchant):
    ready(merchant, "visa")
    outcome = merchant.submit(three_ds=DATA)
    assert outcome["threeDSecure"]["authResult"] == "AUTHENTICATION_SUCCEEDED"


def test_the_page_is_told_when_the_challenge_opens(merchant):
    merchant.page.evaluate("() => { window.opened = 0; }")
    merchant.page.evaluate(
        "([token]) => bluesnap.hostedPaymentFieldsCreate({ token, '3DS': true,"
        " onFieldEventHandler: { setupComplete: () => heard.push(['setupComplete']),"
        " threeDsChallengeExecuted: () => { window.opened += 1; } } })",
        [tokens.create(merchant.world).text],
    )
    merchant.page.wait_for_function("heard.some(([name]) => name === 'setupComplete')")
    merchant.paste(**good("three_d_secure"))
    submit_and_press(merchant, "Pass the check")
    assert merchant.page.evaluate("window.opened") == 1


@pytest.mark.parametrize("data", [None, {}, {"amount": 29}, {"amount": 0, "currency": "USD"}, {"currency": "USD"}])
def test_missing_data_is_refused_before_a_card_is_sent(merchant, data):
    ready(merchant)
    assert [error["errorCode"] for error in merchant.submit(three_ds=data)["error"]] == ["14102"]
    assert merchant.card_calls == []


def test_data_without_the_switch_is_refused_as_not_enabled(merchant):
    merchant.create()
    merchant.paste(**good())
    assert [error["errorCode"] for error in merchant.submit(three_ds=DATA)["error"]] == ["14100"]


def test_an_unavailable_bank_gives_a_reference_all_the_same(merchant):
    merchant.world.behaviour.change({"three_d_secure": "unavailable"})
    ready(merchant)
    outcome = merchant.submit(three_ds=DATA)
    assert outcome["threeDSecure"]["authResult"] == "AUTHENTICATION_UNAVAILABLE"


def test_no_card_data_leaves_in_the_calls_of_the_check(merchant):
    ready(merchant)
    submit_and_press(merchant, "Pass the check")
    bodies = [body for method, path, body in merchant._calls if "three-d-secure" in path]
    assert len(bodies) == 3
    assert not any(part in "".join(bodies) for part in ("4000", "Mira", "123"))


def test_a_page_cannot_answer_the_challenge_itself(merchant):
    token = ready(merchant)
    merchant.page.evaluate("(data) => { outcomes.length = 0; submit(data); }", DATA)
    challenge(merchant).get_by_role("button", name="Pass the check").wait_for()
    address = f"{FIELDS}/web-sdk/5/three-d-secure/{token}/answer"
    call = (
        "([address, token]) => fetch(address, {method: 'POST', body: '{\"passed\": true}',"
        " headers: {'Token-Authentication': token}}).then((answer) => answer.status, () => 'blocked')"
    )
    assert merchant.page.evaluate(call, [address, token]) in ("blocked", 403)
    assert tokens.usable(merchant.world, token).authentication.result == ""


def test_renewing_the_fields_takes_the_challenge_away(merchant):
    ready(merchant)
    merchant.page.evaluate("(data) => { outcomes.length = 0; submit(data); }", DATA)
    challenge(merchant).get_by_role("button", name="Pass the check").wait_for()
    merchant.page.evaluate("heard.length = 0")
    merchant.create()
    assert merchant.page.get_by_role("dialog").count() == 0
    assert merchant.page.locator("iframe").count() == 3
