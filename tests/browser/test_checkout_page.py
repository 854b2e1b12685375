"""The checkout page's own part: its form, and what it tells people for each outcome. Panless is played by the test."""

from __future__ import annotations

import re

import pytest
import responses
from in_process import serve
from playwright.sync_api import expect
from shop_pages import FORM, Shop

from simulator import hosted_fields, tokens
from simulator import shop as demo_shop
from simulator.settings import ShopSettings

pytestmark = [pytest.mark.long, pytest.mark.browser]

SHOP = "http://localhost:59109"
FIELDS = "http://localhost:59107"
PANLESS = "http://127.0.0.1:59105"
SCRIPT = f"{FIELDS}/web-sdk/5/bluesnap.js"
COMMUNITY = {
    "access": {"plan": "community", "members": None, "until": None, "reason": "free"},
    "subscription": None,
    "confirming": False,
}
TEAM = {
    "access": {"plan": "team", "members": 3, "until": "2031-02-01T08:00:00.000Z", "reason": "paid"},
    "subscription": {"next_charge": {"date": "2031-02-01", "total": {"amount": "87.00", "currency": "USD"}}},
}


class Panless:
    """Opens sessions for the shop's backend; answers the page's completions one after the other, or holds them."""

    def __init__(self, context, backend, world):
        self.backend, self.completions, self.held = backend, [], []
        hosted = {"token": tokens.create(world).text, "script_url": SCRIPT}
        total = {"amount": "87.00", "currency": "USD"}
        self.session = {
            "id": "cs_b",
            "client_secret": "pcs_b",
            "status": "open",
            "total": total,
            "hosted_fields": hosted,
        }
        self.opening = backend.post(f"{PANLESS}/v1/checkout-sessions", json=self.session, status=201)
        self.access = backend.get(re.compile(f"{PANLESS}/v1/accounts/"), json=COMMUNITY)
        context.route(f"{PANLESS}/**/renewals", lambda route: self.fulfil(route, 201, self.session))
        context.route(f"{PANLESS}/**/completion", self._complete)

    def _complete(self, route):
        if self.completions:
            self.fulfil(route, *self.completions.pop(0))
        else:
            self.held.append(route)

    @staticmethod
    def fulfil(route, status, body):
        route.fulfill(status=status, json=body, headers={"Access-Control-Allow-Origin": SHOP})

    def bought(self):
        self.backend.replace(responses.GET, self.access.url, json=TEAM)


@pytest.fixture
def panless(context, world):
    with responses.RequestsMock(assert_all_requests_are_fired=False) as backend:
        yield Panless(context, backend, world)


@pytest.fixture
def shop(page, context, panless, world):
    settings = ShopSettings(panless_url=PANLESS, api_key="key", script_url=SCRIPT, origin=SHOP)
    serve(context, SHOP, demo_shop.create_app(settings))
    serve(context, FIELDS, hosted_fields.create_app(world, script_origin=FIELDS))
    return Shop(page, SHOP)


def ready_to_pay(shop):
    shop.page.goto(f"{SHOP}/checkout?plan=team&members=3")
    shop.await_ready()
    shop.fill_form()
    shop.paste_card()


def test_members_steppers_change_totals_and_order(shop):
    shop.page.goto(SHOP)
    for _ in range(2):
        shop.page.get_by_role("button", name="One member more").click()
    expect(shop.page.locator(".plan-team [data-total]")).to_have_text("$145.00")
    expect(shop.page.locator(".plan-business [data-total]")).to_have_text("$245.00")
    shop.page.get_by_label("Members", exact=True).fill("1")
    expect(shop.page.locator(".plan-team .total")).to_contain_text("$29.00 a month for 1 member")
    expect(shop.page.get_by_role("button", name="One member fewer")).to_be_disabled()
    shop.page.get_by_label("Members", exact=True).fill("0")
    expect(shop.page.get_by_label("Members", exact=True)).to_have_accessible_description("Give a number from 1 to 500.")


def test_total_is_the_one_that_panless_names(shop, panless):
    panless.backend.replace(
        responses.POST, panless.opening.url, json=panless.session | {"total": {"amount": "1234.50", "currency": "USD"}}
    )
    shop.page.goto(f"{SHOP}/checkout?plan=team&members=3")
    expect(shop.page.locator("#total")).to_have_text("$1,234.50")
    expect(shop.pay_button).to_have_text("Pay $1,234.50")


def test_mistakes_in_the_form_are_named_at_their_fields(shop):
    shop.page.goto(f"{SHOP}/checkout?plan=team&members=3")
    shop.await_ready()
    shop.pay_button.click()
    name = shop.page.get_by_label("First name")
    expect(name).to_be_focused()
    expect(name).to_have_accessible_description("Enter the first name.")
    expect(name).to_have_attribute("aria-invalid", "true")
    shop.fill_form(email="ada@")
    shop.pay_button.click()
    expect(name).to_have_attribute("aria-invalid", "false")
    expect(shop.page.get_by_label("E-mail")).to_have_accessible_description(re.compile("Check the e-mail address"))
    shop.fill_form()
    shop.pay_button.click()
    expect(shop.page.locator("#ccn-error")).to_have_text("Enter the card number.")
    expect(shop.field("ccn")).to_be_focused()


@pytest.mark.parametrize(("country", "label"), [("US", "State"), ("CA", "Province")])
def test_state_is_asked_for_where_there_are_states(shop, country, label):
    shop.page.goto(f"{SHOP}/checkout?plan=team&members=3")
    expect(shop.page.locator("[data-country]:visible")).to_have_count(0)
    shop.page.get_by_label("Country").select_option(country)
    expect(shop.page.get_by_label(label)).to_be_visible()
    expect(shop.page.locator("[data-country]:visible")).to_have_count(1)


def test_page_posts_payer_fields_and_fraud_session_only(shop, panless):
    ready_to_pay(shop)
    panless.completions = [(201, {"id": "sub_b"})]
    panless.bought()
    with shop.page.expect_request("**/completion") as sent:
        shop.pay_button.click()
    body = sent.value.post_data_json
    assert body.keys() == {"payer", "fraud_session_id"}
    assert body["payer"] == FORM
    shop.await_welcome()
    assert shop.fact("next") == "$87.00 on 1 February 2031"


OUTCOMES = (
    (402, {"code": "card_declined", "reason": "declined"}, "type the card again, or use another one"),
    (402, {"code": "card_declined", "reason": "try_another_card"}, "Please use another card."),
    (402, {"code": "card_declined", "reason": "authentication_required"}, "an extra check"),
    (409, {"code": "payment_fields_token_expired"}, "The card fields had expired"),
    (409, {"code": "subscription_exists"}, "already has a paid plan"),
    (429, {"code": "too_many_attempts"}, "too many attempts"),
    (422, {"code": "details_refused"}, "Some of your details were not accepted"),
    (403, {"code": "session_foreign"}, "Please load this page again"),
    (503, {"code": "bluesnap_unreachable"}, "you cannot be charged twice"),
)


def test_every_outcome_is_told_in_words_and_the_form_stays(shop, panless):
    ready_to_pay(shop)
    for status, body, words in OUTCOMES:
        panless.completions = [(status, body)]
        shop.pay_button.click()
        expect(shop.notice).to_contain_text(words)
        expect(shop.notice).to_be_focused()
        expect(shop.pay_button).to_have_attribute("aria-disabled", "false")
        assert shop.form() == FORM
        shop.paste_card()


def test_detail_that_was_refused_is_named_at_its_field(shop, panless):
    ready_to_pay(shop)
    errors = [{"pointer": "/payer/zip", "code": "field_malformed"}]
    panless.completions = [(422, {"code": "field_malformed", "errors": errors})]
    shop.pay_button.click()
    expect(shop.page.get_by_label("Postcode")).to_be_focused()
    expect(shop.page.get_by_label("Postcode")).to_have_accessible_description(re.compile("Please check this"))
    assert shop.field("cvv").input_value() == "123"


def test_slow_bank_turns_the_page_to_confirming_and_then_succeeds(shop, panless):
    shop.page.clock.install()
    ready_to_pay(shop)
    with shop.page.expect_request("**/completion"):
        shop.pay_button.click()
    expect(shop.pay_button).to_have_attribute("aria-disabled", "true")
    expect(shop.page.locator("#progress")).to_contain_text("Paying")
    expect(shop.page.locator("#progress")).not_to_contain_text("confirming")
    shop.page.clock.fast_forward(10_500)
    expect(shop.page.locator("#progress")).to_contain_text("We are confirming your payment")
    panless.bought()
    panless.fulfil(panless.held[0], 201, {"id": "sub_b"})
    shop.await_welcome()


def test_undecided_payment_waits_on_the_account_page(shop, panless):
    shop.page.clock.install()
    ready_to_pay(shop)
    panless.completions = [(409, {"code": "signup_undecided"})]
    shop.pay_button.click()
    expect(shop.page.get_by_role("heading", name="Your payment is being confirmed")).to_be_visible()
    panless.bought()
    shop.page.clock.fast_forward(3_500)
    expect(shop.page.get_by_role("heading", name="You have the Team plan")).to_be_visible()


def test_shop_without_panless_offers_to_try_again(shop, panless):
    panless.backend.replace(responses.POST, panless.opening.url, json={"code": "internal_error"}, status=500)
    shop.page.goto(f"{SHOP}/checkout?plan=team&members=3")
    closed = shop.page.get_by_role("alert").filter(has_text="Nothing was charged")
    expect(closed).to_be_focused()
    panless.backend.replace(responses.POST, panless.opening.url, json=panless.session, status=201)
    closed.get_by_role("link", name="Try again").click()
    shop.await_ready()


def test_button_stays_under_the_mouse_while_messages_change(shop):
    """A message that goes with the press itself would move the button away before the release, and the click be lost."""
    shop.page.goto(f"{SHOP}/checkout?plan=team&members=3")
    shop.await_ready()
    shop.pay_button.click()
    shop.fill_form(zip="")
    shop.paste_card()
    expect(shop.page.locator("#zip-error")).to_be_visible()
    shop.page.locator("#zip").press_sequentially("1")
    before = shop.pay_button.bounding_box()
    shop.page.mouse.move(before["x"] + 9, before["y"] + 4)
    shop.page.mouse.down()
    assert shop.pay_button.bounding_box() == before
    with shop.page.expect_request("**/completion"):
        shop.page.mouse.up()
