"""The operator's command: says what it would do, does it only when told, refuses in a word and a sentence, and never says the name."""

from __future__ import annotations

import json

import pytest

from service import cli
from service.cli import accounts

NAME = "acct-to-be-forgotten"


def work(_):
    """Not called here."""


@pytest.fixture
def run(tools, monkeypatch, capsys):
    """Runs the command in this process; answers its status and what it says."""

    def run(*arguments):
        monkeypatch.setattr(accounts, "tools", lambda: tools)
        status = cli.main(work, ["accounts", "erase", *arguments])
        out, err = capsys.readouterr()
        assert NAME not in out + err
        return status, out

    return run


def test_without_apply_it_says_what_it_would_do_and_does_nothing(run, finished, everywhere):
    status, out = run(finished(NAME))
    assert status == 0
    assert "1 of subscriptions" in out
    assert "1 shoppers at BlueSnap" in out
    assert "accounts" in everywhere(NAME)


def test_with_apply_it_erases_and_names_the_pseudonym(run, finished, everywhere, archive):
    status, out = run(finished(NAME), "--apply", "--json")
    assert status == 0
    assert json.loads(out)["account"].startswith("erased-")
    assert everywhere(NAME) == []
    assert len(archive.names("tombstones/")) == 1


def test_refusal_has_a_code_a_sentence_and_status_one(run, desk):
    desk.buy(account=NAME)
    assert run(NAME, "--apply", "--json") == (1, '{"erased": false, "code": "subscription_exists"}\n')
    assert "it has a subscription that is not over" in run(NAME)[1]


@pytest.mark.parametrize("name", ["acct-nobody", "4111111111111111", "erased-somebody", "no name"])
def test_account_that_is_not_there_is_status_one(run, name):
    assert run(name, "--apply") == (1, "there is no such account\n")


def test_again_finds_nothing_where_nothing_was_recovered(run, finished):
    run(finished(NAME), "--apply")
    assert run("--again") == (0, "nothing that was erased is here again\n")
    assert run("--again", "--apply") == (0, "nothing that was erased is here again\n")


def test_command_needs_its_key_and_its_archive(run, monkeypatch, tools, make_tools, finished):
    from dataclasses import replace

    monkeypatch.setattr(accounts, "tools", lambda: None)
    without_archive = replace(tools, archive=None)
    without_key = replace(make_tools(erasure_keys=None), archive=tools.archive)
    for changed, arguments in ((without_archive, ["--again"]), (without_key, [finished(NAME)])):
        monkeypatch.setattr(accounts, "tools", lambda changed=changed: changed)
        assert cli.main(work, ["accounts", "erase", *arguments]) == 2
