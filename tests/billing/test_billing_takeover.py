"""When a process dies in the middle of a call, another takes its signup over: once its lease has ended, and no sooner."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from service.billing.buying import settle
from service.store.models import SIGNUPS
from tests.support.outcomes import LOST


class ProcessDiedError(BaseException):
    """Ends a call as the death of the process would: nothing of ours runs after it."""


def die(desk, session_id):
    with pytest.raises(ProcessDiedError):
        desk.complete(session_id)


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("call", ["create_shopper", "create_subscription"])
def test_signup_whose_process_died_is_taken_over(proven, bluesnap, call, happened):
    session_id = proven.open()
    bluesnap.script(call, ProcessDiedError(), happens=happened)
    die(proven, session_id)
    assert proven.status(session_id) == "confirming"
    assert settle.settle_due(proven.tools) == 0
    proven.settle()
    assert proven.signups[0].cause == "process_died"
    assert proven.seconds_left > 100
    proven.settle()
    expected = ("open", "released") if (call, happened) == ("create_shopper", False) else ("complete", "active")
    assert (proven.status(session_id), proven.states[0]) == expected
    assert len(bluesnap.subscriptions) == (expected[0] == "complete")


def test_charge_of_a_process_that_died_is_not_repeated_unproven(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", ProcessDiedError())
    die(desk, session_id)
    for _ in range(4):
        desk.settle()
    assert (desk.status(session_id), len(bluesnap.made("create_subscription"))) == ("confirming", 1)


@pytest.mark.parametrize("call", ["find_shopper", "create_subscription", "list_subscriptions"])
def test_worker_that_dies_leaves_the_signup_to_the_next(proven, bluesnap, call):
    first = "create_shopper" if call == "find_shopper" else "create_subscription"
    bluesnap.script(first, LOST, happens=call != "create_subscription")
    bluesnap.script(call, ProcessDiedError())
    session_id = proven.buy()
    with pytest.raises(ProcessDiedError):
        proven.settle()
    for _ in range(3):
        proven.settle()
    assert proven.status(session_id) == "complete"
    assert len(bluesnap.subscriptions) == 1


def test_worker_settles_every_signup_that_is_due(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True, times=3)
    sessions = [desk.buy(account=f"acct-{name}") for name in "abc"]
    assert desk.settle() == 3
    assert [desk.status(one) for one in sessions] == ["complete"] * 3
    assert desk.settle() == 0


def test_worker_takes_whoever_waits_longest_first(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True, times=2)
    for name in "ab":
        desk.buy(account=f"acct-{name}")
    desk.let_leases_end()
    later, first = desk.signups
    with desk.tools.engine.begin() as connection:
        ago = SIGNUPS.c.lease_until - timedelta(minutes=5)
        connection.execute(update(SIGNUPS).where(SIGNUPS.c.id == first.id).values(lease_until=ago))
    settle.settle_due(desk.tools)
    asked = [call["shopper_id"] for call in bluesnap.made("list_subscriptions")]
    assert asked == [first.provider_shopper, later.provider_shopper]
