"""The feed over HTTP: a follower gets every entry once, in order, and bad questions are refused each by its code."""

from __future__ import annotations

import pytest

from tests.support.web import problem

FEED = "/v1/entries"
DIGITS = "123456789012"
FIELDS = {"cursor", "number", "at", "actor", "act", "subject", "account", "version", "image"}


@pytest.fixture
def follow(web):
    """Ask the feed, with a key that may."""
    _, key = web.new_key("entries:read")
    return lambda query="": web.call("GET", FEED + query, auth=key)


def test_follower_reads_every_entry_once_and_in_order(web, follow):
    web.complete(web.open())
    whole = follow().json
    assert {name for entry in whole["entries"] for name in entry} == FIELDS
    seen, place = [], ""
    while True:
        page = follow(f"?limit=4{place}").json
        if not page["entries"]:
            break
        assert page["next"] == page["entries"][-1]["cursor"]
        seen += page["entries"]
        place = f"&after={page['next']}"
    assert seen == whole["entries"]
    assert page["next"] == whole["next"], "whoever has seen all goes on from where he is"
    assert [entry["act"] for entry in seen] == web.desk.acts


def test_entry_shows_who_did_what_and_the_record_afterwards(web, follow):
    session = web.open()
    (entry,) = [item for item in follow().json["entries"] if item["act"] == "session.opened"]
    assert (entry["actor"], entry["subject"], entry["account"]) == (f"key:{web.key_id}", session["id"], "acct-a")
    assert (entry["image"]["plan"], entry["image"]["members"]) == ("team", 10)
    assert session["client_secret"] not in follow().text
    assert session["hosted_fields"]["token"] not in follow().text


def test_entry_of_no_account_has_none(web, follow):
    (entry, *_) = follow().json["entries"]
    assert (entry["act"], entry["account"], entry["version"]) == ("key.created", None, None)


def test_each_entry_is_a_place_to_go_on_from(web, follow):
    web.open()
    first, second, *_ = follow().json["entries"]
    assert follow(f"?after={first['cursor']}&limit=1").json["entries"] == [second]


def test_hundred_entries_are_answered_where_nobody_says_how_many(web, follow):
    for _ in range(101):
        web.new_key("accounts:read")
    assert len(follow().json["entries"]) == 100
    assert len(follow("?limit=500").json["entries"]) == 103


@pytest.mark.parametrize(
    ("query", "status", "code", "pointer"),
    [
        ("?after=", 422, "cursor_malformed", "/after"),
        ("?after=0", 422, "cursor_malformed", "/after"),
        (f"?after={DIGITS}", 422, "cursor_malformed", "/after"),
        ("?after=" + "b" * 29, 422, "cursor_malformed", "/after"),
        ("?after=" + "z" * 30, 422, "cursor_malformed", "/after"),
        ("?after=" + "h" + "b" * 29, 422, "cursor_malformed", "/after"),
        ("?after=" + "b" * 29 + "%C3", 422, "cursor_malformed", "/after"),
        ("?after=" + "b" * 29 + "%00", 422, "cursor_malformed", "/after"),
        ("?limit=", 422, "field_malformed", "/limit"),
        ("?limit=0", 422, "field_malformed", "/limit"),
        ("?limit=501", 422, "field_malformed", "/limit"),
        ("?limit=-1", 422, "field_malformed", "/limit"),
        ("?limit=%2B1", 422, "field_malformed", "/limit"),
        ("?limit=+1", 422, "field_malformed", "/limit"),
        ("?limit=01", 422, "field_malformed", "/limit"),
        ("?limit=1.0", 422, "field_malformed", "/limit"),
        ("?limit=1e2", 422, "field_malformed", "/limit"),
        ("?limit=1_0", 422, "field_malformed", "/limit"),
        ("?limit=%D9%A1", 422, "field_malformed", "/limit"),
        (f"?limit={DIGITS}", 422, "field_malformed", "/limit"),
        (f"?before={DIGITS}", 422, "field_unknown", ""),
        (f"?{DIGITS}", 422, "field_unknown", ""),
        ("?Limit=1", 422, "field_unknown", ""),
        ("?limit=1;after=b", 422, "field_malformed", "/limit"),
    ],
)
def test_bad_question_is_refused_by_its_code_and_not_repeated(follow, query, status, code, pointer):
    answer = follow(query)
    body = problem(answer, status, code)
    assert body["errors"] == [{"pointer": pointer, "code": code}]
    assert DIGITS not in answer.text


@pytest.mark.parametrize("query", ["?limit=1&limit=1", "?limit=1&limit=2", "?x=1&x=2", "?limit=1&%6Cimit=2"])
def test_parameter_that_is_given_twice_is_refused(follow, query):
    problem(follow(query), 400, "duplicate_key")


def test_two_mistakes_are_told_at_once(follow):
    body = problem(follow("?limit=0&after=1"), 422, "validation_failed")
    assert [item["pointer"] for item in body["errors"]] == ["/after", "/limit"]


def test_lock_comes_before_the_question(web):
    problem(web.call("GET", FEED + "?limit=0", auth=web.new_key("accounts:read")[1]), 403, "scope_missing")


def test_operation_that_asks_for_no_parameters_does_not_look_at_them(web):
    assert web.call("GET", "/v1/accounts/acct-a?x=1&x=2", auth=web.key).status_code == 200
