"""Idempotent replays: the same request under the same key is answered as before, without its secrets being kept; what was not final is not kept."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

from service.errors import Declined, DeclineReason, NeverSent, Rejected, Unknown
from service.store.models import IDEMPOTENCY_KEYS
from tests.support.web import PAYER, SESSIONS, new_key, problem

SOFT = Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False)
LOST = Unknown("read_timed_out")


def kept(web):
    """The rows of idempotency keys, as text of everything in them."""
    with web.tools.engine.connect() as connection:
        return connection.execute(select(IDEMPOTENCY_KEYS)).all()


def same(first, second):
    """Whether two answers are one, but for what names the request."""
    mine = ("X-Request-Id",)
    headers = [
        {name.lower(): value for name, value in answer.headers if name not in mine} for answer in (first, second)
    ]
    bodies = [
        {name: value for name, value in answer.json.items() if name != "request_id"} for answer in (first, second)
    ]
    return (first.status_code, headers[0], bodies[0]) == (second.status_code, headers[1], bodies[1])


def test_order_sent_again_opens_no_second_session(web):
    key = new_key()
    first, second = web.order(key=key), web.order(key=key)
    assert first.status_code == 201
    assert same(first, second)
    assert second.json["client_secret"] == first.json["client_secret"]
    assert second.json["hosted_fields"]["token"] == first.json["hosted_fields"]["token"]
    assert web.rows()["checkout_sessions"] == 1
    assert len(web.bluesnap.made("create_payment_fields_token")) == 1


def test_kept_answer_of_an_order_holds_no_secret(web):
    session = web.open()
    (row,) = kept(web)
    assert row.status == 201
    assert row.answer["body"]["id"] == session["id"]
    for secret in (session["client_secret"], session["client_secret"][-43:], session["hosted_fields"]["token"]):
        assert secret not in str(row)


def test_replayed_order_hands_out_no_token_that_is_spent(web):
    key = new_key()
    session = web.order(key=key).json
    web.complete(session)
    again = web.order(key=key)
    assert again.status_code == 201
    assert again.json["hosted_fields"] is None
    assert again.json["client_secret"] == session["client_secret"]


def test_renewal_sent_again_renews_only_once(web):
    session, key = web.open(), new_key()
    first, second = web.renew(session, key=key), web.renew(session, key=key)
    assert first.status_code == 201
    assert same(first, second)
    assert first.json["hosted_fields"]["token"] != session["hosted_fields"]["token"]
    assert len(web.bluesnap.made("create_payment_fields_token")) == 2
    assert first.json["hosted_fields"]["token"] not in str(kept(web))


def test_completion_sent_again_is_answered_as_before(web):
    session, key = web.open(), new_key()
    first, second = web.complete(session, key=key), web.complete(session, key=key)
    assert first.status_code == 201
    assert same(first, second)
    assert first.headers["ETag"] == second.headers["ETag"] == '"2"'
    assert len(web.bluesnap.made("create_subscription")) == 1


def test_completion_under_another_key_answers_the_same_subscription(web):
    session = web.open()
    first, second = web.complete(session), web.complete(session)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json


def test_decline_is_kept_and_replayed_without_asking_bluesnap(web):
    session, key = web.open(), new_key()
    web.bluesnap.script("create_shopper", SOFT)
    first = web.complete(session, key=key)
    web.renew(session)
    second = web.complete(session, key=key)
    assert problem(first, 402, "card_declined")["reason"] == "declined"
    assert same(first, second)
    assert len(web.bluesnap.made("create_shopper")) == 1
    assert web.complete(session).status_code == 201


def test_unknown_outcome_is_not_kept_and_a_repeat_answers_the_state_then(web):
    session, key = web.open(), new_key()
    web.bluesnap.script("create_subscription", LOST, happens=True)
    assert web.complete(session, key=key).status_code == 202
    assert web.complete(session, key=key).status_code == 202
    web.settle()
    assert web.complete(session, key=key).status_code == 201
    assert len(web.bluesnap.made("create_subscription")) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(NeverSent("connection_refused"), 503), (Rejected("invalid_request"), 502), (RuntimeError("broken"), 500)],
    ids=str,
)
def test_trouble_is_not_kept_and_the_same_key_works_afterwards(web, error, status):
    key = new_key()
    web.bluesnap.script("create_payment_fields_token", error)
    assert web.order(key=key).status_code == status
    assert [row.status for row in kept(web)] == [None]
    assert web.order(key=key).status_code == 201


def test_conflict_is_not_kept_and_ends_with_its_cause(web):
    first, second, key = web.open(), web.open(), new_key()
    web.bluesnap.script("create_shopper", LOST)
    web.complete(first)
    problem(web.complete(second, key=key), 409, "signup_undecided")
    web.settle()
    assert web.complete(second, key=key).status_code == 201


def test_limit_is_not_kept_and_ends_in_time(web):
    for turn in range(5):
        web.open(account=f"acct-{turn}", client_address="192.0.2.1")
    key = new_key()
    problem(web.order(key=key, client_address="192.0.2.1"), 429, "too_many_attempts")
    web.tools.clock.advance(minutes=11)
    assert web.order(key=key, client_address="192.0.2.1").status_code == 201


@pytest.mark.parametrize(
    "changed", [{"members": 11}, {"plan": "business"}, {"account": "acct-b"}, {"client_address": "192.0.2.1"}]
)
def test_same_key_with_another_order_is_refused(web, changed):
    key = new_key()
    web.order(key=key)
    problem(web.order(key=key, **changed), 422, "idempotency_key_reused")
    assert web.rows()["checkout_sessions"] == 1


def test_same_order_in_another_spelling_is_the_same_request(web):
    key = new_key()
    first = web.order(key=key)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    text = '{ "purpose":"subscribe",\n "members":10, "plan":"te\\u0061m", "account":"acct-a" }'
    second = web.call("POST", SESSIONS, auth=web.key, key=key, headers=headers, data=text)
    assert same(first, second)


def test_same_key_with_and_without_hyphens_is_one_key(web):
    key = new_key()
    first, second = web.order(key=key), web.order(key=uuid.UUID(key).hex.upper())
    assert same(first, second)


def test_same_key_of_another_platform_is_another_key(web):
    key = new_key()
    web.order(key=key)
    other = web.new_key("checkout:write")[1]
    answer = web.post(SESSIONS, {"account": "acct-b", "plan": "team", "members": 1}, auth=other, key=key)
    assert answer.status_code == 201


def test_same_key_of_another_session_is_another_key(web):
    key, first, second = new_key(), web.open(account="acct-a"), web.open(account="acct-b")
    assert web.complete(first, key=key).json["account"] == "acct-a"
    assert web.complete(second, key=key).json["account"] == "acct-b"


def test_same_key_for_renewal_and_completion_is_two_keys(web):
    key, session = new_key(), web.open()
    assert web.renew(session, key=key).status_code == 201
    assert web.complete(session, key=key).status_code == 201


def test_same_key_with_another_payer_is_refused(web):
    key, session = new_key(), web.open()
    web.bluesnap.script("create_shopper", SOFT)
    web.complete(session, key=key)
    problem(web.complete(session, key=key, payer=PAYER | {"zip": "10115"}), 422, "idempotency_key_reused")


def test_payer_is_not_readable_in_what_a_key_keeps(web):
    web.complete(web.open())
    assert [word for word in ("Mira", "Okafor", "02451") if word in str(kept(web))] == []


def test_request_under_a_running_key_is_told_to_wait(web):
    session, key, seen = web.open(), new_key(), []
    web.bluesnap.script("create_shopper", meanwhile=lambda: seen.append(web.complete(session, key=key)))
    assert web.complete(session, key=key).status_code == 201
    problem(seen[0], 409, "idempotency_key_in_progress")
    assert seen[0].headers["Retry-After"] == "1"


@pytest.mark.parametrize("wrong", [{"plan": "platinum"}, {"members": 10_001}])
def test_key_of_an_order_that_the_catalogue_refuses_takes_the_corrected_one(web, wrong):
    key = new_key()
    assert web.order(key=key, **wrong).status_code == 422
    assert web.order(key=key).status_code == 201
