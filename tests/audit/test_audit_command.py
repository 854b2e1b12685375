"""The auditor's commands: results on standard output, and an exit status that says whether anything was found."""

from __future__ import annotations

import base64
import json

import pytest

from service import cli
from service.archive import Archive, ArchiveAway
from service.audit.signing import public_of
from tests.audit.conftest import KEY, text_of
from tests.support.tools import environ_of


def work(_):
    """Not called here."""


@pytest.fixture
def run(lived, monkeypatch, capsys, tmp_path):
    """Runs a command in this process; answers its status and its standard output."""

    def run(*arguments, **settings):
        given = {"archive_url": str(tmp_path / "archive"), "checkpoint_keys": text_of(KEY), **settings}
        monkeypatch.setattr("os.environ", environ_of(lived.url, **given))
        status = cli.main(work, arguments)
        return status, capsys.readouterr().out

    return run


def test_verify_of_a_sound_journal_ends_with_status_nought(run, lived):
    status, out = run("audit", "verify", "--json")
    assert status == 0
    told = json.loads(out)
    assert told == {
        "first": 1, "last": lived.last, "entries": lived.last, "checkpoints": 3, "copies": 3, "findings": [], "not_shown": [], "recoveries": [],
    }  # fmt: skip


def test_verify_of_an_altered_journal_names_the_entry_and_ends_with_status_one(run, lived):
    with lived.undone():
        lived.stealthily("UPDATE entries SET act = 'task.opened' WHERE number = 3")
        status, out = run("audit", "verify")
    assert status == 1
    assert out.splitlines()[0].startswith("edited                 entry 3: act, which was ")


def test_verify_from_an_entry_leaves_those_before_out_and_says_so(run, lived):
    with lived.undone():
        lived.stealthily("UPDATE entries SET act = 'task.opened' WHERE number = 3")
        status, out = run("audit", "verify", "--from", "5", "--json")
    assert status == 0
    assert json.loads(out)["not_shown"] == ["entries before 5 were not recomputed"]


def test_verify_that_cannot_read_the_database_ends_with_status_two(run, lived, monkeypatch):
    monkeypatch.setattr(lived, "url", "postgresql://nobody@127.0.0.1:9/nothing")
    assert run("audit", "verify") == (2, "")


def test_verify_that_cannot_read_the_archive_ends_with_status_two(run, monkeypatch):
    def away(*_):
        raise ArchiveAway("away")

    monkeypatch.setattr(Archive, "names", away)
    assert run("audit", "verify") == (2, "")


def test_checkpoints_are_listed_with_the_public_keys(run, lived):
    status, out = run("audit", "checkpoints", "--last", "2", "--json")
    assert status == 0
    told = json.loads(out)
    assert [one["number"] for one in told["checkpoints"]][-1] == lived.last
    assert len(told["checkpoints"]) == 2
    ((_, public),) = public_of([KEY])
    assert told["public_keys"] == [f"one:{base64.b64encode(public).decode()}"]
    assert text_of(KEY) not in out


def test_listing_a_refused_checkpoint_ends_with_status_one(run, lived):
    with lived.undone():
        lived.stealthily("UPDATE checkpoints SET state = 'refused'")
        status, out = run("audit", "checkpoints")
    assert status == 1
    assert "refused" in out


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "4111111111111111", "\u0663"])
def test_number_that_is_none_is_refused_and_not_repeated(run, number, capsys):
    with pytest.raises(SystemExit) as ended:
        run("audit", "verify", f"--from={number}")
    assert ended.value.code == 2
    assert number not in capsys.readouterr().err
