"""Reviews by people: due every 180 days, from the journal's first entry on; done ones are kept with their entry, and late ones are shown."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from service import cli
from service.cli import reviews as commands
from service.store import reviews, standing
from service.store.journal import Origin
from service.store.models import ENTRIES, REVIEWS

HALF_A_YEAR = timedelta(days=reviews.DAYS)


def work(_):
    """Not called here."""


@pytest.fixture
def run(tools, monkeypatch, capsys):
    monkeypatch.setattr(commands, "tools", lambda: tools)

    def start(*arguments):
        status = cli.main(work, ["reviews", *arguments])
        return status, capsys.readouterr().out

    return start


@pytest.fixture
def done(engine):
    """Somebody did a review so long ago."""

    def did(name, **ago):
        with engine.begin() as connection:
            made = reviews.record(connection, name, Origin("operator"))
            connection.execute(
                update(REVIEWS).where(REVIEWS.c.id == made.id).values(done_at=func.clock_timestamp() - timedelta(**ago))
            )

    return did


@pytest.fixture
def late(engine, tools):
    """What the gauges show of each review: whole days overdue."""

    def read():
        with engine.connect() as connection:
            found = standing.read(connection, now=tools.clock(), told=False, archived=False)
        return {one.label: int(one.seconds // 86_400) for one in found if one.what == "reviews"}

    return read


def test_young_deployment_owes_no_review(run, late, engine):
    status, shown = run("list", "--json")
    assert status == 0
    assert {row["name"]: row["overdue"] for row in json.loads(shown)} == {"rights": False, "people_and_keys": False}
    assert late() == {"rights": 0, "people_and_keys": 0}


def test_review_that_was_done_leaves_an_entry_with_its_doer(run, desk):
    assert run("done", "rights") == (0, "rights done\n")
    assert desk.acts == ["review.done"]
    assert (desk.rows(REVIEWS)[0].by, desk.rows(ENTRIES)[0].actor) == ("operator", "operator")


@pytest.mark.parametrize(("days", "overdue"), [(179, 0), (180, 0), (181, 1), (400, 220)])
def test_review_is_overdue_half_a_year_after_the_last_one(run, late, done, days, overdue):
    done("people_and_keys", days=2_000)
    done("people_and_keys", days=days, minutes=1)
    done("rights", days=1)
    assert late() == {"rights": 0, "people_and_keys": overdue}
    assert run("list")[0] == (1 if days >= reviews.DAYS else 0)


def test_review_that_was_never_done_is_due_after_the_first_half_year(late, done, engine):
    done("rights", days=1)
    with engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(update(ENTRIES).values(at=ENTRIES.c.at - HALF_A_YEAR - timedelta(days=3)))
    assert late() == {"rights": 0, "people_and_keys": 3}
    with engine.connect() as connection:
        assert {one.name: one.overdue for one in reviews.standing(connection)} == {
            "rights": False,
            "people_and_keys": True,
        }
        assert connection.execute(select(func.count()).select_from(REVIEWS)).scalar_one() == 1


def test_review_of_another_name_is_refused_and_not_repeated(run, capsys):
    with pytest.raises(SystemExit):
        run("done", "zqxcanary")
    assert "zqxcanary" not in capsys.readouterr().err
