"""Local work that was rolled back for another's sake is done again, a few times; what may have been committed never is."""

from __future__ import annotations

import pytest
from psycopg import errors
from sqlalchemy import exc

from service.billing.buying import steps
from service.billing.life import intents
from service.billing.money import refund_giving
from service.store import careful
from service.store.turns import TRIES, again


def failing_with(original, times):
    """Work that fails so many times; it counts how often it was done."""
    done = []

    @again
    def work(result):
        done.append(result)
        if len(done) <= times:
            raise exc.OperationalError("", {}, original)
        return result

    return work, done


@pytest.mark.parametrize("original", [errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable])
def test_rolled_back_work_is_done_again_until_it_is_done(original):
    work, done = failing_with(original(), TRIES - 1)
    assert work("result") == "result"
    assert len(done) == TRIES


@pytest.mark.parametrize("original", [errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable])
def test_work_in_everybodys_way_is_given_up_after_a_few_tries(original):
    work, done = failing_with(original(), 100)
    with pytest.raises(exc.OperationalError):
        work("result")
    assert len(done) == TRIES


@pytest.mark.parametrize(
    "original",
    [careful.DoubtedCommitError, careful.NoAnswerError, errors.AdminShutdown, errors.QueryCanceled, errors.DiskFull],
)
def test_work_that_may_have_been_committed_is_not_done_again(original):
    work, done = failing_with(original(), 100)
    with pytest.raises(exc.OperationalError):
        work("result")
    assert len(done) == 1


@pytest.mark.parametrize(
    "step",
    [
        steps.request_subscription, steps.repeat_subscription, steps.lose, steps.postpone, steps.stop, steps.end, steps.activate,
        steps.replaced, intents.confirm, intents.refuse, intents.leave_pending, refund_giving.record,
    ],
    ids=lambda step: step.__qualname__,
)  # fmt: skip
def test_whatever_writes_down_how_a_call_ended_is_tried_again(step):
    assert hasattr(step, "__wrapped__")
