"""The door of grants: who asks, who approves, who ends, what each is shown, and that no key ever comes in."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func

from service.cardguard.formats import PERSON_SCOPES, SCOPES
from tests.support.granting import move
from tests.support.web import new_key, problem

GRANTS = "/v1/access-grants"
WISH = {"account": "acct-a", "purpose": "billing_question", "ticket": "SUP-1234"}


@pytest.fixture
def anna(web):
    """She may ask, and look."""
    return web.new_person("anna", "grants:request", "support:read")


@pytest.fixture
def bert(web):
    """He may approve."""
    return web.new_person("bert", "grants:approve")


def ask(web, who, **changed):
    return web.post(GRANTS, {**WISH, **changed}, auth=who.identity)


def approve(web, who, grant):
    return web.post(f"{GRANTS}/{grant['id']}/approval", {}, auth=who.identity)


def read(web, who, grant):
    return web.call("GET", f"{GRANTS}/{grant['id']}", auth=who.identity)


def end(web, who, grant):
    return web.call("DELETE", f"{GRANTS}/{grant['id']}", auth=who.identity)


def listed(web, who, query=""):
    return web.call("GET", GRANTS + query, auth=who.identity).json


@pytest.fixture
def asked(web, anna):
    answer = ask(web, anna)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_request_is_answered_with_all_that_is_known_of_it(asked, anna):
    assert asked == {
        "id": asked["id"], "account": "acct-a", "purpose": "billing_question", "ticket": "SUP-1234", "minutes": 60, "break_glass": False,
        "status": "requested", "requested_by": anna.id, "requested_at": asked["requested_at"], "approved_by": None, "approved_at": None,
        "ends_at": None, "ended_by": None, "ended_at": None, "reviewed_by": None, "reviewed_at": None,
    }  # fmt: skip


def test_approval_by_another_person_begins_the_minutes(web, bert, asked):
    answer = approve(web, bert, asked)
    assert answer.status_code == 200
    assert (answer.json["status"], answer.json["approved_by"]) == ("live", bert.id)
    begun, ends = (datetime.fromisoformat(answer.json[name]) for name in ("approved_at", "ends_at"))
    assert ends - begun == timedelta(minutes=60)


def test_nobody_approves_their_own_request_though_they_may_approve(web):
    both = web.new_person("cleo", "grants:request", "grants:approve")
    grant = ask(web, both).json
    problem(approve(web, both, grant), 403, "second_person_needed")
    assert read(web, both, grant).json["status"] == "requested"


def test_second_approval_is_refused_and_a_repeated_one_answered_again(web, bert, asked):
    key = new_key()
    path = f"{GRANTS}/{asked['id']}/approval"
    first = web.post(path, {}, auth=bert.identity, key=key)
    assert web.post(path, {}, auth=bert.identity, key=key).json == first.json
    problem(approve(web, bert, asked), 409, "grant_not_open")


def test_grant_ends_at_once_by_its_person_and_by_whoever_approves(web, anna, bert, asked):
    approve(web, bert, asked)
    assert (end(web, anna, asked).status_code, read(web, anna, asked).json["status"]) == (204, "ended")
    problem(end(web, bert, asked), 409, "grant_not_open")
    other = ask(web, anna).json
    assert (end(web, bert, other).status_code, read(web, bert, other).json["status"]) == (204, "refused")


def test_grant_of_another_is_unknown_to_those_who_only_ask(web, asked):
    dora = web.new_person("dora", "grants:request")
    for act in (read, end):
        problem(act(web, dora, asked), 404, "grant_not_found")
    assert listed(web, dora) == {"grants": [], "next": None}


@pytest.mark.parametrize("grant_id", ["gr_" + "b" * 30, "gr_short", "ch_" + "b" * 30])
def test_unknown_grant_is_not_found_by_anybody(web, bert, grant_id):
    for act in (read, end, approve):
        problem(act(web, bert, {"id": grant_id}), 404, "grant_not_found")


def test_list_shows_ones_own_and_to_an_approver_what_waits(web, anna, bert, asked):
    second = ask(web, anna, account="acct-b").json
    assert [one["id"] for one in listed(web, anna)["grants"]] == [asked["id"], second["id"]]
    page = listed(web, bert, "?limit=1")
    assert ([one["id"] for one in page["grants"]], page["next"]) == ([asked["id"]], asked["id"])
    assert [one["id"] for one in listed(web, bert, f"?after={asked['id']}")["grants"]] == [second["id"]]
    approve(web, bert, asked)
    assert [one["id"] for one in listed(web, bert)["grants"]] == [second["id"]]
    problem(web.call("GET", f"{GRANTS}?after=4", auth=bert.identity), 422, "cursor_malformed")


def test_status_follows_the_end_without_anything_being_done(web, anna, bert, asked):
    approve(web, bert, asked)
    move(web.tools.engine, asked["id"], ends_at=func.clock_timestamp())
    assert read(web, anna, asked).json["status"] == "over"


def test_broken_glass_is_live_at_once_and_short(web, anna):
    grant = ask(web, anna, break_glass=True).json
    assert (grant["status"], grant["minutes"], grant["approved_by"]) == ("live", 30, None)
    assert ask(web, anna, break_glass=True, minutes=31).json["errors"] == [
        {"pointer": "/minutes", "code": "field_malformed"}
    ]


@pytest.mark.parametrize(
    ("changed", "pointer", "code"),
    [
        ({"purpose": "curiosity"}, "/purpose", "field_malformed"),
        ({"purpose": "He lost the mail"}, "/purpose", "field_malformed"),
        ({"ticket": "sup-1"}, "/ticket", "field_malformed"),
        ({"ticket": "SUP-123456789"}, "/ticket", "field_malformed"),
        ({"ticket": 1234}, "/ticket", "field_malformed"),
        ({"minutes": 0}, "/minutes", "field_malformed"),
        ({"minutes": 241}, "/minutes", "field_malformed"),
        ({"minutes": "60"}, "/minutes", "field_malformed"),
        ({"break_glass": "yes"}, "/break_glass", "field_malformed"),
        ({"account": "a b"}, "/account", "account_malformed"),
        ({"reason": "please"}, "", "field_unknown"),
    ],
)
def test_request_of_another_form_is_refused_by_its_field(web, anna, changed, pointer, code):
    before = web.rows()
    body = problem(ask(web, anna, **changed), 422, code)
    assert body["errors"] == [{"pointer": pointer, "code": code}]
    assert web.rows() == before


def test_api_key_never_comes_in_and_can_never_have_such_a_scope(web, asked):
    for method, path in (
        ("POST", GRANTS),
        ("GET", GRANTS),
        ("DELETE", f"{GRANTS}/{asked['id']}"),
        ("GET", "/v1/support/accounts/acct-a"),
    ):
        problem(web.call(method, path, auth=web.key, key=new_key(), json=WISH), 401, "credentials_malformed")
    assert set(SCOPES).isdisjoint(PERSON_SCOPES)
    assert {"grants:request", "grants:approve", "support:read"} <= set(PERSON_SCOPES)


def test_person_needs_the_scope_of_each_call(web, anna, bert, asked):
    problem(ask(web, bert), 403, "scope_missing")
    problem(approve(web, anna, asked), 403, "scope_missing")
