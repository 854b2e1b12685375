"""A newcomer buys a plan in a real browser, from the pricing page to the access that the account then has."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from shop_pages import (
    FORM,
    Levers,
    Shop,
    await_visible_focus,
    axe,
    card,
    digit_windows,
    everything_in,
    holding,
    kinds,
    overhang,
    spoken,
    tab_to,
)

from simulator.cards import NAMED

SCRIPTS = ("pricing", "checkout", "cardfields", "backend", "format", "panless", "welcome")

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("stack")]


@pytest.fixture
def shop(page, stack):
    return Shop(page, stack.shop_url)


@pytest.fixture
def levers(stack):
    made = Levers(stack)
    yield made
    made.back_to_now()


@pytest.mark.long
def test_newcomer_types_a_card_and_owns_a_team_plan(shop):
    shop.choose("Team", members=4)
    expect(shop.page.locator("#total")).to_have_text("$116.00")
    shop.fill_form()
    shop.type_card()
    expect(shop.page.locator("#card-brand")).to_have_text("Visa")
    shop.pay_button.click()
    shop.await_welcome("Team")
    assert (shop.fact("plan"), shop.fact("members")) == ("Team", "4")
    assert re.fullmatch(r"\d{1,2} \w+ \d{4}", shop.fact("until"))
    assert shop.fact("next").startswith("$116.00 on ")


def test_buyer_from_a_state_pays_by_american_express_for_business(shop):
    shop.choose("Business", members=2)
    expect(shop.page.get_by_label("State")).to_be_hidden()
    shop.fill_form(country="US", zip="94107", state="CA")
    shop.paste_card("amex")
    shop.pay_button.click()
    shop.await_welcome("Business")


@pytest.mark.long
def test_declined_buyer_stays_on_the_form_and_pays_with_another_card(shop, levers):
    before = len(levers.ledger())
    shop.choose()
    shop.fill_form()
    shop.paste_card("insufficient_funds")
    shop.pay_button.click()
    expect(shop.notice).to_contain_text("Your bank declined this card. Nothing was charged.")
    expect(shop.notice).to_be_focused()
    assert shop.form() == FORM
    shop.await_ready()
    expect(shop.field("ccn")).to_have_value("")
    shop.paste_card("mastercard")
    shop.pay_button.click()
    shop.await_welcome()
    assert kinds(levers.ledger()[before:], "charge", "subscription") == ["charge", "subscription"]


def test_hard_decline_asks_for_another_card_and_takes_it(shop):
    shop.choose()
    shop.fill_form()
    shop.paste_card("expired")
    shop.pay_button.click()
    expect(shop.notice).to_contain_text("Please use another card.")
    shop.await_ready()
    shop.paste_card("visa")
    shop.pay_button.click()
    shop.await_welcome()


def test_expired_card_fields_are_renewed_and_the_buyer_pays(shop, levers):
    shop.choose()
    shop.fill_form()
    shop.paste_card()
    levers.advance("PT61M")
    shop.pay_button.click()
    expect(shop.notice).to_contain_text("The card fields had expired")
    assert shop.form() == FORM
    shop.await_ready()
    expect(shop.field("ccn")).to_have_value("")
    shop.paste_card()
    shop.pay_button.click()
    shop.await_welcome()


def test_double_click_buys_exactly_one_subscription(shop, levers):
    before = len(levers.ledger())
    shop.choose()
    shop.fill_form()
    shop.paste_card()
    shop.pay_button.dblclick()
    shop.await_welcome()
    assert kinds(levers.ledger()[before:], "charge", "shopper", "subscription") == ["charge", "shopper", "subscription"]


def test_whole_journey_works_by_keyboard_alone(shop):
    keyboard = shop.page.keyboard
    shop.page.goto(shop.url)
    tab_to(shop.page, "members")
    keyboard.press("ArrowUp")
    tab_to(shop.page, "Choose Team")
    keyboard.press("Enter")
    shop.await_ready()
    expect(shop.page.locator("#total")).to_have_text("$116.00")
    tab_to(shop.page, "first_name")
    for text in ("Grace", "Hopper", "grace@example.org", "Germany", "10115", *card("visa").values()):
        keyboard.type(text)
        await_visible_focus(shop.page)
        if text != "123":
            keyboard.press("Tab")
    keyboard.press("Enter")
    shop.await_welcome()


@pytest.mark.long
@pytest.mark.long
def test_account_that_has_a_plan_is_not_sold_a_second(shop):
    shop.choose()
    shop.fill_form()
    shop.paste_card()
    shop.pay_button.click()
    shop.await_welcome()
    shop.page.goto(f"{shop.url}/checkout?plan=team&members=1")
    closed = shop.page.get_by_role("alert").filter(has_text="already has a paid plan")
    expect(closed).to_be_focused()
    expect(shop.pay_button).to_be_hidden()
    closed.get_by_role("link", name="See your account").click()
    shop.page.get_by_role("button", name="Start over").click()
    shop.choose()


def test_pages_have_no_serious_accessibility_findings(shop):
    shop.page.goto(shop.url)
    findings = axe(shop.page)
    shop.choose()
    shop.fill_form()
    shop.paste_card("insufficient_funds")
    shop.pay_button.click()
    expect(shop.notice).to_be_visible()
    shop.await_ready()
    shop.field("ccn").fill("1")
    shop.fill_form(last_name="")
    shop.pay_button.click()
    expect(shop.page.locator("#last_name-error")).to_be_visible()
    expect(shop.page.locator("#ccn-error")).to_be_visible()
    findings += axe(shop.page)
    shop.fill_form()
    shop.field("ccn").fill("")
    shop.paste_card()
    shop.pay_button.click()
    shop.await_welcome()
    findings += axe(shop.page)
    assert findings == []


def test_narrow_screen_needs_no_sideways_scrolling(shop):
    shop.page.set_viewport_size({"width": 320, "height": 640})
    shop.page.goto(shop.url)
    widths = [overhang(shop.page)]
    shop.choose()
    shop.fill_form(country="US", state="DC")
    shop.pay_button.click()
    expect(shop.page.locator("#cvv-error")).to_be_visible()
    widths.append(overhang(shop.page))
    shop.paste_card()
    shop.pay_button.click()
    shop.await_welcome()
    widths.append(overhang(shop.page))
    assert widths == [0, 0, 0]


def test_number_reaches_nothing_but_the_simulator(shop, stack, levers):
    requests_seen = []
    shop.page.context.on("request", lambda request: requests_seen.append(request))  # noqa: PLW0108  # the driver wants a function
    number = NAMED["visa"][0]
    windows = digit_windows(number)
    shop.choose()
    shop.fill_form()
    shop.paste_card()
    shop.pay_button.click()
    shop.await_welcome()
    told = {
        origin: [spoken(request) for request in requests_seen if request.url.startswith(origin)]
        for origin in (stack.service_url, stack.shop_url, stack.fields_url)
    }
    assert len(told[stack.service_url]) >= 1
    assert {request.url.split("/")[2] for request in requests_seen} == {url.split("/")[2] for url in told}
    assert holding(told[stack.fields_url], windows), "the search itself must be able to find the number"
    assert holding(told[stack.service_url] + told[stack.shop_url], windows) == []
    rows = everything_in(stack.database_url)
    assert len(rows) > 5
    assert holding(rows, windows) == []
    logs = [
        path.read_text(encoding="utf-8", errors="replace") for path in stack.log_folder.rglob("*") if path.is_file()
    ]
    assert any("checkout-sessions" in text for text in logs)
    assert holding(logs, windows) == []


def test_page_cannot_look_into_the_frames(shop):
    shop.choose()
    shop.type_card()
    look = """() => [...document.querySelectorAll("iframe")].map((frame) => {
      try { return frame.contentWindow.document.body.innerText; } catch (error) { return error.name; } })"""
    assert shop.page.evaluate(look) == ["SecurityError"] * 3
    assert holding([shop.page.locator("#form").inner_html()], digit_windows(NAMED["visa"][0])) == []


def test_only_the_expected_scripts_ever_run_on_the_pages(shop, stack, context):
    ran = set()
    debugger = context.new_cdp_session(shop.page)
    debugger.on("Debugger.scriptParsed", lambda script: ran.add(script["url"]))
    debugger.send("Debugger.enable")
    shop.choose()
    shop.fill_form()
    shop.paste_card()
    shop.pay_button.click()
    shop.await_welcome()
    ours = {f"{stack.shop_url}/static/{name}.js" for name in SCRIPTS}
    theirs = {f"{stack.fields_url}/web-sdk/5/{path}.js" for path in ("bluesnap", "assets/frame", "assets/cards")}
    # scripts without an address are the test driver's own
    assert ran - {""} == ours | theirs
    assert shop.page.evaluate("[...document.scripts].filter((script) => !script.src).length") == 0
