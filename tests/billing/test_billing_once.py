"""Never twice: double clicks, two tabs, two sessions of an account, threads at the same moment, and a lease that was lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.billing.buying import settle
from service.errors import Code, Declined, DeclineReason, Refusal, Unknown

LOST = Unknown("read_timed_out")
SOFT = Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False)


def outcome(act, *arguments):
    """What an act answers, or the code it is refused with."""
    try:
        return act(*arguments)
    except Refusal as refusal:
        return refusal.code


def together(*acts):
    """All acts at the same moment, each in a thread of its own; their outcomes in order."""
    barrier = threading.Barrier(len(acts))

    def start(act):
        barrier.wait(10)
        return outcome(act)

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(start, acts))


def test_completion_after_the_purchase_answers_the_same_subscription(desk, bluesnap):
    session_id = desk.open()
    first = desk.complete(session_id)
    assert desk.complete(session_id) == first
    assert len(bluesnap.made("create_shopper")) == len(bluesnap.made("create_subscription")) == 1


def test_completion_while_confirming_asks_bluesnap_for_nothing(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    assert desk.complete(session_id) is None
    asked = len(bluesnap.calls)
    assert desk.complete(session_id) is None
    assert len(bluesnap.calls) == asked
    desk.settle()
    assert desk.complete(session_id).status == "active"


def test_second_session_waits_for_the_undecided_first(desk, bluesnap):
    first, second = desk.open(), desk.open()
    bluesnap.script("create_subscription", LOST)
    desk.complete(first)
    assert outcome(desk.complete, second) is Code.SIGNUP_UNDECIDED
    assert outcome(desk.open) is Code.SIGNUP_UNDECIDED
    assert outcome(desk.renew, first) is Code.SIGNUP_UNDECIDED
    assert len(bluesnap.made("create_shopper")) == 1


def test_second_session_is_refused_once_the_account_has_a_plan(desk, bluesnap):
    first, second = desk.open(), desk.open()
    desk.complete(first)
    assert outcome(desk.complete, second) is Code.SUBSCRIPTION_EXISTS
    assert outcome(desk.open) is Code.SUBSCRIPTION_EXISTS
    assert outcome(desk.renew, first) is Code.SESSION_COMPLETE
    assert len(bluesnap.made("create_subscription")) == 1


def test_second_session_may_buy_after_the_first_was_declined(desk, bluesnap):
    first, second = desk.open(), desk.open()
    bluesnap.script("create_shopper", SOFT)
    assert outcome(desk.complete, first) is Code.CARD_DECLINED
    assert desk.complete(second).status == "active"
    assert outcome(desk.complete, first) is Code.SUBSCRIPTION_EXISTS


@pytest.mark.parametrize("threads", [2, 8])
def test_threads_completing_one_session_at_once_buy_once(desk, bluesnap, threads):
    session_id = desk.open()
    answers = together(*[lambda: desk.complete(session_id)] * threads)
    bought = desk.complete(session_id)
    assert set(answers) <= {None, bought}
    assert bought in answers
    assert len(bluesnap.made("create_shopper")) == len(bluesnap.made("create_subscription")) == 1


def test_threads_completing_two_sessions_at_once_buy_once(desk, bluesnap):
    sessions = [desk.open() for _ in range(4)]
    answers = together(*[lambda one=one: desk.complete(one) for one in sessions])
    bought = [answer for answer in answers if not isinstance(answer, Code)]
    assert len(bought) == 1
    assert {answer for answer in answers if isinstance(answer, Code)} <= {
        Code.SIGNUP_UNDECIDED,
        Code.SUBSCRIPTION_EXISTS,
    }
    assert len(bluesnap.made("create_subscription")) == 1
    assert desk.access().plan == "team"


def test_second_completion_during_the_charge_does_not_charge(desk, bluesnap):
    session_id = desk.open()
    seen = []
    bluesnap.script("create_subscription", meanwhile=lambda: seen.append(desk.complete(session_id)))
    assert desk.complete(session_id).status == "active"
    assert seen == [None]
    assert len(bluesnap.made("create_subscription")) == 1


@pytest.mark.parametrize("call", ["create_shopper", "create_subscription"])
def test_worker_leaves_a_signup_alone_while_its_lease_runs(desk, bluesnap, call):
    session_id = desk.open()
    looked = []
    bluesnap.script(call, meanwhile=lambda: looked.append(settle.settle_due(desk.tools)))
    assert desk.complete(session_id).status == "active"
    assert looked == [0]
    assert not bluesnap.made("find_shopper") + bluesnap.made("list_subscriptions")


@pytest.mark.parametrize("call", ["create_shopper", "create_subscription"])
def test_request_that_lost_its_lease_leaves_the_end_to_the_worker(desk, bluesnap, call):
    session_id = desk.open()
    bluesnap.script(call, meanwhile=desk.settle)
    assert desk.complete(session_id) is None
    assert desk.states == ["shopper_unknown" if call == "create_shopper" else "subscription_unknown"]
    desk.settle()
    assert desk.status(session_id) == "complete"
    assert len(bluesnap.made("create_shopper")) == len(bluesnap.made("create_subscription")) == 1
    assert len(bluesnap.subscriptions) == 1


def test_decline_that_comes_after_the_lease_was_lost_is_not_believed_blindly(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_shopper", SOFT, meanwhile=desk.settle)
    assert desk.complete(session_id) is None
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("open", ["released"])


def test_request_answers_what_the_worker_has_settled_meanwhile(desk, bluesnap):
    session_id = desk.open()

    def worker():
        desk.settle()  # the lease has ended: the process seems to have died
        desk.settle()  # looks, and finds what the call has done

    bluesnap.script("create_subscription", afterwards=worker)
    assert desk.complete(session_id).status == "active"
    assert desk.states == ["active"]
    assert len(bluesnap.subscriptions) == 1
    assert desk.acts.count("subscription.activated") == 1


def test_decline_that_the_worker_overtook_changes_nothing_any_more(desk, bluesnap):
    session_id = desk.open()

    def worker():
        desk.settle()
        desk.settle()

    bluesnap.script("create_shopper", SOFT, meanwhile=worker)
    assert outcome(desk.complete, session_id) is Code.BLUESNAP_FAILED
    assert (desk.status(session_id), desk.states) == ("open", ["released"])
    assert "signup.declined" not in desk.acts


def test_two_workers_at_once_take_a_signup_over_only_once(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.buy()
    desk.let_leases_end()
    signup_id = desk.signups[0].id
    together(*[lambda: settle.settle(desk.tools, signup_id)] * 4)
    assert desk.states == ["active"]
    assert len(bluesnap.made("list_subscriptions")) == 1
    assert len(desk.charges) <= 1
