"""A customer looks after the plan in a real browser: members, plan, card, cancelling, coming back, and the bank's check."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from shop_pages import Levers, PlanPage, digit_windows, holding, kinds, spoken

from simulator.cards import NAMED

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("stack"), pytest.mark.long]


@pytest.fixture
def levers(stack):
    made = Levers(stack)
    yield made
    made.back_to_now()


@pytest.fixture
def plan(page, stack, levers):
    return PlanPage(page, stack.shop_url)


def test_members_go_up_and_down_and_the_plan_is_upgraded(plan, levers):
    plan.buy(levers, members=3)
    plan.press("One member more")
    plan.previews("you pay $116.00 for 4 members. Nothing is due today.")
    plan.press("Change")
    plan.says("The plan is changed.")
    plan.shows("members", "4")
    plan.shows("later", "$116.00 for 4 members")
    plan.page.get_by_label("Members", exact=True).fill("2")
    plan.previews("you pay $58.00 for 2 members")
    plan.press("Change")
    plan.shows("members", "2")
    plan.page.get_by_label("Business").check()
    plan.previews("you pay $98.00 for 2 members. Business starts at once.")
    plan.press("Change")
    expect(plan.page.get_by_role("heading", name="You have the Business plan")).to_be_visible()
    plan.shows("next", re.compile(r"^\$98\.00 on "))


@pytest.mark.long
def test_downgrade_waits_for_the_next_billing_date(plan, levers):
    plan.buy(levers, "business", members=2)
    plan.page.get_by_label("Team").check()
    plan.previews("you pay $58.00 for 2 members. Team starts on ")
    plan.press("Change")
    plan.shows("later", "Team, $58.00 for 2 members")
    expect(plan.page.get_by_role("heading", name="You have the Business plan")).to_be_visible()


def test_cancelled_plan_stays_to_its_end_and_can_be_resumed(plan, levers):
    plan.buy(levers)
    plan.press("Cancel the plan")
    plan.says("The plan is cancelled. You can undo it until it ends.")
    expect(plan.page.get_by_role("heading", name="You have the Team plan")).to_be_visible()
    plan.shows("next", "None")
    expect(plan.page.locator("#line")).to_contain_text("It is cancelled: yours until")
    plan.press("Undo the cancellation")
    plan.says("The cancellation is undone. The plan goes on.")
    plan.shows("next", re.compile(r"^\$87\.00 on "))


def test_card_is_replaced_and_shown_live(plan, levers, stack):
    seen = []
    plan.page.context.on("request", lambda request: seen.append(request))  # noqa: PLW0108  # the driver wants a function
    plan.buy(levers)
    plan.has_card("Visa ending 9299")
    plan.open_card_fields()
    plan.paste_card("insufficient_funds")
    plan.press("Use this card")
    expect(plan.notice).to_contain_text("The present card stays in use.")
    plan.await_card_fields()
    plan.paste_card("mastercard")
    plan.press("Use this card")
    plan.says("The new card is in use from now on.")
    plan.has_card("Mastercard ending 9903")
    windows = digit_windows(NAMED["mastercard"][0])
    told = [spoken(request) for request in seen if request.url.startswith((stack.service_url, stack.shop_url))]
    assert any("/completion" in text for text in told)
    assert holding(told, windows) == []
    assert holding([spoken(request) for request in seen if request.url.startswith(stack.fields_url)], windows)


def test_ended_plan_starts_again_with_the_card_on_file(plan, levers):
    plan.buy(levers)
    plan.press("Cancel the plan")
    plan.says("The plan is cancelled.")
    levers.advance("P1M1D")
    plan.open()
    expect(plan.page.get_by_role("heading", name="You are on Community")).to_be_visible()
    before = len(levers.ledger())
    plan.page.get_by_label("Members", exact=True).fill("4")
    plan.previews("$116.00 is due today, paid with the card on file.")
    plan.press("Start again")
    plan.says("Welcome back.")
    expect(plan.page.get_by_role("heading", name="You have the Team plan")).to_be_visible()
    plan.shows("members", "4")
    assert kinds(levers.ledger()[before:], "charge", "shopper", "subscription") == ["charge", "subscription"]


def test_soft_decline_leads_into_the_banks_check_and_succeeds(plan, levers):
    plan.choose()
    plan.fill_form()
    plan.paste_card("three_d_secure")
    plan.pay_button.click()
    expect(plan.notice).to_contain_text("Your bank asks for an extra check")
    plan.await_ready()
    plan.paste_card("three_d_secure")
    with plan.page.expect_request("**/completion") as sent:
        plan.pay_button.click()
        plan.challenge().get_by_role("button", name="Pass the check").click()
    assert re.fullmatch("[0-9]{1,12}", sent.value.post_data_json["three_d_secure_reference"])
    plan.await_welcome()
    plan.page.get_by_role("link", name="Manage your plan").click()
    plan.has_card("Visa ending 1091")


@pytest.mark.long
def test_bank_checks_the_new_card_before_it_replaces_the_old(plan, levers):
    plan.buy(levers)
    plan.open_card_fields()
    plan.paste_card("three_d_secure")
    plan.press("Use this card")
    expect(plan.notice).to_contain_text("Your bank asks for an extra check")
    plan.await_card_fields()
    plan.paste_card("three_d_secure")
    plan.press("Use this card")
    plan.challenge().get_by_role("button", name="Fail the check").click()
    expect(plan.notice).to_contain_text("Your bank's check was not passed. The present card stays in use.")
    plan.await_card_fields()
    plan.paste_card("three_d_secure")
    plan.press("Use this card")
    plan.challenge().get_by_role("button", name="Pass the check").click()
    plan.says("The new card is in use from now on.")
    plan.has_card("Visa ending 1091")


@pytest.mark.long
def test_lost_answer_is_told_as_unconfirmed_and_settles_by_itself(plan, levers):
    plan.buy(levers)
    levers.fail("update_subscription", "drop_after")
    plan.press("Cancel the plan")
    expect(plan.page.locator("#waiting")).to_have_text(
        "The cancellation is ordered. BlueSnap has not confirmed it yet."
    )
    plan.says("BlueSnap has answered. This is how it stands now.")
    expect(plan.page.get_by_role("button", name="Undo the cancellation")).to_be_visible()


@pytest.mark.long
def test_staff_give_a_payment_back_and_the_plan_goes_on(plan, levers):
    plan.buy(levers)
    plan.page.locator("#desk summary").click()
    plan.page.get_by_role("button", name=re.compile(r"^Refund \$87\.00 of ")).click()
    plan.says("The money is given back.")
    expect(plan.page.locator("#charges-table tbody tr")).to_have_text(re.compile(r"\$87\.00\$87\.00$"))
    expect(plan.page.get_by_role("heading", name="You have the Team plan")).to_be_visible()
    assert kinds(levers.ledger()[-1:], "refund") == ["refund"]
