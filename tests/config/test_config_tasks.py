"""The operator's list of matters that only a person may decide."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from service import cli
from service.billing.tasks import open_task
from service.cli import tasks as commands
from service.store.ids import new_id
from service.store.journal import Origin
from service.store.models import REFUNDS, TASKS

WORKER = Origin("worker")


def work(_):
    """Not called here."""


@pytest.fixture
def run(tools, monkeypatch, capsys):
    """Runs `tasks …` in this process, over the test's tools; answers the exit status and what was printed."""
    monkeypatch.setattr(commands, "tools", lambda: tools)

    def start(*arguments):
        status = cli.main(work, ["tasks", *arguments])
        return status, capsys.readouterr().out

    return start


@pytest.fixture
def overcharged(desk, bluesnap, tools):
    """A charge of 290.00 of which 10.00 were never agreed."""
    desk.buy()
    charge = desk.charges[0]
    with tools.engine.begin() as connection:
        about = {"subject": charge.id, "reference": charge.reference, "account": "acct-a"}
        open_task(connection, "overcharge", WORKER, **about, amount=Decimal("10.00"), currency="USD")
    return desk.rows(TASKS)[0].id


def test_nothing_to_do_is_fine_and_says_so(run, engine):
    assert run("list") == (0, "nothing waits for a person\n")


def test_open_matters_are_listed_until_they_are_closed(run, tools, desk):
    with tools.engine.begin() as connection:
        assert open_task(connection, "change_stuck", WORKER, subject=new_id("sub"), account="acct-a")
    status, shown = run("list", "--json")
    (row,) = json.loads(shown)
    assert (status, row["kind"], row["account"], row["state"]) == (1, "change_stuck", "acct-a", "open")
    assert run("done", row["id"]) == (0, "done\n")
    assert run("done", row["id"])[0] == 1, "closed once"
    assert run("list")[0] == 0
    assert json.loads(run("list", "--all", "--json")[1])[0]["state"] == "done"
    assert desk.acts[-2:] == ["task.opened", "task.closed"]


def test_same_matter_is_opened_once_even_when_dismissed(run, tools, desk):
    subject = new_id("sub")
    for first in (True, False):
        with tools.engine.begin() as connection:
            assert open_task(connection, "sweep_doubt", WORKER, subject=subject) is first
        run("dismiss", desk.rows(TASKS)[0].id)
    assert len(desk.rows(TASKS)) == 1


def test_overcharge_is_given_back_once(run, overcharged, desk, bluesnap):
    status, shown = run("refund", overcharged, "--json")
    assert (status, json.loads(shown)["refunded"]) == (0, True)
    assert [(call["amount"], call["cancel_subscriptions"]) for call in bluesnap.made("refund")] == [
        (Decimal("10.00"), False)
    ]
    assert run("refund", overcharged)[0] == 1
    assert len(desk.rows(REFUNDS)) == 1


@pytest.mark.parametrize("command", ["done", "dismiss", "refund"])
@pytest.mark.parametrize("named", ["tk_" + "b" * 30, "no such id"])
def test_unknown_matter_is_a_finding_and_not_repeated(run, engine, command, named):
    status, shown = run(command, named)
    assert status == 1
    assert named not in shown
