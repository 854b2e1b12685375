"""The operator's way into the past: rows as they were, what would come back, and what does."""

from __future__ import annotations

import json

import pytest

from service import cli
from service.cli import history as commands
from tests.support.cards import VISA
from tests.support.past import by_hand, lose, lying, moment, written

pytestmark = pytest.mark.by_hand
NOTHING = "nothing is known of that name\n"


def work(_):
    """Not called here."""


@pytest.fixture
def run(tools, monkeypatch, capsys):
    """Runs `history …` in this process, over the test's tools; answers the exit status and what was printed."""
    monkeypatch.setattr(commands, "tools", lambda: tools)

    def start(*arguments):
        status = cli.main(work, ["history", *arguments])
        told = capsys.readouterr()
        return status, told.out + told.err

    return start


@pytest.fixture
def then(desk, tools):
    """The moment after a purchase, as it is typed."""
    desk.buy()
    return written(moment(tools.engine))


def test_rows_are_shown_as_they_were_also_after_their_deletion(run, desk, tools, then):
    subscription = desk.subscriptions[0].id
    lose(tools.engine)
    status, shown = run("show", "acct-a", "--at", then, "--json")
    rows = json.loads(shown)
    assert status == 0
    assert [row["table"] for row in rows] == [
        "accounts", "checkout_sessions", "subscriptions", "charges", "prices", "signups",
    ]  # fmt: skip
    assert not any(row["deleted"] for row in rows)
    assert {row["row"]["plan"] for row in rows if row["id"] == subscription} == {"team"}
    status, shown = run("show", subscription)
    assert status == 0
    assert "deleted since" in shown
    assert "hand.deleted by login:" in shown


def test_keys_and_digests_of_rows_are_not_shown(run, tools, then):
    shown = run("show", "acct-a", "--json")[1]
    assert not {"subscription_key", "shopper_key", "delivery"} & {
        name for row in json.loads(shown) for name in row["row"]
    }


def test_name_that_nothing_is_known_of_is_a_finding(run, then):
    assert run("show", "acct-never") == (1, NOTHING)
    assert run("show", "acct-a", "--at", "2026-01-01T00:00:00Z") == (1, NOTHING)
    assert run("restore", "acct-never", "--at", then)[0] == 2


def test_restore_says_what_it_would_do_and_does_it_when_told(run, tools, then):
    before = lying(tools.engine)
    lose(tools.engine)
    status, shown = run("restore", "acct-a", "--at", then)
    assert (status, any(lying(tools.engine).values())) == (1, False)
    assert shown.endswith("nothing was done; with --apply this is put back\n")
    status, shown = run("restore", "acct-a", "--at", then, "--apply", "--reason", "fault", "--json")
    told = json.loads(shown)
    assert (status, told["applied"], len(told["looks"])) == (0, True, 1)
    assert {row["does"] for row in told["rows"]} == {"insert"}
    assert lying(tools.engine) == before
    assert run("restore", "acct-a", "--at", then)[0] == 0


def test_difference_is_shown_column_by_column(run, desk, tools, then):
    by_hand(tools.engine, "UPDATE subscriptions SET members = 99")
    status, shown = run("restore", desk.subscriptions[0].id, "--at", then)
    assert status == 1
    assert "  members: 99 -> 10" in shown.splitlines()
    assert f"BlueSnap is asked about {desk.subscriptions[0].id}" in shown.splitlines()


def test_refusal_names_the_row_and_why(run, desk, tools, then):
    old = desk.subscriptions[0].id
    lose(tools.engine)
    desk.buy()
    status, shown = run("restore", "acct-a", "--at", then, "--apply")
    assert status == 2
    assert "newer live or undecided subscription" in shown
    assert old in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["show", f"{VISA}."], "expected an account or the id of a record"),
        (["show", "acct-a", "--at", "2026-01-01T00:00:00"], "expected a moment with its zone"),
        (["restore", "acct-a", "--at", VISA], "expected a moment with its zone"),
        (["restore", "acct-a"], "required: --at"),
    ],
)
def test_what_is_no_name_and_no_moment_is_refused_and_not_repeated(run, capsys, arguments, complaint):
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    told = capsys.readouterr().err
    assert (end.value.code, VISA in told) == (2, False)
    assert complaint in told
