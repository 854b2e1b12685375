"""The operator's way to signups that are not settled: the list says who waits, and a person's word settles what BlueSnap bears out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from service import cli
from service.cli import signups as commands
from service.errors import Unknown
from tests.support.outcomes import LOST


def work(_):
    """Not called here."""


@pytest.fixture
def run(tools, monkeypatch, capsys):
    """Runs `signups …` in this process, over the test's tools; answers the exit status and what was printed."""
    monkeypatch.setattr(commands, "tools", lambda: tools)

    def run(*arguments):
        status = cli.main(work, ["signups", *arguments])
        said = capsys.readouterr()
        return status, said.out.strip() or said.err.strip()

    return run


@pytest.fixture
def stuck(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.buy()
    bluesnap.subscriptions.append(replace(bluesnap.subscriptions[0], subscription_id="7199999"))
    desk.settle()
    return desk.signups[0].id


def test_list_is_empty_where_every_signup_is_settled(run, desk):
    desk.buy()
    assert run("list") == (0, "every signup is settled")
    assert run("list", "--json") == (0, "[]")


def test_unknown_signup_is_listed_and_waits_for_no_person(run, desk, bluesnap):
    bluesnap.script("create_subscription", LOST)
    desk.buy()
    status, shown = run("list", "--state", "unknown", "--json")
    (row,) = json.loads(shown)
    assert (status, row["id"], row["state"], row["account"]) == (
        0,
        desk.signups[0].id,
        "subscription_unknown",
        "acct-a",
    )
    assert run("list", "--state", "stuck") == (0, "every signup is settled")


def test_stuck_signup_is_found_with_its_shopper(run, desk, stuck):
    status, shown = run("list")
    assert status == 1
    assert {stuck, "two_candidates", desk.signups[0].provider_shopper} <= set(shown.split())


def test_word_against_bluesnap_is_refused_with_what_stands_in_the_way(run, bluesnap, stuck):
    first = bluesnap.subscriptions[0].subscription_id
    assert run("resolve", stuck, "--keep", first) == (1, "cancel and refund these at BlueSnap first: 7199999")
    status, shown = run("resolve", stuck, "--release", "--json")
    assert (status, json.loads(shown)) == (
        1,
        {"resolution": "others_live", "differs": None, "live": [first, "7199999"]},
    )


def test_stuck_signup_is_settled_both_ways(run, desk, bluesnap, stuck):
    bluesnap.change("7199999", status="CANCELED")
    first = bluesnap.subscriptions[0].subscription_id
    assert run("resolve", stuck, "--keep", first) == (0, "settled: the account has that subscription")
    assert run("resolve", stuck, "--release") == (1, "no such signup, or it is not stuck")
    assert desk.access().plan == "team"


@pytest.mark.parametrize("name", ["su_nobody", "4012888888881881", ""])
def test_name_of_no_signup_is_not_repeated(run, name):
    assert run("resolve", name, "--release") == (1, "no such signup, or it is not stuck")


def test_subscription_that_is_no_reference_is_not_asked_for(run, bluesnap, stuck):
    status, shown = run("resolve", stuck, "--keep", "4012888888881881")
    assert (status, "4012" in shown) == (1, False)
    assert "4012888888881881" not in str(bluesnap.calls)


def test_silent_bluesnap_changes_nothing(run, desk, bluesnap, stuck):
    bluesnap.script("list_subscriptions", Unknown("timed_out"))
    assert run("resolve", stuck, "--release") == (
        2,
        "panless: BlueSnap cannot be read (timed_out); nothing was changed",
    )
    assert desk.states == ["stuck"]
