"""The auditors' door: the whole journal in pages, by account, actor and act; and whoever reads it stands in it."""

from __future__ import annotations

import pytest

from tests.support.web import problem

AUDIT = "/v1/audit/entries"


@pytest.fixture
def otto(web):
    return web.new_person("otto", "audit:read")


@pytest.fixture
def read(web, otto):
    return lambda query="": web.call("GET", AUDIT + query, auth=otto.identity)


def test_auditor_reads_what_the_platform_reads_and_more(web, read):
    web.complete(web.open())
    feed = web.call("GET", "/v1/entries", auth=web.key).json["entries"]
    shown = read().json["entries"]
    assert [entry["number"] for entry in shown] == [entry["number"] for entry in feed]
    assert {name for entry in shown for name in entry} - set(feed[0]) == {"request", "reason", "content", "hash"}
    assert all(len(entry[name]) == 64 for entry in shown for name in ("content", "hash"))
    assert len({entry["hash"] for entry in shown}) == len(shown)


def test_each_reading_is_an_entry_that_says_what_was_asked_for(web, otto, read):
    web.open(account="acct-a")
    read("?account=acct-a&act=session.opened&actor=operator&limit=2")
    (entry,) = read("?act=audit.read").json["entries"]
    assert (entry["actor"], entry["subject"], entry["account"]) == (f"person:{otto.id}", otto.id, "acct-a")
    assert entry["image"] == {"entries": 0, "of_act": "session.opened", "of_actor": "operator"}
    assert len(read("?act=audit.read").json["entries"]) == 2


def test_reading_that_is_refused_is_none(web, otto, read):
    problem(read("?limit=0"), 422, "field_malformed")
    assert read("?act=audit.read").json["entries"] == []


@pytest.mark.parametrize(
    ("query", "acts"),
    [
        ("?account=acct-a", {"session.opened"}),
        ("?account=acct-z", set()),
        ("?act=key.created", {"key.created"}),
        ("?actor=operator", {"key.created", "person.added"}),
        ("?actor=worker", set()),
        ("?actor=operator&act=person.added", {"person.added"}),
    ],
)
def test_entries_are_found_by_account_actor_and_act(web, read, query, acts):
    web.open(account="acct-a")
    assert {entry["act"] for entry in read(query).json["entries"]} == acts


def test_pages_follow_each_other_and_miss_nothing(web, read):
    for _ in range(5):
        web.new_key("accounts:read")
    whole = read("?act=key.created").json["entries"]
    seen, place = [], ""
    while page := read(f"?act=key.created&limit=2{place}").json["entries"]:
        seen += page
        place = f"&after={page[-1]['cursor']}"
    assert seen == whole
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?account=a%20b", "account_malformed"),
        ("?account=4111111111111111", "card_data_refused"),
        ("?after=1", "cursor_malformed"),
        ("?actor=anna", "field_malformed"),
        ("?actor=key:acct-a", "field_malformed"),
        ("?act=Key", "field_malformed"),
        ("?act=4", "field_malformed"),
        ("?who=1", "field_unknown"),
    ],
)
def test_bad_question_is_refused_by_its_code(read, query, code):
    answer = read(query)
    assert (answer.status_code, answer.json["code"]) == (422, code), answer.text


def test_actor_may_be_a_login_or_a_person(web, otto, read):
    for actor in (f"person:{otto.id}", "login:anna_7", f"key:{web.key_id}"):
        assert read(f"?actor={actor}").status_code == 200
