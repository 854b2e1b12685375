"""What a good request is answered with, from the order to the account, as the README's integration section tells it."""

from __future__ import annotations

import pytest

from service.errors import Declined, DeclineReason, Unknown
from tests.support.web import problem


def test_order_is_answered_with_an_open_session(web):
    answer = web.order(members=10)
    assert answer.status_code == 201
    body = answer.json
    assert {name: body[name] for name in ("status", "account", "purpose", "plan", "members", "last_decline")} == {
        "status": "open",
        "account": "acct-a",
        "purpose": "subscribe",
        "plan": "team",
        "members": 10,
        "last_decline": None,
    }
    assert body["total"] == {"amount": "290.00", "currency": "USD"}
    assert body["hosted_fields"]["script_url"] == "http://localhost:8091/web-sdk/5/bluesnap.js"
    assert body["hosted_fields"]["expires_at"] == "2031-03-10T17:55:00.000Z"
    assert (body["created_at"], body["expires_at"]) == ("2031-03-10T17:00:00.000Z", "2031-03-11T17:00:00.000Z")


def test_completion_is_answered_with_the_subscription(web):
    answer = web.complete(web.open(plan="business", members=2))
    assert answer.status_code == 201
    body = answer.json
    assert body.pop("id").startswith("sub_")
    assert body == {
        "account": "acct-a",
        "plan": "business",
        "members": 2,
        "status": "active",
        "renews": True,
        "applies_from": None,
        "next_plan": None,
        "pending_change": None,
        "total": {"amount": "98.00", "currency": "USD"},
        "paid_until": "2031-04-10T07:00:00.000Z",
        "next_charge": {"date": "2031-04-10", "total": {"amount": "98.00", "currency": "USD"}},
        "version": 2,
    }
    assert answer.headers["ETag"] == '"2"'


def test_account_shows_the_access_that_was_bought(web):
    bought = web.complete(web.open())
    answer = web.account()
    assert answer.json == {
        "account": "acct-a",
        "access": {"plan": "team", "members": 10, "until": "2031-04-10T07:00:00.000Z", "reason": "paid"},
        "subscription": bought.json,
        "confirming": False,
    }
    assert answer.headers["ETag"] == bought.headers["ETag"]


def test_account_never_seen_is_on_the_free_plan(web):
    before = web.rows()
    answer = web.account("never-seen")
    free = {"plan": "community", "members": None, "until": None, "reason": "free"}
    assert answer.json == {"account": "never-seen", "access": free, "subscription": None, "confirming": False}
    assert "ETag" not in answer.headers
    assert web.rows() == before


def test_account_may_be_a_uuid_in_capitals(web):
    name = "A1B2C3D4-0000-4000-8000-123456789012"
    assert web.complete(web.open(account=name)).status_code == 201
    assert web.account(name).json["access"]["plan"] == "team"


def test_undecided_account_has_no_access_and_shows_no_subscription(web):
    session = web.open()
    web.bluesnap.script("create_subscription", Unknown("read_timed_out"))
    assert web.complete(session).status_code == 202
    assert web.account().json["subscription"] is None
    assert web.account().json["access"]["plan"] == "community"


def test_unknown_outcome_is_answered_with_the_session(web):
    session = web.open()
    web.bluesnap.script("create_subscription", Unknown("read_timed_out"), happens=True)
    answer = web.complete(session)
    assert answer.status_code == 202
    assert (answer.json["status"], answer.json["hosted_fields"]) == ("confirming", None)
    assert answer.json == web.read(session).json
    web.settle()
    assert web.read(session).json["status"] == "complete"


@pytest.mark.parametrize(
    ("reason", "hard", "advice"),
    [
        (DeclineReason.INSUFFICIENT_FUNDS, False, "declined"),
        (DeclineReason.CALL_ISSUER, False, "declined"),
        (DeclineReason.CARD_EXPIRED, True, "try_another_card"),
        (DeclineReason.INCORRECT_DETAILS, False, "declined"),
        (DeclineReason.AUTHENTICATION_REQUIRED, False, "authentication_required"),
        (DeclineReason.REFUSED, False, "try_another_card"),
    ],
)
def test_decline_tells_the_page_little_and_the_platform_its_reason(web, reason, hard, advice):
    session = web.open()
    web.bluesnap.script("create_shopper", Declined("declined", reason, hard=hard))
    assert problem(web.complete(session), 402, "card_declined")["reason"] == advice
    shown = web.read(session, auth=web.key).json
    assert shown["status"] == "open"
    assert shown["last_decline"]["reason"] == reason.value
    assert shown["last_decline"] == {"advice": advice, "reason": reason.value}
    assert shown["hosted_fields"] is None


def test_renewal_is_answered_with_the_session_and_fresh_fields(web):
    session = web.open()
    answer = web.renew(session)
    assert answer.status_code == 201
    assert "client_secret" not in answer.json
    assert answer.json["hosted_fields"]["token"] != session["hosted_fields"]["token"]
    assert web.read(session).json == answer.json


def test_order_may_name_its_purpose_and_the_payers_address(web):
    assert web.order(purpose="subscribe", client_address="2001:db8::1").status_code == 201


def test_completion_may_carry_the_references_of_the_fields(web):
    session = web.open()
    assert web.complete(session, three_d_secure_reference="7123456", fraud_session_id="a" * 32).status_code == 201
    (sent,) = web.bluesnap.made("create_shopper")
    assert (sent["three_d_secure_reference"], sent["fraud_session_id"]) == ("7123456", "a" * 32)
