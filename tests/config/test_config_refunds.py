"""The operator's way to refunds whose end nobody else can tell."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from service import cli
from service.cli import refunds as commands
from service.errors import Unknown
from tests.support.cards import VISA
from tests.support.refunding import Refunding


def work(_):
    """Not called here."""


@pytest.fixture
def run(tools, monkeypatch, capsys):
    """Runs `refunds …` in this process, over the test's tools; answers the exit status and what was printed."""
    monkeypatch.setattr(commands, "tools", lambda: tools)

    def start(*arguments):
        status = cli.main(work, ["refunds", *arguments])
        return status, capsys.readouterr().out

    return start


@pytest.fixture
def money(desk, bluesnap):
    return Refunding(desk, bluesnap)


@pytest.fixture
def stuck(money, bluesnap):
    """The id of a refund that was not found for a day."""
    bluesnap.script("refund", Unknown("read_timed_out"))
    money.order("10.00", cancel=True)
    money.age(hours=25)
    money.settle()
    return money.rows[0].id


def test_refund_that_the_worker_still_asks_for_is_listed_and_fine(run, money, bluesnap):
    assert run("list") == (0, "no refund is undecided\n")
    bluesnap.script("refund", Unknown("read_timed_out"))
    money.order("10.00")
    status, shown = run("list", "--json")
    (row,) = json.loads(shown)
    assert (status, row["status"], row["waits_for"], row["amount"]) == (0, "unknown", "worker", "10")
    assert run("settle", row["id"], "given")[0] == 1
    assert money.statuses == ["unknown"]


@pytest.mark.parametrize(
    ("how", "status", "left"), [("given", "succeeded", Decimal("280.00")), ("not_given", "failed", Decimal("290.00"))]
)
def test_person_says_how_it_ended_once(run, money, desk, stuck, how, status, left):
    assert stuck in run("list")[1]
    assert run("list")[0] == 1
    assert run("settle", stuck, how) == (0, f"{status}\n")
    assert (money.statuses, money.left) == ([status], left)
    assert desk.acts[-2:] == ["task.closed", f"refund.{status}"]
    assert run("settle", stuck, "given")[0] == 1
    assert run("list")[0] == 0


def test_refund_that_shows_after_all_comes_back(run, money, bluesnap, stuck):
    run("settle", stuck, "not_given")
    bluesnap.give_back(money.reference, "10.00", reference=stuck)
    money.follow()
    money.settle()
    assert (money.statuses, money.left) == (["succeeded"], Decimal("280.00"))


@pytest.mark.parametrize("name", [VISA, "rf_" + "b" * 30, ""])
def test_what_is_no_refund_is_not_settled_and_not_repeated(run, engine, name):
    status, shown = run("settle", name, "given")
    assert (status, VISA[:8] in shown) == (1, False)
