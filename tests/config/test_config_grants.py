"""The operator's commands about grants: whoever acts is the person whose database login it is, and two logins are needed as two persons are."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from service import cli
from service.cli import grants as commands
from service.cli import people as people_commands
from service.store import private
from service.store.journal import Origin
from service.store.models import ENTRIES
from tests.support.granting import Granting, acting

REQUEST = ("grants", "request", "--account", "acct-a", "--purpose", "billing_question", "--ticket", "SUP-7")


def work(_):
    """Not called here."""


@pytest.fixture
def granting(tools, their_issuer):
    return Granting(tools, their_issuer)


@pytest.fixture
def run(tools, granting, monkeypatch, capsys):
    """Runs a command as somebody with this database login; answers the exit status and what was printed."""

    def start(*arguments, login="anna"):
        for module in (commands, people_commands):
            monkeypatch.setattr(module, "tools", lambda: tools)
            monkeypatch.setattr(module, "operator", lambda _: Origin(f"login:{login}" if login else "operator"))
        status = cli.main(work, arguments)
        return status, capsys.readouterr().out.strip()

    for login in ("anna", "bert", "cleo"):
        assert start("people", "login", getattr(granting, login).id, login, login=None) == (0, "linked")
    return start


def actors(tools, subject):
    with tools.engine.connect() as connection:
        rows = connection.execute(select(ENTRIES).where(ENTRIES.c.subject == subject).order_by(ENTRIES.c.number))
        return [(row.act, row.actor) for row in rows]


def test_grant_goes_from_request_to_review_by_three_logins(tools, granting, run):
    grant_id = run(*REQUEST)[1].split()[0]
    assert run("grants", "approve", grant_id) == (1, "somebody who had no part in it must do this")
    assert run("grants", "approve", grant_id, login="bert") == (0, f"{grant_id} live")
    assert run("grants", "end", grant_id) == (0, f"{grant_id} ended")
    for login in ("anna", "bert"):
        assert run("grants", "review", grant_id, login=login)[0] == 1
    assert run("grants", "review", grant_id, login="cleo") == (0, f"{grant_id} reviewed")
    assert actors(tools, grant_id) == [
        ("grant.requested", "login:anna"),
        ("grant.approved", "login:bert"),
        ("grant.ended", "login:anna"),
        ("grant.reviewed", "login:cleo"),
    ]


def test_nobody_is_two_persons_by_coming_in_both_ways(granting, run):
    grant_id = granting.ask(by=granting.anna).grant.id
    assert run("grants", "approve", grant_id, login="anna")[0] == 1
    assert granting.status(grant_id) == "requested"


def test_grant_shows_every_look_that_was_taken_under_it(tools, granting, run):
    grant_id = granting.live()
    origin = acting(granting.anna)
    with tools.engine.begin() as connection:
        private.look(connection, "acct-a", granting.anna.id, origin)
    status, shown = run("grants", "show", grant_id, "--json")
    told = json.loads(shown)
    assert (status, told["status"], told["ticket"]) == (0, "live", "SUP-1234")
    [look] = told["looks"]
    assert (look["actor"], look["account"], look["request"]) == (origin.actor, "acct-a", origin.request)
    assert f"look {look['number']}" in run("grants", "show", grant_id)[1]


def test_list_to_review_finds_what_is_overdue(granting, run):
    assert run("grants", "list") == (0, "no grants")
    grant_id = granting.ask(break_glass=True).grant.id
    granting.ask("acct-b")
    assert len(run("grants", "list")[1].splitlines()) == 2
    assert run("grants", "list", "--to-review")[0] == 0
    granting.long_ago(grant_id, hours=25)
    status, shown = run("grants", "list", "--to-review", "--json")
    assert (status, [(one["id"], one["review_overdue"]) for one in json.loads(shown)]) == (1, [(grant_id, True)])
    assert [one["account"] for one in json.loads(run("grants", "list", "--account", "acct-b", "--json")[1])] == [
        "acct-b"
    ]


@pytest.mark.parametrize("login", ["dora", None])
def test_login_that_is_nobodys_can_list_and_decide_nothing(granting, run, login):
    grant_id = granting.ask(by=granting.bert).grant.id
    for step in (REQUEST, *(("grants", name, grant_id) for name in ("approve", "end", "review"))):
        assert run(*step, login=login)[0] == 2
    assert run("grants", "show", grant_id, login=login)[0] == 0
    assert granting.status(grant_id) == "requested"


@pytest.mark.parametrize(
    "changed",
    [
        ("--account", "a b"),
        ("--ticket", "4111111111111111"),
        ("--ticket", "sup"),
        ("--minutes", "0"),
        ("--minutes", "241"),
    ],
)
def test_request_of_another_form_is_refused_without_repeating_it(run, capsys, changed):
    assert run(*REQUEST, *changed) == (2, "")
    assert changed[1] not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["show", "approve", "end", "review"])
@pytest.mark.parametrize("grant_id", ["gr_" + "b" * 30, "4111111111111111"])
def test_unknown_grant_is_told_as_such(run, name, grant_id):
    assert run("grants", name, grant_id) == (1, "no such grant")


def test_login_is_linked_with_one_person_and_a_shared_one_with_nobody(granting, run):
    assert run("people", "login", granting.bert.id, "anna") == (1, "no such person, or the login is another's")
    assert run("people", "login", "per_" + "b" * 30, "dora")[0] == 1
    assert run("people", "login", granting.bert.id, "postgres")[0] == 2
    assert run("people", "login", granting.bert.id, "4111111111111111")[0] == 2


def test_whoever_leaves_takes_no_grant_along(tools, granting, run):
    live, asked = granting.live(), granting.ask().grant.id
    assert run("people", "leave", granting.anna.id, login="bert") == (0, "left")
    assert (granting.status(live), granting.status(asked)) == ("ended", "withdrawn")
    assert actors(tools, live)[-1] == ("grant.ended", "login:bert")
