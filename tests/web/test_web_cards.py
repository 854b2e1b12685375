"""Sessions that replace a card, the live card, reactivation and 3-D Secure, over HTTP."""

from __future__ import annotations

import pytest

from service.errors import Declined, DeclineReason, Unknown
from tests.support.databases import by_stealth
from tests.support.web import SESSIONS, new_key, problem, told

SOFT = Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False)
ASKED = Declined("authentication_required", DeclineReason.AUTHENTICATION_REQUIRED, hard=False)
LOST = Unknown("read_timed_out")


@pytest.fixture
def bought(web):
    """What the page was told of its purchase."""
    return web.complete(web.open()).json


@pytest.fixture
def session(web, bought):
    """A session that replaces the card; another one is typed into it."""
    web.bluesnap.type_card("AMEX", "0126")
    return web.open_for_card()


@pytest.fixture
def over(web, bought):
    """The plan has ended."""
    assert web.cancel().status_code == 200
    provider = web.bluesnap.subscriptions[0].subscription_id
    web.bluesnap.change(provider, status="CANCELED")
    with by_stealth(web.tools.engine) as connection:
        connection.exec_driver_sql("UPDATE subscriptions SET status = 'ended', renews = false")
    return bought


def pointers(answer, code):
    return {error["pointer"] for error in problem(answer, 422, code)["errors"]}


def test_session_for_a_card_sells_nothing(web, session):
    assert (session["purpose"], session["plan"], session["members"], session["total"]) == (
        "replace_card",
        None,
        None,
        None,
    )
    assert session["three_d_secure"] == "when_asked"
    assert session["hosted_fields"]["token"]
    seen = web.read(session).json
    assert {name: seen[name] for name in seen} == {
        name: value for name, value in session.items() if name != "client_secret"
    }


def test_card_is_replaced_and_the_subscription_answered(web, bought, session):
    answer = web.replace_card(session)
    assert (answer.status_code, answer.json["id"]) == (200, bought["id"])
    assert answer.headers["ETag"] == f'"{bought["version"]}"'
    assert web.read(session).json["status"] == "complete"
    assert web.card().json == {"brand": "AMEX", "last_four": "0126"}


def test_same_key_answers_the_same_replacement_without_a_call(web, session):
    key = new_key()
    first = web.replace_card(session, key=key)
    calls = len(web.bluesnap.calls)
    second = web.replace_card(session, key=key)
    assert (second.status_code, second.json, len(web.bluesnap.calls)) == (200, first.json, calls)


@pytest.mark.parametrize(
    ("order", "code", "at"),
    [
        ({"purpose": "replace_card", "plan": "team"}, "field_not_allowed", {"/plan"}),
        ({"purpose": "replace_card", "members": 3}, "field_not_allowed", {"/members"}),
        ({"purpose": "replace_card", "plan": "team", "members": 3}, "field_not_allowed", {"/plan", "/members"}),
        ({"purpose": "subscribe"}, "field_missing", {"/plan", "/members"}),
        ({"plan": "team"}, "field_missing", {"/members"}),
        ({"members": 3}, "field_missing", {"/plan"}),
        ({"purpose": "both"}, "field_malformed", {"/purpose"}),
        ({"purpose": "replace_card", "three_d_secure": "always"}, "field_malformed", {"/three_d_secure"}),
    ],
)
def test_order_must_fit_its_purpose(web, bought, order, code, at):
    rows, calls = web.rows(), len(web.bluesnap.calls)
    answer = web.post(SESSIONS, {"account": "acct-a", **order}, auth=web.key)
    assert pointers(answer, code) == at
    assert (web.rows(), len(web.bluesnap.calls)) == (rows, calls)


def test_account_without_a_live_plan_gets_no_session_for_a_card(web):
    answer = web.post(SESSIONS, {"account": "acct-a", "purpose": "replace_card"}, auth=web.key)
    problem(answer, 404, "subscription_not_found")
    assert web.bluesnap.calls == []


def test_replacement_takes_no_payer_and_a_purchase_needs_one(web, session):
    payer = {"first_name": "Mira", "last_name": "Okafor", "country": "us"}
    assert pointers(web.replace_card(session, payer=payer), "field_not_allowed") == {"/payer"}
    other = web.open(account="acct-b")
    assert pointers(web.replace_card(other), "field_missing") == {"/payer"}


def test_secret_of_another_purpose_opens_nothing(web, session):
    ring, other = web.tools.keyring, web.open(account="acct-b")
    forged = ring.client_secret(session["id"], "subscribe"), ring.client_secret(other["id"], "replace_card")
    for secret, about in zip(forged, (session, other), strict=True):
        problem(web.read(about, auth=secret), 401, "client_secret_wrong")
        problem(web.replace_card(about | {"client_secret": secret}), 401, "client_secret_wrong")
        problem(web.renew(about | {"client_secret": secret}), 401, "client_secret_wrong")


def test_decline_leaves_the_page_on_the_form(web, session):
    web.bluesnap.script("add_card", SOFT)
    body = problem(web.replace_card(session), 402, "card_declined")
    assert body["reason"] == "declined"
    seen = web.read(session).json
    assert (seen["status"], seen["hosted_fields"]) == ("open", None)
    assert web.renew(session).json["hosted_fields"]["token"]
    assert web.replace_card(session).status_code == 200


def test_unknown_replacement_is_confirming_and_then_open_without_fields(web, session):
    web.bluesnap.script("add_card", LOST)
    answer = web.replace_card(session)
    assert (answer.status_code, answer.json["status"]) == (202, "confirming")
    problem(web.renew(session), 409, "signup_undecided")
    web.settle()
    seen = web.read(session).json
    assert (seen["status"], seen["hosted_fields"]) == ("open", None)


def test_bank_that_asks_for_a_challenge_leads_into_it(web):
    session = web.open()
    assert session["three_d_secure"] == "when_asked"
    web.bluesnap.script("create_shopper", ASKED)
    assert problem(web.complete(session), 402, "card_declined")["reason"] == "authentication_required"
    renewed = web.renew(session).json
    assert (renewed["three_d_secure"], renewed["last_decline"]) == (
        "required",
        {"advice": "authentication_required"},
    )
    calls = len(web.bluesnap.calls)
    assert pointers(web.complete(session), "three_d_secure_required") == {"/three_d_secure_reference"}
    assert len(web.bluesnap.calls) == calls
    assert web.complete(session, three_d_secure_reference="7123456").status_code == 201


def test_key_of_a_completion_without_its_challenge_may_be_used_with_it(web):
    session, key = web.open(three_d_secure="required"), new_key()
    problem(web.complete(session, key=key), 422, "three_d_secure_required")
    assert web.complete(session, key=key, three_d_secure_reference="7123456").status_code == 201
    assert web.bluesnap.made("create_shopper")[0]["three_d_secure_reference"] == "7123456"


def test_card_is_shown_with_brand_and_last_four_and_nothing_else(web, bought):
    answer = web.card()
    assert (answer.status_code, answer.json) == (200, {"brand": "VISA", "last_four": "1111"})
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["card", "subscription/reactivation"])
def test_account_must_be_well_formed(web, path):
    method, more = ("GET", {}) if path == "card" else ("POST", {"json": {}, "key": new_key()})
    problem(web.call(method, f"/v1/accounts/a%20b/{path}", auth=web.key, **more), 422, "account_malformed")


def test_reactivation_within_the_period_is_200_and_afterwards_201(web, bought):
    web.cancel()
    undone = web.reactivate()
    assert (undone.status_code, undone.json["id"], undone.json["renews"]) == (200, bought["id"], True)
    assert undone.headers["ETag"] == f'"{undone.json["version"]}"'
    problem(web.reactivate(), 409, "subscription_exists")


def test_reactivation_afterwards_answers_the_new_subscription_once(web, over):
    key = new_key()
    answer = web.reactivate(key=key, plan="business", members=2)
    assert (answer.status_code, answer.json["total"]) == (201, {"amount": "98.00", "currency": "USD"})
    assert answer.json["id"] != over["id"]
    again = web.reactivate(key=key, plan="business", members=2)
    assert (again.status_code, again.json) == (201, answer.json)
    assert len(web.bluesnap.made("create_subscription")) == 2


def test_declined_reactivation_tells_the_reason_and_is_replayed(web, over):
    key = new_key()
    web.bluesnap.script("create_subscription", SOFT)
    for _ in range(2):
        body = problem(web.reactivate(key=key), 402, "card_declined")
        assert body["reason"] == "insufficient_funds"
    assert len(web.bluesnap.made("create_subscription")) == 2
    assert web.reactivate().status_code == 201


def test_unknown_reactivation_answers_the_account_until_it_is_settled(web, over):
    key = new_key()
    web.bluesnap.script("create_subscription", LOST, happens=True)
    answer = web.reactivate(key=key)
    assert (answer.status_code, answer.json["account"]) == (202, "acct-a")
    problem(web.reactivate(key=key), 409, "signup_undecided")
    web.settle()
    assert web.account().json["subscription"]["status"] == "active"
    assert len(web.bluesnap.made("create_subscription")) == 2


def test_undoing_whose_outcome_is_unknown_is_202(web, bought):
    web.cancel()
    web.bluesnap.script("update_subscription", LOST)
    answer = web.reactivate()
    assert (answer.status_code, answer.json["subscription"]["pending_change"]) == (202, "resumption")


@pytest.mark.parametrize("given", [{"members": 0}, {"members": "3"}, {"plan": "Gold!"}, {"colour": "blue"}])
def test_reactivation_validates_what_it_is_given(web, over, given):
    rows = web.rows()
    answer = web.reactivate(**given)
    assert answer.status_code == 422, told(answer)
    assert web.rows() == rows
