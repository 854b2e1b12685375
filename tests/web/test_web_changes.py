"""PATCH of a subscription and its preview, as the platform's backend sees them."""

from __future__ import annotations

import pytest

from service.errors import Unknown
from tests.support.web import problem

ACCOUNT = "/v1/accounts/{account}/subscription"


@pytest.fixture
def bought(web):
    """Ten members of Team."""
    session = web.open()
    assert web.complete(session).status_code == 201
    return web.account().json["subscription"]


@pytest.fixture
def change(web):
    def send(body, account="acct-a", **how):
        return web.call("PATCH", ACCOUNT.format(account=account), auth=web.key, json=body, **how)

    return send


@pytest.fixture
def preview(web):
    def ask(query="", account="acct-a"):
        return web.call("GET", f"{ACCOUNT.format(account=account)}/preview{query}", auth=web.key)

    return ask


def test_changed_members_are_answered_with_the_day_of_the_price(web, bought, change):
    answer = change({"members": 12})
    assert answer.status_code == 200
    shown = answer.json
    assert (shown["members"], shown["total"]["amount"], shown["applies_from"]) == (
        12,
        "348.00",
        bought["next_charge"]["date"],
    )
    assert (shown["next_plan"], shown["pending_change"]) == (None, None)
    assert answer.headers["ETag"] == f'"{shown["version"]}"'
    assert web.account().json["access"]["members"] == 12


def test_upgrade_is_answered_with_the_new_plan(web, bought, change):
    assert change({"plan": "business"}).json["plan"] == "business"
    assert web.account().json["access"]["plan"] == "business"


def test_unknown_outcome_is_accepted_and_not_repeated_by_a_second_order(web, bought, change):
    web.bluesnap.script("update_subscription", Unknown("read_timed_out"))
    answer = change({"members": 12})
    assert (answer.status_code, answer.json["pending_change"], answer.json["members"]) == (202, "change", 10)
    told = problem(change({"members": 13}), 409, "subscription_changed")
    assert told["version"] == answer.json["version"]


def test_version_that_is_asked_for_must_be_the_present_one(bought, change):
    current = f'"{bought["version"]}"'
    assert (
        problem(change({"members": 12}, headers={"If-Match": '"1"'}), 412, "version_wrong")["version"]
        == bought["version"]
    )
    assert change({"members": 12}, headers={"If-Match": current}).status_code == 200
    problem(change({"members": 13}, headers={"If-Match": current}), 412, "version_wrong")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "field_missing"),
        ({"members": 0}, "members_out_of_range"),
        ({"members": "3"}, "members_out_of_range"),
        ({"members": True}, "members_out_of_range"),
        ({"plan": "platinum"}, "plan_unknown"),
        ({"plan": "community"}, "plan_unknown"),
        ({"quantity": 3}, "field_unknown"),
    ],
)
def test_bad_change_is_refused_with_its_code_and_calls_nobody(web, bought, change, body, code):
    calls = len(web.bluesnap.calls)
    problem(change(body), 422, code)
    assert len(web.bluesnap.calls) == calls


def test_canceled_and_absent_subscriptions_are_told_apart(web, bought, change):
    assert web.cancel().status_code == 200
    problem(change({"members": 12}), 409, "subscription_canceled")
    problem(change({"members": 12}, account="acct-b"), 404, "subscription_not_found")


@pytest.mark.parametrize(
    ("query", "plan", "total"),
    [
        ("", "team", "290.00"),
        ("?members=3", "team", "87.00"),
        ("?plan=business", "business", "490.00"),
        ("?plan=business&members=1", "business", "49.00"),
    ],
)
def test_preview_says_what_will_be_charged_and_when(bought, preview, query, plan, total):
    answer = preview(query)
    assert answer.status_code == 200
    shown = answer.json
    assert (shown["plan"], shown["due_now"], shown["plan_from"]) == (plan, {"amount": "0.00", "currency": "USD"}, None)
    assert shown["next_charge"] == {
        "date": bought["next_charge"]["date"],
        "total": {"amount": total, "currency": "USD"},
    }


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?members=0", 422, "members_out_of_range"),
        ("?members=x", 422, "members_out_of_range"),
        ("?plan=platinum", 422, "plan_unknown"),
        ("?seats=3", 422, "field_unknown"),
        ("?members=3&members=4", 400, "duplicate_key"),
    ],
)
def test_bad_preview_is_refused_with_its_code(bought, preview, query, status, code):
    problem(preview(query), status, code)


def test_preview_of_an_account_without_subscription_is_not_found(preview, engine):
    problem(preview(account="acct-b"), 404, "subscription_not_found")
