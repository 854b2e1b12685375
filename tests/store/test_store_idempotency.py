"""Idempotency keys: one caller works under a key at a time, its final answer is kept, and whoever lost the lease keeps nothing."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import delete, func, select, update

from service.errors import Code, Refusal
from service.store import idempotency
from service.store.ids import new_id
from service.store.models import IDEMPOTENCY_KEYS

CALLER, KEY = new_id("key"), uuid.UUID(int=9, version=4)
BODY, OTHER_BODY = b"b" * 32, b"o" * 32
ANSWER = {"body": {"id": "cs_" + "b" * 30}, "headers": {"etag": '"1"'}}


@pytest.fixture
def claim(engine):
    def make(*, caller=CALLER, route="checkout.open_session", key=KEY, prints=(BODY,), seconds=60):
        with engine.begin() as connection:
            return idempotency.claim(
                connection, caller=caller, route=route, key=key, fingerprints=prints, lease_seconds=seconds
            )

    return make


@pytest.fixture
def keep(engine):
    def make(claimed, status=201, answer=ANSWER):
        with engine.begin() as connection:
            idempotency.keep(connection, claimed, status, answer)

    return make


@pytest.fixture
def end_lease(engine):
    def make():
        with engine.begin() as connection:
            connection.execute(update(IDEMPOTENCY_KEYS).values(lease_until=func.clock_timestamp()))

    return make


def refused(claim, **how):
    with pytest.raises(Refusal) as told:
        claim(**how)
    return told.value


def test_fresh_key_is_ours_to_work_under(claim):
    claimed = claim()
    assert (claimed.fence, claimed.status, claimed.answer) == (1, None, None)


def test_kept_answer_is_handed_back(claim, keep):
    keep(claim())
    again = claim()
    assert (again.status, again.answer) == (201, ANSWER)


def test_running_key_is_refused_with_a_time_to_wait(claim):
    claim()
    told = refused(claim)
    assert (told.code, told.retry_after) == (Code.IDEMPOTENCY_KEY_IN_PROGRESS, 1)


def test_key_with_another_body_is_refused_running_or_done(claim, keep):
    claimed = claim()
    assert refused(claim, prints=(OTHER_BODY,)).code is Code.IDEMPOTENCY_KEY_REUSED
    keep(claimed)
    assert refused(claim, prints=(OTHER_BODY,)).code is Code.IDEMPOTENCY_KEY_REUSED


def test_body_is_recognised_by_an_older_key_of_ours(claim, keep):
    keep(claim())
    assert claim(prints=(OTHER_BODY, BODY)).status == 201


def test_keys_of_other_callers_and_routes_are_other_keys(claim, keep):
    keep(claim())
    assert claim(caller=new_id("key"), prints=(OTHER_BODY,)).answer is None
    assert claim(route="page.complete", prints=(OTHER_BODY,)).answer is None
    assert claim(key=uuid.UUID(int=10, version=4), prints=(OTHER_BODY,)).answer is None


def test_released_key_may_be_used_again_at_once(engine, claim):
    first = claim()
    with engine.begin() as connection:
        idempotency.release(connection, first)
    assert claim().fence == 2


def test_lease_that_ended_is_taken_over_by_the_next(claim, end_lease):
    claim()
    end_lease()
    assert claim().fence == 2
    assert refused(claim).code is Code.IDEMPOTENCY_KEY_IN_PROGRESS


def test_answer_of_whoever_lost_the_lease_is_not_kept(claim, keep, end_lease):
    lost = claim()
    end_lease()
    holder = claim()
    keep(lost, 201, {"body": {"id": "stale"}})
    assert refused(claim).code is Code.IDEMPOTENCY_KEY_IN_PROGRESS
    keep(holder)
    assert claim().answer == ANSWER


def test_release_by_whoever_lost_the_lease_frees_nothing(engine, claim, end_lease):
    lost = claim()
    end_lease()
    claim()
    with engine.begin() as connection:
        idempotency.release(connection, lost)
    assert refused(claim).code is Code.IDEMPOTENCY_KEY_IN_PROGRESS


def test_kept_answer_is_never_overwritten_nor_released(engine, claim, keep):
    claimed = claim()
    keep(claimed)
    keep(claimed, 402, {"reason": "declined"})
    with engine.begin() as connection:
        idempotency.release(connection, claimed)
        assert connection.execute(select(IDEMPOTENCY_KEYS.c.status)).scalar_one() == 201


@pytest.mark.parametrize("times", [1, 4])
def test_key_that_vanishes_while_it_is_claimed_is_claimed_anew(engine, claim, times):
    """Its holder gave it up, or it was purged, after our insert met it and before we could read it."""
    claim()
    with engine.begin() as connection:
        vanishing = Vanishing(connection, times)
        claimed = idempotency.claim(
            vanishing,
            caller=CALLER,
            route="checkout.open_session",
            key=KEY,
            fingerprints=(OTHER_BODY,),
            lease_seconds=60,
        )
    assert (claimed.fence, vanishing.times) == (1, 0)


def test_key_that_vanishes_again_and_again_is_told_to_be_running(engine, claim):
    claim()
    with engine.begin() as connection, pytest.raises(Refusal) as told:
        idempotency.claim(
            Vanishing(connection, 100),
            caller=CALLER,
            route="checkout.open_session",
            key=KEY,
            fingerprints=(OTHER_BODY,),
            lease_seconds=60,
        )
    assert told.value.code is Code.IDEMPOTENCY_KEY_IN_PROGRESS


class Vanishing:
    """A connection by which the row is there for an insert, and gone for the reading after it, so many times."""

    def __init__(self, connection, times):
        self.connection, self.times = connection, times

    def execute(self, statement):
        if statement.is_select and self.times:
            self.times -= 1
            row = self.connection.execute(select(IDEMPOTENCY_KEYS)).mappings().one()
            self.connection.execute(delete(IDEMPOTENCY_KEYS))
            answer = self.connection.execute(statement)
            if self.times:
                self.connection.execute(IDEMPOTENCY_KEYS.insert().values(**row))
            return answer
        return self.connection.execute(statement)
