"""Each day's log is reviewed once: counted by rules, reported, and put before a person where a limit is passed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from service.archive import Archive, logs
from service.archive.shipping import Shipper
from service.billing.repair import log_review
from service.billing.repair.log_rules import RULES, Rule, counts
from service.errors import ArchiveAway
from service.store import tasks
from service.store.ids import new_id
from service.telemetry.logfiles import Files
from service.telemetry.logs import render
from tests.support.cards import VISA, traces

NOW = datetime.now(UTC).replace(hour=0, minute=20)
DAY = NOW.date() - timedelta(days=1)
KEY = new_id("key")


class Reviewed:
    """A host's lines of yesterday in an archive, and the tools of a worker that reviews them."""

    def __init__(self, tools_of, folder):
        self.place, self.lines = folder / "archive", folder / "lines"
        self.now = NOW
        self.tools = tools_of(archive_url=str(self.place), machine_clock=lambda: self.now)

    def log(self, number=1, **fields):
        files = Files(self.lines, "service")
        time = logs.stamp(NOW - timedelta(hours=6))
        for _ in range(number):
            files.write(render({"level": "info", "time": time, **fields}) + "\n")
        files.close()

    def ship(self):
        shipper = Shipper(self.tools.archive, self.lines, lambda: self.now - timedelta(hours=5), keep_days=3)
        shipper.ship()
        shipper.close()

    def review(self):
        return log_review.review_due(self.tools)

    def report(self, day=DAY):
        return json.loads((self.place / "reviews" / f"{day}.json").read_bytes())

    def counted(self):
        return {(one["rule"], one["of"]): one["number"] for one in self.report()["counts"] if one["number"]}

    def tasks(self):
        with self.tools.engine.connect() as connection:
            return [(task.kind, task.subject, task.reference) for task in tasks.listed(connection, ["open"])]


@pytest.fixture
def reviewed(make_tools, tmp_path):
    return Reviewed(make_tools, tmp_path)


def test_quiet_day_is_reported_and_nobody_is_asked(reviewed):
    reviewed.log(3, event="request.answered", door="accounts", status=200)
    reviewed.ship()
    assert reviewed.review() is True
    assert (reviewed.report()["records"], reviewed.counted(), reviewed.tasks()) == (3, {}, [])
    assert [one["findings"] for one in reviewed.report()["hosts"]] == [0]


def test_a_day_is_reviewed_once(reviewed):
    assert reviewed.review() is True
    assert reviewed.review() is False
    reviewed.now += timedelta(days=1)
    assert reviewed.review() is True


def test_days_that_nobody_reviewed_are_caught_up(reviewed):
    reviewed.review()
    reviewed.now += timedelta(days=4)
    reviewed.review()
    assert sorted(path.stem for path in (reviewed.place / "reviews").iterdir()) == [
        (DAY + timedelta(days=days)).isoformat() for days in range(5)
    ]


def test_what_is_above_a_limit_is_put_before_a_person_once(reviewed):
    reviewed.log(event="request.answered", door="accounts", status=500)
    reviewed.log(6, event="request.answered", door="webhooks", status=401)
    reviewed.log(21, event="request.answered", door="accounts", status=401, key=KEY, code="key_revoked")
    reviewed.log(20, event="request.answered", door="gate", status=422)
    reviewed.ship()
    reviewed.review()
    assert reviewed.counted() == {
        ("server_errors", None): 1,
        ("notices_forged", None): 6,
        ("key_refused", KEY): 21,
        ("card_data", None): 20,
    }
    expected = [("review_key_refused", KEY), ("review_notices_forged", None), ("review_server_errors", None)]
    assert sorted((kind, subject) for kind, subject, _ in reviewed.tasks()) == expected
    assert {reference for *_, reference in reviewed.tasks()} == {f"{DAY:%Y%m%d}"}


def test_a_review_that_died_before_its_report_asks_nobody_twice(reviewed, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    reviewed.log(event="request.answered", door="accounts", status=500)
    reviewed.ship()
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "put_once", die)
        with pytest.raises(KeyboardInterrupt):
            reviewed.review()
    assert reviewed.review() is True
    assert len(reviewed.tasks()) == 1


def test_log_that_was_changed_is_put_before_a_person(reviewed):
    reviewed.log(2, event="request.answered", door="accounts", status=200)
    reviewed.ship()
    (piece,) = reviewed.place.glob("logs/host-*/*/*.gz")
    piece.write_bytes(b"x")
    reviewed.review()
    assert [kind for kind, *_ in reviewed.tasks()] == ["review_log_damaged"]


def test_review_without_the_archive_is_not_done_and_told(reviewed, monkeypatch, logged):
    def fail(*_):
        raise ArchiveAway("ConnectionError")

    monkeypatch.setattr(Archive, "names", fail)
    assert reviewed.review() is False
    assert "logs.not_reviewed" in logged()


def test_line_that_is_not_ours_gets_into_no_report(reviewed):
    reviewed.log(event="request.answered", door="accounts", status=500)
    (file,) = reviewed.lines.glob("*.log")
    with file.open("ab") as stream:
        stream.write(f'{{"event": "request.answered", "status": 500, "key": "{VISA}"}}\n'.encode())
    reviewed.ship()
    reviewed.review()
    assert reviewed.report()["records"] == 1
    assert traces((reviewed.place / "reviews" / f"{DAY}.json").read_text(), VISA) == []


def test_acts_of_the_journal_are_counted_by_their_name():
    total, found = counts(
        [{"event": "entry", "act": act} for act in ("hand.changed", "hand.deleted", "charge.recorded")]
    )
    assert total == 3
    assert {one.rule.word: one.number for one in found if one.number} == {"changes_by_hand": 2}
    assert [one.rule.word for one in found if one.passed] == ["changes_by_hand"]


def test_every_rule_is_in_the_report_also_with_nothing():
    _, found = counts([])
    assert sorted(one.rule.word for one in found) == sorted(rule.word for rule in RULES)


def test_rule_asks_for_all_of_its_fields():
    rule = Rule("x", 0, {"event": ("a.b",), "status": ("401", "403")})
    assert rule.matches({"event": "a.b", "status": 403})
    assert not rule.matches({"event": "a.b"})
    assert not rule.matches({"event": "a.c", "status": 401})


def test_old_lines_are_removed_by_the_worker(reviewed):
    reviewed.log(event="request.answered", status=200)
    reviewed.ship()
    reviewed.now += timedelta(days=365)
    assert log_review.prune_old(reviewed.tools) is True
    assert len(list(reviewed.place.glob("logs/host-*/*/*.gz"))) == 1
    reviewed.now += timedelta(days=3)
    assert log_review.prune_old(reviewed.tools) is True
    assert list(reviewed.place.glob("logs/host-*/*/*.gz")) == []
