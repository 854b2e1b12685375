"""The operator's way to notices and disputes: listed, shown, replayed, settled; nothing is printed that is not kept, nothing done twice."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from service import cli
from service.cli import disputes as dispute_commands
from service.cli import notices as notice_commands
from service.store.ids import new_id
from service.store.models import DISPUTES
from tests.support.cards import VISA
from tests.support.notices import charge_form, deliver, dispute_form


def work(_):
    """Not called here."""


@pytest.fixture
def run(tools, monkeypatch, capsys):
    """Runs a command in this process, over the test's tools; answers the exit status and what was printed."""
    for commands in (notice_commands, dispute_commands):
        monkeypatch.setattr(commands, "tools", lambda: tools)

    def start(*arguments):
        status = cli.main(work, arguments)
        return status, capsys.readouterr().out

    return start


@pytest.fixture
def bought(desk, bluesnap):
    desk.buy()
    return bluesnap.subscriptions[0]


@pytest.fixture
def heard(desk, bought, clock):
    """Three notices: a renewal and a cancellation that came late, and a payout."""
    late = clock() - timedelta(hours=5)
    for form in ({"referenceNumber": "7300001"}, {"transactionType": "CANCELLATION"}, {"transactionType": "PAYOUT"}):
        deliver(desk.tools, charge_form(bought, **form), late)
        clock.advance(hours=1)
    return [row.id for row in desk.notices]


def test_no_notices_are_nothing_to_worry_about(run, engine):
    assert run("notices", "list") == (0, "no notices\n")
    assert run("notices", "list", "--json") == (0, "[]\n")
    assert run("notices", "replay", "--outcome", "hint") == (0, "no notices\n")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([], ["CHARGE", "CANCELLATION", "PAYOUT"]),
        (["--outcome", "hint"], ["CHARGE", "CANCELLATION"]),
        (["--type", "payout"], ["PAYOUT"]),
        (["--last", "1"], ["PAYOUT"]),
        (["--outcome", "failed"], []),
    ],
    ids=str,
)
def test_newest_notices_are_listed_by_what_was_asked_for(run, heard, asked, expected):
    status, shown = run("notices", "list", "--json", *asked)
    assert (status, [row["type"] for row in json.loads(shown)]) == (0, expected)
    assert len(run("notices", "list", *asked)[1].splitlines()) == max(len(expected), 1)


def test_notice_is_shown_with_all_that_is_kept_and_no_more(run, heard, clock):
    status, shown = run("notices", "show", heard[0], "--json")
    row = json.loads(shown)
    assert (status, set(row)) == (0, set(notice_commands.SHOWN))
    assert (row["outcome"], row["reason"], row["amount"], row["reference"]) == ("hint", "stale", "290", "7300001")
    assert [name for name in ("Mira", "9299", "delivery", "meaning") if name in shown] == []
    assert "stale" in run("notices", "show", heard[0])[1]


def test_replay_applies_what_was_named(run, desk, heard):
    status, shown = run("notices", "replay", heard[0], "--json")
    assert (status, json.loads(shown)) == (0, [{"id": heard[0], "outcome": "applied", "reason": None}])
    assert [row.reference for row in desk.charges][1:] == ["7300001"]
    assert run("notices", "replay", *heard)[0] == 0
    assert len(desk.charges) == 2
    assert desk.acts.count("notice.replayed") == 4


def test_replay_takes_all_of_an_outcome_within_a_time(run, desk, heard, clock):
    since, until = ((clock() - timedelta(hours=hours)).isoformat() for hours in (3, 2))
    status, shown = run("notices", "replay", "--outcome", "hint", "--since", since, "--until", until)
    assert (status, shown) == (0, f"{heard[0]}  applied\n")
    status, shown = run("notices", "replay", "--outcome", "hint")
    assert (status, shown) == (0, f"{heard[1]}  hint  look\n")


def test_replay_of_all_hints_goes_beyond_a_page(run, desk, bought, clock, monkeypatch):
    monkeypatch.setattr(notice_commands, "PAGE", 2)
    for number in range(5):
        deliver(desk.tools, charge_form(bought, referenceNumber=f"730000{number}"), clock() - timedelta(hours=5))
    status, shown = run("notices", "replay", "--outcome", "hint", "--json")
    assert (status, [row["outcome"] for row in json.loads(shown)]) == (0, ["applied"] * 5)


def test_what_stays_undone_is_a_finding(run, desk):
    deliver(desk.tools, charge_form(referenceNumber="7300001"))
    (notice,) = desk.notices
    assert run("notices", "replay", notice.id) == (1, f"{notice.id}  waiting  subscription_unknown\n")


@pytest.mark.parametrize("command", ["show", "replay"])
def test_notice_that_is_not_there_is_a_finding_and_is_not_repeated(run, engine, command):
    assert run("notices", command, new_id("nt"))[0] == 1
    status, shown = run("notices", command, VISA)
    assert (status, VISA in shown) == (1, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay"],
        ["replay", f"nt_{'b' * 30}", "--outcome", "hint"],
        ["replay", "nt", "--since", "2031-03-10T00:00:00Z"],
        ["list", "--type", "4263"],
    ],
    ids=str,
)
def test_command_that_makes_no_sense_cannot_run(run, engine, arguments):
    assert run("notices", *arguments)[0] == 2


@pytest.mark.parametrize(
    "arguments", [["replay", "--outcome", "hint", "--since", "2031-03-10"], ["list", "--last", "0"], ["list", "--last", "x"]]
)  # fmt: skip
def test_argument_of_the_wrong_form_ends_the_command(run, arguments):
    with pytest.raises(SystemExit) as ended:
        run("notices", *arguments)
    assert ended.value.code == 2


def test_dispute_is_listed_and_settled_by_a_person_once(run, desk, bought):
    assert run("disputes", "list") == (0, "no disputes\n")
    deliver(desk.tools, dispute_form(bought))
    status, shown = run("disputes", "list", "--json", "--status", "open")
    (row,) = json.loads(shown)
    assert (status, row["status"], row["account"], row["amount"]) == (0, "open", "acct-a", "290")
    assert run("disputes", "settle", row["id"], "lost") == (0, "settled\n")
    assert run("disputes", "settle", row["id"], "won")[0] == 1
    assert run("disputes", "settle", VISA, "won")[0] == 1
    assert [one.status for one in desk.rows(DISPUTES)] == ["lost"]
    assert row["id"] in run("disputes", "list")[1]
    assert desk.subscriptions[0].look_at is not None
