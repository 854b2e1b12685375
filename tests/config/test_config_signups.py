"""The operator's way to signups that are not settled: the list says who waits, and a person's word settles what BlueSnap bears out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from service import cli
from service.billing.buying.resolving import Resolution
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


def test_release_is_refused_while_something_is_live(run, bluesnap, stuck):
    first = bluesnap.subscriptions[0].subscription_id
    status, shown = run("resolve", stuck, "--release", "--json")
    assert (status, json.loads(shown)) == (
        1,
        {"resolution": "others_live", "differs": None, "live": [first, "7199999"], "others": []},
    )
    assert "settle it with --keep, or undo them at BlueSnap first" in run("resolve", stuck, "--release")[1]
    assert run("resolve", stuck, "--release", "--apply") == (2, "panless: --apply goes with --keep")


def test_keep_shows_what_it_would_do_and_does_it_with_apply(run, desk, bluesnap, stuck):
    first = bluesnap.subscriptions[0].subscription_id
    bluesnap.charges["7199999"].append(replace(bluesnap.charges[first][0], transaction_id="7299999"))
    before = desk.acts
    assert run("resolve", stuck, "--keep", first) == (
        1,
        (
            "nothing was changed: these are live too: 7199999\n"
            "7199999: would be canceled\n"
            "  payment 7299999, 290 USD: would be given back\n"
            "with --apply this is done"
        ),
    )
    assert desk.acts == before
    status, shown = run("resolve", stuck, "--keep", first, "--apply", "--json")
    payment = {"payment": "7299999", "amount": "290", "currency": "USD", "outcome": "given_back"}
    assert (status, json.loads(shown)) == (
        0,
        {
            "resolution": "kept",
            "differs": None,
            "live": [],
            "others": [{"subscription": "7199999", "outcome": "canceled", "payments": [payment]}],
        },
    )
    assert bluesnap.given("7299999") == [bluesnap.charges[first][0].amount]


def test_what_is_not_known_yet_is_found_with_status_one(run, bluesnap, stuck):
    first = bluesnap.subscriptions[0].subscription_id
    bluesnap.script("update_subscription", LOST)
    assert run("resolve", stuck, "--keep", first, "--apply") == (
        1,
        (
            "the account has that subscription; not all of the rest is done or known: run it again in a few minutes: 7199999\n"
            "7199999: whether it is canceled is not known yet"
        ),
    )
    assert run("resolve", stuck, "--keep", first, "--apply")[0] == 0


def test_every_outcome_of_an_undoing_has_its_words():
    from service.billing.buying import surplus

    source = Path(surplus.__file__).read_text(encoding="utf-8")
    assert set(commands.WORDS) == {word.value for word in Resolution}
    for words in (commands.CANCELLATIONS, commands.PAYMENTS):
        assert all(f'"{word}"' in source for word in words)


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
