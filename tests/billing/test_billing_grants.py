"""Grants: one person asks, another approves, the end comes by the database's clock, and somebody who had no part in it reviews."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from service.billing.support import grants
from service.errors import Code, Refusal
from service.store import standing
from service.store.journal import Origin
from service.store.models import ENTRIES, TASKS
from tests.support.granting import Granting, acting
from tests.support.people import leave


@pytest.fixture
def granting(tools, their_issuer):
    return Granting(tools, their_issuer)


def refused(act, *arguments, **named):
    with pytest.raises(Refusal) as told:
        act(*arguments, **named)
    return told.value.code


def acts(granting, grant_id):
    statement = select(ENTRIES.c.act, ENTRIES.c.actor).where(ENTRIES.c.subject == grant_id).order_by(ENTRIES.c.number)
    with granting.tools.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(statement)]


def gauges(granting):
    with granting.tools.engine.connect() as connection:
        found = standing.read(connection, now=granting.tools.clock(), told=False, archived=False)
    return {
        (one.what, one.label): (one.number, int(one.seconds // 3_600)) for one in found if one.what.startswith("grants")
    }


def test_grant_lives_from_its_approval_for_its_minutes(granting):
    asked = granting.ask(minutes=45)
    assert (asked.status, asked.grant.ends_at, asked.grant.approved_by) == ("requested", None, None)
    approved = granting.approve(asked.grant.id)
    assert approved.status == "live"
    assert approved.grant.approved_by == granting.bert.id
    assert approved.grant.ends_at - approved.grant.approved_at == timedelta(minutes=45)
    assert acts(granting, asked.grant.id) == [
        ("grant.requested", f"person:{granting.anna.id}"),
        ("grant.approved", f"person:{granting.bert.id}"),
    ]


def test_nobody_approves_their_own_request(granting):
    grant_id = granting.ask().grant.id
    assert refused(granting.approve, grant_id, by=granting.anna) is Code.SECOND_PERSON_NEEDED
    assert granting.status(grant_id) == "requested"
    assert len(acts(granting, grant_id)) == 1


def test_usual_grant_is_sixty_minutes_and_none_longer_than_four_hours(granting, make_tools):
    assert granting.ask().grant.minutes == 60
    assert granting.ask(minutes=240).grant.minutes == 240
    with pytest.raises(Refusal) as told:
        granting.ask(minutes=241)
    assert [(error.pointer, error.code) for error in told.value.errors] == [("/minutes", Code.FIELD_MALFORMED)]
    granting.tools = make_tools(grant_minutes="20", grant_most_minutes="30")
    assert granting.ask().grant.minutes == 20
    assert refused(granting.ask, minutes=31) is Code.FIELD_MALFORMED


def test_grant_is_over_by_the_clock_of_the_database_without_any_job(granting):
    grant_id = granting.live()
    granting.let_end(grant_id, seconds=30)
    assert granting.status(grant_id) == "live"
    granting.let_end(grant_id)
    assert granting.status(grant_id) == "over"
    assert refused(granting.end, grant_id) is Code.GRANT_NOT_OPEN


def test_business_time_of_the_simulator_moves_no_grant(granting, clock):
    grant_id = granting.live()
    clock.advance(days=400)
    assert granting.status(grant_id) == "live"


@pytest.mark.parametrize(
    ("who", "state", "act"), [("anna", "withdrawn", "grant.withdrawn"), ("bert", "refused", "grant.refused")]
)
def test_request_is_withdrawn_by_its_person_and_refused_by_another(granting, who, state, act):
    grant_id = granting.ask().grant.id
    assert granting.end(grant_id, by=getattr(granting, who)).status == state
    assert acts(granting, grant_id)[-1][0] == act
    assert refused(granting.approve, grant_id) is Code.GRANT_NOT_OPEN


@pytest.mark.parametrize("who", ["anna", "bert", "cleo"])
def test_live_grant_is_ended_at_once_by_its_person_or_whoever_approves(granting, who):
    grant_id = granting.live()
    ended = granting.end(grant_id, by=getattr(granting, who))
    assert (ended.status, ended.grant.ended_by) == ("ended", getattr(granting, who).id)


def test_somebody_who_may_not_approve_ends_only_their_own(granting):
    grant_id = granting.live()
    assert refused(granting.end, grant_id, by=granting.cleo, approves=False) is Code.GRANT_NOT_FOUND
    assert granting.end(grant_id, by=granting.anna, approves=False).status == "ended"


def test_request_that_nobody_answered_for_a_day_cannot_be_approved(granting):
    grant_id = granting.ask().grant.id
    granting.move(grant_id, requested_at=func.clock_timestamp() - timedelta(hours=24))
    assert granting.status(grant_id) == "lapsed"
    assert refused(granting.approve, grant_id) is Code.GRANT_NOT_OPEN


def test_two_who_approve_at_once_leave_one_approval(granting):
    grant_id = granting.ask().grant.id
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(attempt, granting.approve, grant_id, by=who) for who in (granting.bert, granting.cleo)]
    assert sorted(one.result() for one in asked) == ["grant_not_open", "live"]
    assert [act for act, _ in acts(granting, grant_id)] == ["grant.requested", "grant.approved"]


def attempt(act, *arguments, **named):
    try:
        return act(*arguments, **named).status
    except Refusal as refusal:
        return refusal.code.value


def test_broken_glass_begins_at_once_is_short_and_alarms(granting, logged):
    seen = granting.ask(break_glass=True)
    assert (seen.status, seen.grant.minutes, seen.grant.approved_by) == ("live", 30, None)
    assert acts(granting, seen.grant.id) == [("grant.break_glass", f"person:{granting.anna.id}")]
    with granting.tools.engine.connect() as connection:
        task = connection.execute(select(TASKS)).one()
    assert (task.kind, task.subject, task.account, task.state) == ("break_glass", seen.grant.id, "acct-a", "open")
    [line] = [line for line in logged().splitlines() if '"grant.glass_broken"' in line]
    assert '"level": "warning"' in line
    assert refused(granting.ask, break_glass=True, minutes=31) is Code.FIELD_MALFORMED
    assert gauges(granting)["grants_live", "break_glass"] == (1, 0)


def test_review_takes_somebody_who_neither_asked_nor_approved(granting):
    grant_id = granting.live()
    assert refused(granting.review, grant_id) is Code.GRANT_NOT_OPEN  # it still lives
    granting.let_end(grant_id)
    for who in (granting.anna, granting.bert):
        assert refused(granting.review, grant_id, by=who) is Code.SECOND_PERSON_NEEDED
    reviewed = granting.review(grant_id)
    assert (reviewed.status, reviewed.grant.reviewed_by, reviewed.review_due) == ("reviewed", granting.cleo.id, None)
    assert acts(granting, grant_id)[-1] == ("grant.reviewed", f"person:{granting.cleo.id}")
    assert refused(granting.review, grant_id) is Code.GRANT_NOT_OPEN


def test_review_of_a_broken_glass_closes_its_task(granting):
    grant_id = granting.ask(break_glass=True).grant.id
    granting.end(grant_id, by=granting.anna)
    granting.review(grant_id, by=granting.bert)
    with granting.tools.engine.connect() as connection:
        assert connection.execute(select(TASKS.c.state)).scalar_one() == "done"


@pytest.mark.parametrize(
    ("break_glass", "age", "overdue"),
    [
        (False, timedelta(days=6, hours=23), False),
        (False, timedelta(days=7, hours=2), True),
        (True, timedelta(hours=23), False),
        (True, timedelta(hours=26), True),
    ],
)
def test_review_that_is_late_is_counted_and_shown(granting, break_glass, age, overdue):
    grant_id = granting.ask(break_glass=True).grant.id if break_glass else granting.live()
    granting.move(grant_id, approved_at=func.clock_timestamp() - age, ends_at=func.clock_timestamp() - age)
    assert gauges(granting)["grants_review", ""] == ((1, 2) if overdue else (0, 0))
    [view] = grants.listed(granting.tools, to_review=True)
    assert (view.grant.id, view.overdue) == (grant_id, overdue)


def test_gauge_counts_live_grants_of_people_who_are_still_there(granting):
    first, _ = granting.live(), granting.live("acct-b", by=granting.cleo)
    assert gauges(granting)["grants_live", "approved"] == (2, 0)
    leave(granting.tools.engine, granting.cleo)
    assert gauges(granting)["grants_live", "approved"] == (1, 0)
    granting.let_end(first)
    assert ("grants_live", "approved") not in gauges(granting)


def test_grants_of_somebody_who_left_stop_and_do_not_come_back(granting):
    live, asked = granting.live(), granting.ask().grant.id
    with granting.tools.engine.begin() as connection:
        grants.stop_all(connection, granting.anna.id, Origin("operator"))
    assert (granting.status(live), granting.status(asked)) == ("ended", "withdrawn")
    leave(granting.tools.engine, granting.anna)
    assert refused(granting.approve, asked) is Code.GRANT_NOT_OPEN
    assert refused(granting.ask) is Code.GRANT_NOT_OPEN


def test_person_sees_their_own_and_who_approves_what_waits(granting):
    own, others = granting.ask().grant.id, granting.ask(by=granting.cleo).grant.id
    granting.approve(granting.ask("acct-c", by=granting.cleo).grant.id)

    def listed(approves, after=None, limit=50):
        page = grants.own_and_open(granting.tools, granting.anna.id, approves=approves, after=after, limit=limit)
        return [view.grant.id for view in page.grants], page.following

    assert listed(approves=False) == ([own], None)
    assert listed(approves=True) == ([own, others], None)
    assert listed(approves=True, limit=1) == ([own], own)
    assert listed(approves=True, after=own) == ([others], None)


def test_ticket_with_many_digits_is_refused_by_the_database_itself(granting):
    grant_id = granting.live()
    for ticket in ("SUP-411111111", "4111111111111111", "SUP-1 4111"):
        with pytest.raises(Exception, match="ticket_ref") as told, granting.tools.engine.begin() as connection:
            connection.execute(
                text("UPDATE access_grants SET ticket = :ticket WHERE id = :id"), {"ticket": ticket, "id": grant_id}
            )
        assert ticket not in str(told.value)


def test_step_of_an_unknown_grant_is_refused(granting):
    for act in (granting.approve, granting.end, granting.review, granting.status):
        assert refused(act, "gr_" + "z" * 30) is Code.GRANT_NOT_FOUND
    assert acting(granting.anna).actor == f"person:{granting.anna.id}"
