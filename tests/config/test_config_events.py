"""The operator's view of what the platform was told: listed, shown, and sent again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from service import cli
from service.billing import telling
from service.cli import events as commands
from service.platform.outcomes import Cause, Outcome
from service.store.ids import new_id
from service.store.journal import Act, Origin, write
from service.store.models import ENTRIES, EVENTS

GONE = Outcome(410, Cause.REFUSED)


def work(_):
    """Not called here."""


class Platform:
    """Refuses everything while `outcome` says so."""

    outcome = GONE

    def tell(self, *_, **__):
        return self.outcome


@pytest.fixture
def platform():
    return Platform()


@pytest.fixture
def run(tools, platform, monkeypatch, capsys):
    """Runs `events …` in this process; answers the exit status and what was printed."""
    made = replace(tools, platform=platform)
    telling.collect(made)
    monkeypatch.setattr(commands, "tools", lambda: made)

    def start(*arguments):
        status = cli.main(work, ["events", *arguments])
        return status, capsys.readouterr().out

    start.tools = made
    return start


@pytest.fixture
def happen(run, engine):
    """Entries that have become events, not sent yet; answers the events' ids."""

    def make(count):
        with engine.begin() as connection:
            for _ in range(count):
                image = {"plan": "team"}
                write(
                    connection,
                    Act.SUBSCRIPTION_ENDED,
                    Origin("worker"),
                    subject=new_id("sub"),
                    account="acct-a",
                    image=image,
                )
        telling.collect(run.tools)
        with engine.connect() as connection:
            return list(connection.execute(select(EVENTS.c.id).order_by(EVENTS.c.entry)).scalars())

    return make


@pytest.fixture
def fail(run, engine):
    """Every pending event is at its last attempt, and is refused."""

    def make():
        with engine.begin() as connection:
            connection.execute(update(EVENTS).where(EVENTS.c.state == "pending").values(attempts=7))
        telling.deliver_due(run.tools)

    return make


def test_nothing_told_is_fine_and_says_so(run):
    assert run("list") == (0, "no events\n")


def test_failed_events_are_listed_and_are_a_finding(run, happen, fail):
    ids = happen(2)
    status, shown = run("list", "--json")
    assert (status, [(row["id"], row["state"], row["attempts"]) for row in json.loads(shown)]) == (
        0, [(event_id, "pending", 0) for event_id in ids],
    )  # fmt: skip
    fail()
    status, shown = run("list", "--state", "failed", "--json")
    rows = json.loads(shown)
    assert (status, [row["id"] for row in rows]) == (1, ids)
    assert {(row["status"], row["cause"], row["attempts"], row["next_at"]) for row in rows} == {
        (410, "refused", 8, None)
    }
    status, shown = run("list", "--state", "failed")
    assert (status, shown.splitlines()[0]) == (1, f"{ids[0]}  failed     8  subscription.ended  acct-a  refused")
    assert run("list", "--state", "delivered") == (0, "no events\n")


def test_last_events_are_listed_oldest_first(run, happen):
    ids = happen(4)
    assert [row["id"] for row in json.loads(run("list", "--last", "2", "--json")[1])] == ids[2:]


@pytest.mark.parametrize("number", ["0", "-1", "x", "10001", "\u0661"])
def test_number_of_events_must_be_one(run, number):
    with pytest.raises(SystemExit) as ended:
        run("list", "--last", number)
    assert ended.value.code == 2


def test_event_is_shown_with_the_body_that_is_sent(run, happen, engine):
    (event_id,) = happen(1)
    status, shown = run("show", event_id, "--json")
    row = json.loads(shown)
    with engine.connect() as connection:
        entry = connection.execute(select(ENTRIES)).one()
    assert (status, row["type"], row["entry"], row["state"]) == (0, "subscription.ended", entry.number, "pending")
    assert (row["body"]["type"], row["body"]["data"]["plan"]) == ("subscription.ended", "team")
    status, shown = run("show", event_id)
    assert status == 0
    assert f"id            {event_id}\n" in shown
    assert '"plan": "team"' in shown


@pytest.mark.parametrize("event_id", ["ev_" + "b" * 30, "4111111111111111"])
def test_event_that_is_not_there_is_neither_shown_nor_sent(run, event_id):
    assert run("show", event_id) == (1, "no such event\n")
    assert run("resend", event_id) == (1, "no such event\n")


def test_event_is_sent_again_by_a_person_and_that_is_on_record(run, happen, fail, platform, engine):
    first, second = happen(2)
    fail()
    platform.outcome = Outcome(204, None)
    assert run("resend", first, "--json") == (0, '{"resent": 1}\n')
    assert telling.deliver_due(run.tools) == 1
    assert [row["state"] for row in json.loads(run("list", "--json")[1])] == ["delivered", "failed"]
    assert run("resend", "--failed") == (0, "1 to be sent again\n")
    telling.deliver_due(run.tools)
    assert run("resend", "--failed")[0] == 1
    with engine.connect() as connection:
        resent = connection.execute(
            select(ENTRIES).where(ENTRIES.c.act == "event.resent").order_by(ENTRIES.c.number)
        ).all()
    assert [(entry.actor, entry.subject) for entry in resent] == [("operator", first), ("operator", second)]


@pytest.mark.parametrize("arguments", [(), ("ev_" + "b" * 30, "--failed")])
def test_resend_needs_one_event_or_all_failed_ones(run, arguments):
    with pytest.raises(SystemExit) as ended:
        run("resend", *arguments)
    assert ended.value.code == 2
