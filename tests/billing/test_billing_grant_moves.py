"""The table of a grant's moves: every cell, what time does to a grant by itself, and who may neither approve nor review."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from service.billing.lifecycle import MoveNotAllowedError
from service.billing.support import moves
from service.billing.support.moves import BEGINNINGS, GRANT_MOVES, STATUSES, Step
from service.store.models import AccessGrant

NOW = datetime(2031, 3, 10, 17, 0, tzinfo=UTC)
ANNA, BERT = "per_" + "b" * 30, "per_" + "c" * 30


def grant(**changed):
    given = {
        "id": "gr_" + "b" * 30, "account": "acct-a", "purpose": "payment_problem", "ticket": "SUP-1", "minutes": 60, "break_glass": False,
        "state": "requested", "requested_by": ANNA, "requested_at": NOW,
    }  # fmt: skip
    return AccessGrant(**given | changed)


def live(**changed):
    return grant(state="live", approved_by=BERT, approved_at=NOW, ends_at=NOW + timedelta(hours=1), **changed)


@pytest.mark.parametrize(("status", "step"), sorted(itertools.product(STATUSES, Step)))
def test_grant_moves_as_the_table_says_and_no_other_way(status, step):
    if (status, step) in GRANT_MOVES:
        state, act = moves.grant_move(status, step)
        assert state in STATUSES
        assert act.value.startswith("grant.")
    else:
        with pytest.raises(MoveNotAllowedError):
            moves.grant_move(status, step)


def test_only_a_waiting_request_is_ever_approved():
    assert [status for status, step in GRANT_MOVES if step is Step.APPROVED] == ["requested"]
    assert {state for state, _ in GRANT_MOVES.values()} - {"live"} == {"refused", "withdrawn", "ended", "reviewed"}


def test_every_step_of_a_grant_leaves_an_entry_of_its_own_kind():
    acts = [act for _, act in (*BEGINNINGS.values(), *GRANT_MOVES.values())]
    assert len(set(acts)) == 7  # both ways to be reviewed are one
    assert BEGINNINGS[True][0] == "live"
    assert BEGINNINGS[False][0] == "requested"


@pytest.mark.parametrize(("after", "status"), [(0, "live"), (3_599.999, "live"), (3_600, "over"), (9_999, "over")])
def test_live_grant_is_over_at_its_very_end(after, status):
    assert moves.status_at(live(), NOW + timedelta(seconds=after)) == status


@pytest.mark.parametrize(("hours", "status"), [(0, "requested"), (23.9, "requested"), (24, "lapsed")])
def test_request_lapses_when_nobody_has_answered_for_a_day(hours, status):
    assert moves.status_at(grant(), NOW + timedelta(hours=hours)) == status


@pytest.mark.parametrize(
    ("made", "status"), [(live(), "over"), (grant(), "lapsed"), (grant(state="refused"), "refused")]
)
def test_grants_of_somebody_who_has_left_are_worth_nothing(made, status):
    assert moves.status_at(made, NOW, left=True) == status


def test_those_who_took_part_are_the_one_who_asked_and_the_one_who_approved():
    assert moves.took_part(grant()) == {ANNA}
    assert moves.took_part(live()) == {ANNA, BERT}


def test_review_is_due_after_seven_days_and_after_one_if_the_glass_was_broken():
    assert moves.review_due(grant()) is None
    assert moves.review_due(live()) == NOW + timedelta(days=7)
    assert moves.review_due(live(break_glass=True)) == NOW + timedelta(hours=24)
    assert moves.review_due(live(reviewed_at=NOW)) is None
