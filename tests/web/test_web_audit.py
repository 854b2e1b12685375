"""The auditors' door: the whole journal in pages, by account, actor and act; and whoever reads it stands in it."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from service.store import checkpoints
from service.store.models import Checkpoint
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
    assert {name for entry in shown for name in entry} - set(feed[0]) == {"request", "reason", "content", "hash", "xid"}
    assert all(len(entry[name]) == 64 for entry in shown for name in ("content", "hash"))
    assert len({entry["hash"] for entry in shown}) == len(shown)


def test_each_reading_is_an_entry_that_says_what_was_asked_for(web, otto, read):
    web.open(account="acct-a")
    read("?account=acct-a&act=session.opened&actor=operator&limit=2")
    (entry,) = read("?act=audit.read").json["entries"]
    assert (entry["actor"], entry["subject"], entry["account"]) == (f"person:{otto.id}", otto.id, "acct-a")
    assert entry["image"] == {"entries": 0, "of_act": "session.opened", "of_actor": "operator"}
    assert len(read("?act=audit.read").json["entries"]) == 2


def test_word_that_is_no_act_finds_nothing_and_is_not_kept(read):
    assert read("?act=zqxcanary").json["entries"] == []
    (entry,) = read("?act=audit.read").json["entries"]
    assert entry["image"] == {"entries": 0}


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


def test_entry_is_linked_by_what_is_shown_of_it(web, read):
    web.open()
    shown, before = read().json["entries"], b"\0" * 32
    for entry in shown:
        at = datetime.fromisoformat(entry["at"]) - datetime(1970, 1, 1, tzinfo=UTC)
        parts = [entry["number"], at // timedelta(microseconds=1)]
        parts += [entry[name] for name in ("actor", "act", "subject", "version", "request", "reason", "xid", "content")]
        text = "|".join("" if part is None else str(part) for part in parts)
        before = hashlib.sha256(before + text.encode()).digest()
        assert before.hex() == entry["hash"]


def test_checkpoints_are_shown_in_pages_with_what_a_verifier_needs(web, read, otto):
    moment = datetime(2031, 3, 10, 17, 0, 0, 123456, tzinfo=UTC)
    made = [
        Checkpoint(
            number=number, hash=bytes([number]) * 32, at=moment, key_id="one", signature=b"s" * 64, state="signed"
        )
        for number in (3, 5, 9)
    ]
    with web.tools.engine.begin() as connection:
        for one in made:
            checkpoints.add(connection, one)

    def page(query):
        return web.call("GET", f"/v1/audit/checkpoints{query}", auth=otto.identity).json

    first = page("?limit=2")
    assert first["checkpoints"][0] == {
        "number": 3,
        "hash": "03" * 32,
        "at": "2031-03-10T17:00:00.123456Z",
        "key_id": "one",
        "signature": base64.b64encode(b"s" * 64).decode(),
        "state": "signed",
    }
    second = page(f"?after={first['next']}")
    assert [one["number"] for one in first["checkpoints"] + second["checkpoints"]] == [3, 5, 9]
    assert page(f"?after={second['next']}") == {"checkpoints": [], "next": 9}
    assert read("?act=audit.read").json["entries"] == [], "they hold nothing of anybody"
