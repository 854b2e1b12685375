"""The plan page's own part: what it shows and says for each answer of Panless, which is played by the test."""

from __future__ import annotations

import json
import uuid

import pytest
import requests
import responses
from plan_stage import ACCESS, CHARGE, FREE, PANLESS, PlanStage, usd
from playwright.sync_api import expect
from shop_pages import axe, overhang, tab_to

pytestmark = [pytest.mark.long, pytest.mark.browser]

PREVIEW = {
    "plan": "business",
    "members": 4,
    "plan_from": None,
    "next_charge": {"date": "2031-02-01", "total": usd("196.00")},
    "due_now": usd("0.00"),
}


@pytest.fixture
def stage(page, context, world):
    with responses.RequestsMock(assert_all_requests_are_fired=False) as backend:
        yield PlanStage(page, context, backend, world)


def test_plan_card_and_payments_are_shown_as_panless_says(stage):
    page = stage.open()
    expect(page.get_by_role("heading", name="You have the Team plan")).to_be_visible()
    expect(stage.fact("next")).to_have_text("$87.00 on 1 February 2031")
    expect(stage.fact("until")).to_have_text("1 February 2031")
    expect(page.locator("#card-line")).to_have_text("Visa ending 9299")
    expect(page.locator("#charges-table tbody tr")).to_have_text(["1 January 2031$87.00"])


REASONS = (
    ({}, {"reason": "renewing"}, "the payment is not confirmed yet"),
    ({"status": "past_due"}, {"reason": "grace"}, "A payment failed. You keep full access until 1 February 2031"),
    ({"renews": False, "next_charge": None}, {"reason": "canceled"}, "yours until 1 February 2031"),
    ({"status": "disputed"}, {"reason": "disputed"}, "disputed by the bank"),
    ({"status": "ended"}, FREE, "Community is free"),
)


def test_reason_of_the_access_is_told_in_words(stage):
    for changed, access, words in REASONS:
        stage.has(**changed)
        stage.access = ACCESS | access
        stage.open()
        expect(stage.page.locator("#line")).to_contain_text(words)


def test_account_without_a_plan_is_led_to_the_plans(stage):
    stage.subscription, stage.access, stage.charges = None, FREE, []
    page = stage.open()
    expect(page.get_by_role("heading", name="You are on Community")).to_be_visible()
    expect(page.get_by_role("link", name="See the plans")).to_be_visible()
    for name in ("Cancel the plan", "Undo the cancellation", "Replace the card", "Start again"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()


def test_change_is_previewed_and_ordered_with_the_version_seen(stage):
    stage.on("GET", "/subscription/preview.*", (200, PREVIEW))
    stage.on("PATCH", "/subscription", (200, {}))
    page = stage.open()
    change = page.get_by_role("button", name="Change", exact=True)
    expect(change).to_have_attribute("aria-disabled", "true")
    stage.press("One member more")
    page.get_by_label("Business").check()
    expect(page.locator("#preview")).to_have_text(
        "On 1 February 2031 you pay $196.00 for 4 members. Business starts at once. Nothing is due today."
    )
    stage.has(plan="business", members=4, version=3, total=usd("196.00"), applies_from="2031-02-01")
    change.click()
    expect(stage.said).to_have_text("The plan is changed.")
    expect(stage.said).to_be_focused()
    expect(stage.fact("later")).to_have_text("$196.00 for 4 members")
    (sent,) = stage.asked("PATCH", "/subscription")
    assert json.loads(sent.body) == {"plan": "business", "members": 4}
    assert sent.headers["If-Match"] == '"2"'


def test_downgrade_names_the_plan_that_is_to_come(stage):
    stage.has(next_plan="team", plan="business", applies_from="2031-02-01")
    stage.open()
    expect(stage.fact("later")).to_have_text("Team, $87.00 for 3 members")
    expect(stage.page.get_by_label("Team")).to_be_checked()


def test_unconfirmed_change_is_told_and_followed_until_confirmed(stage):
    stage.page.clock.install()
    stage.open()
    stage.on("POST", "/subscription/cancellation", (202, {}))
    stage.has(pending_change="cancellation")
    stage.press("Cancel the plan")
    expect(stage.waiting).to_have_text("The cancellation is ordered. BlueSnap has not confirmed it yet.")
    expect(stage.page.locator("#cancel")).to_have_attribute("aria-disabled", "true")
    stage.page.locator("#cancel").dispatch_event("click")
    stage.has(renews=False, next_charge=None)
    stage.access = ACCESS | {"reason": "canceled"}
    stage.page.clock.fast_forward(2_500)
    expect(stage.said).to_have_text("BlueSnap has answered. This is how it stands now.")
    expect(stage.waiting).to_be_empty()
    expect(stage.page.get_by_role("button", name="Undo the cancellation")).to_be_visible()
    assert len(stage.asked("POST", "/cancellation")) == 1


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (412, "version_wrong", "changed elsewhere"),
        (500, "internal_error", "it happens once at most"),
    ],
)
def test_refused_change_is_told_and_the_plan_is_read_again(stage, status, code, words):
    stage.on("GET", "/subscription/preview.*", (200, PREVIEW))
    stage.on("PATCH", "/subscription", (status, {"code": code, "title": "internal words"}))
    stage.open()
    stage.press("One member more")
    stage.has(members=7, version=9)
    stage.press("Change")
    expect(stage.notice).to_contain_text(words)
    expect(stage.notice).to_be_focused()
    expect(stage.page.get_by_label("Members", exact=True)).to_have_value("7")


def test_repeated_order_of_an_unclear_act_keeps_its_key(stage):
    stage.subscription, stage.access = None, FREE
    stage.on("POST", "/subscription/reactivation", (500, {"code": "internal_error"}), (201, {}))
    page = stage.open()
    expect(page.locator("#preview")).to_contain_text("$87.00 is due today, paid with the card on file.")
    stage.press("Start again")
    expect(stage.notice).to_contain_text("It is safe to try again")
    stage.press("Start again")
    expect(stage.said).to_contain_text("Welcome back")
    first, second = stage.asked("POST", "/reactivation")
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert json.loads(first.body) == json.loads(second.body) == {"plan": "team", "members": 3}


def test_declined_reactivation_says_why_and_starts_a_new_attempt(stage):
    stage.subscription, stage.access = None, FREE
    declined = (402, {"code": "card_declined", "reason": "insufficient_funds"})
    stage.on("POST", "/subscription/reactivation", declined, declined)
    stage.open()
    for _ in range(2):
        stage.press("Start again")
        expect(stage.notice).to_contain_text("The stored card does not cover this. Nothing was charged.")
        expect(stage.page.locator("#change-button")).to_have_attribute("aria-disabled", "false")
    first, second = stage.asked("POST", "/reactivation")
    assert uuid.UUID(first.headers["Idempotency-Key"]) != uuid.UUID(second.headers["Idempotency-Key"])


def test_unconfirmed_purchase_is_told_and_followed(stage):
    stage.page.clock.install()
    held, stage.subscription, stage.access = stage.subscription, None, FREE
    stage.on("POST", "/subscription/reactivation", (202, {}))
    stage.open()
    stage.confirming = True
    stage.press("Start again")
    expect(stage.waiting).to_contain_text("The purchase is ordered. BlueSnap has not confirmed it yet.")
    stage.subscription, stage.access, stage.confirming = held, ACCESS, False
    stage.page.clock.fast_forward(2_500)
    expect(stage.page.get_by_role("heading", name="You have the Team plan")).to_be_visible()
    expect(stage.waiting).to_be_empty()


def test_unconfirmed_purchase_that_comes_to_nothing_is_told(stage):
    stage.page.clock.install()
    stage.subscription, stage.access = None, FREE
    stage.on("POST", "/subscription/reactivation", (202, {}))
    stage.open()
    stage.confirming = True
    stage.press("Start again")
    expect(stage.waiting).to_contain_text("The purchase is ordered.")
    stage.confirming = False
    stage.page.clock.fast_forward(2_500)
    expect(stage.page.locator("#said")).to_have_text("BlueSnap has answered. This is how it stands now.")
    expect(stage.waiting).to_be_empty()


def test_refund_is_given_for_an_own_payment_and_followed(stage):
    stage.page.clock.install()
    stage.backend.post(f"{PANLESS}/v1/charges/chg_b/refunds", json={"status": "unknown"}, status=202)
    page = stage.open()
    page.locator("#desk summary").click()
    unknown = {"refunded": usd("87.00"), "refundable": usd("0.00"), "refunds": [{"status": "unknown"}]}
    stage.charges = [CHARGE | unknown]
    stage.press("Refund $87.00 of 1 January 2031")
    expect(page.locator("#charges-table")).to_contain_text("BlueSnap has not confirmed a refund yet")
    stage.charges = [CHARGE | unknown | {"refunds": [{"status": "succeeded"}]}]
    page.clock.fast_forward(2_500)
    expect(page.locator("#charges-table tbody tr")).to_have_text(["1 January 2031$87.00$87.00"])
    expect(page.locator("#desk")).to_be_hidden()
    (sent,) = stage.asked("POST", "/refunds")
    assert json.loads(sent.body) == {"reason": "requested_by_customer", "cancel_subscription": False}


def test_silent_panless_is_asked_again_by_itself(stage):
    stage.page.clock.install()
    stage.access = requests.ConnectionError("x")  # what cannot be written as JSON is no answer
    stage.page.goto("http://localhost:59109/plan")
    expect(stage.page.locator("#line")).to_contain_text("tries again by itself")
    stage.access = ACCESS
    stage.page.clock.fast_forward(2_500)
    expect(stage.page.get_by_role("heading", name="You have the Team plan")).to_be_visible()


def with_everything_open(stage):
    stage.on("GET", "/subscription/preview.*", (200, PREVIEW))
    stage.backend.post(f"{PANLESS}/v1/checkout-sessions", json=stage.session(), status=201)
    page = stage.open()
    stage.press("One member more")
    expect(page.locator("#preview")).not_to_be_empty()
    page.locator("#desk summary").click()
    stage.press("Replace the card")
    expect(page.locator("#save-card")).to_have_text("Use this card")
    return page


def test_page_has_no_serious_accessibility_findings(stage):
    page = with_everything_open(stage)
    stage.press("Use this card")
    expect(page.locator("#ccn-error")).to_have_text("Enter the card number.")
    assert axe(page) == []


def test_narrow_screen_needs_no_sideways_scrolling(stage):
    stage.page.set_viewport_size({"width": 320, "height": 640})
    assert overhang(with_everything_open(stage)) == 0


def test_plan_is_changed_by_keyboard_alone(stage):
    stage.on("GET", "/subscription/preview.*", (200, PREVIEW))
    stage.on("PATCH", "/subscription", (200, {}))
    stage.open()
    tab_to(stage.page, "members")
    stage.page.keyboard.press("ArrowUp")
    stage.page.keyboard.press("Enter")
    expect(stage.said).to_have_text("The plan is changed.")
    expect(stage.said).to_be_focused()


def test_present_card_is_kept_when_somebody_thinks_better_of_it(stage):
    page = with_everything_open(stage)
    stage.press("Keep the present card")
    expect(page.locator("#card-form")).to_be_hidden()
    expect(page.get_by_role("button", name="Replace the card")).to_be_focused()
    assert page.locator("iframe").count() == 0


def test_refused_card_session_is_told_in_words(stage):
    stage.backend.post(f"{PANLESS}/v1/checkout-sessions", json={"code": "too_many_attempts"}, status=429)
    stage.open()
    stage.press("Replace the card")
    expect(stage.notice).to_contain_text("too many attempts")
    expect(stage.page.get_by_role("button", name="Replace the card")).to_be_visible()
