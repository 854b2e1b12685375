"""Cancelling and undoing it: intended first, written once, confirmed by a read; what nobody knows is settled by a look."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, update

from service.billing.life import looks
from service.billing.life.cancellation import Order, change_renewal
from service.errors import Code, Misconfigured, NeverSent, NotFound, Rejected, RetryLater, Unknown
from service.store.journal import Origin
from service.store.models import SUBSCRIPTIONS
from tests.support.outcomes import refused

PLATFORM = Origin("key:key_" + "b" * 30)
CANCEL, RESUME = Order.CANCEL, Order.RESUME


@pytest.fixture
def bought(desk, bluesnap):
    """A subscription at BlueSnap that is known to us."""
    desk.buy()
    return bluesnap.subscriptions[0]


@pytest.fixture
def order(desk):
    return lambda what, account="acct-a", **how: change_renewal(desk.tools, PLATFORM, account, what, **how)


def at_bluesnap(bluesnap):
    return bluesnap.subscriptions[0].auto_renew


def let_time_pass(desk):
    """By the database's clock, far enough for what was pending and for the look after it."""
    soon = func.clock_timestamp()
    pending = SUBSCRIPTIONS.c.pending_until.is_not(None)
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).where(pending).values(pending_until=soon))
        connection.execute(update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.look_at.is_not(None)).values(look_at=soon))


def test_cancelled_plan_stays_to_the_end_of_what_is_paid(desk, bluesnap, bought, order, clock):
    after = order(CANCEL)
    assert (after.status, after.renews, after.pending_change) == ("active", False, None)
    assert at_bluesnap(bluesnap) is False
    assert desk.access().reason == "canceled"
    assert desk.acts[-3:] == ["subscription.change_requested", "subscription.ending", "subscription.change_confirmed"]
    clock.advance(seconds=(after.paid_until - clock()).total_seconds())
    assert desk.access().reason == "free"


def test_cancellation_is_undone_within_the_paid_period(desk, bluesnap, bought, order):
    order(CANCEL)
    after = order(RESUME)
    assert (after.renews, at_bluesnap(bluesnap), desk.access().reason) == (True, True, "paid")


@pytest.mark.parametrize(("what", "first"), [(CANCEL, CANCEL), (RESUME, None)])
def test_ordering_what_is_so_already_calls_nobody(desk, bluesnap, bought, order, what, first):
    if first is not None:
        order(first)
    calls, acts = len(bluesnap.calls), desk.acts
    order(what)
    assert (len(bluesnap.calls), desk.acts) == (calls, acts)


def test_account_without_a_subscription_has_nothing_to_cancel(desk, bluesnap, order):
    assert refused(order, CANCEL).code is Code.SUBSCRIPTION_NOT_FOUND
    assert bluesnap.calls == []


def test_what_is_over_can_be_neither_cancelled_nor_resumed(desk, bluesnap, bought, order, clock):
    end = order(CANCEL).paid_until
    clock.advance(seconds=(end - clock()).total_seconds())
    calls = len(bluesnap.calls)
    for what in (CANCEL, RESUME):
        assert refused(order, what).code is Code.SUBSCRIPTION_NOT_FOUND
    assert len(bluesnap.calls) == calls


def test_wrong_version_is_refused_before_any_call(desk, bluesnap, bought, order):
    calls = len(bluesnap.calls)
    assert refused(order, CANCEL, version=desk.subscriptions[0].version + 1).code is Code.VERSION_WRONG
    assert len(bluesnap.calls) == calls
    assert order(CANCEL, version=desk.subscriptions[0].version).renews is False


@pytest.mark.parametrize("happens", [True, False], ids=["done", "not done"])
def test_lost_answer_is_pending_and_settled_by_a_look(desk, bluesnap, bought, order, happens):
    bluesnap.script("update_subscription", Unknown("read_timed_out"), happens=happens)
    after = order(CANCEL)
    assert (after.pending_change, after.renews, desk.access().reason) == ("cancellation", True, "paid")
    assert looks.look_due(desk.tools) == 0, "the quiet period is not over"
    let_time_pass(desk)
    looks.look_due(desk.tools)
    (settled,) = desk.subscriptions
    assert (settled.pending_change, settled.renews) == (None, not happens)
    assert len(bluesnap.made("update_subscription")) == 1


def test_read_that_fails_after_the_write_is_pending_too(desk, bluesnap, bought, order):
    bluesnap.script("get_subscription", NotFound("not_found", status=403))
    assert order(CANCEL).pending_change == "cancellation"
    let_time_pass(desk)
    looks.look_due(desk.tools)
    assert (desk.subscriptions[0].pending_change, desk.subscriptions[0].renews) == (None, False)


def test_answer_that_shows_something_else_is_pending_until_a_look(desk, bluesnap, bought, order):
    bluesnap.script("update_subscription", afterwards=lambda: bluesnap.change(bought.subscription_id, auto_renew=True))
    assert order(CANCEL).pending_change == "cancellation"
    let_time_pass(desk)
    looks.look_due(desk.tools)
    assert (desk.subscriptions[0].pending_change, desk.subscriptions[0].renews) == (None, True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NeverSent("connection_refused"), Code.BLUESNAP_UNREACHABLE),
        (RetryLater("throttled", status=429), Code.BLUESNAP_BUSY),
        (Rejected("invalid_request", status=400), Code.DETAILS_REFUSED),
        (Misconfigured("credentials_refused", status=401), Code.BLUESNAP_MISCONFIGURED),
        (NotFound("not_found", status=403), Code.BLUESNAP_FAILED),
    ],
)
def test_definite_refusal_leaves_everything_as_it_was(desk, bluesnap, bought, order, error, code):
    bluesnap.script("update_subscription", error)
    assert refused(order, CANCEL).code is code
    (after,) = desk.subscriptions
    assert (after.renews, after.pending_change) == (True, None)
    assert order(CANCEL).renews is False


def test_process_that_dies_after_the_intent_is_settled_by_a_look(desk, bluesnap, bought, order):
    bluesnap.script("update_subscription", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        order(CANCEL)
    assert desk.subscriptions[0].pending_change == "cancellation"
    assert refused(order, CANCEL).code is Code.SUBSCRIPTION_CHANGED
    let_time_pass(desk)
    looks.look_due(desk.tools)
    assert (desk.subscriptions[0].pending_change, desk.subscriptions[0].renews) == (None, True)


def test_notice_during_a_change_does_not_settle_it(desk, bluesnap, bought, order):
    bluesnap.script("update_subscription", Unknown("read_timed_out"))
    order(CANCEL)
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(look_at=func.clock_timestamp()))
    looks.look_due(desk.tools)
    (after,) = desk.subscriptions
    assert after.pending_change == "cancellation"
    assert after.look_at == after.pending_until


def test_of_two_orders_at_once_one_is_carried_out(desk, bluesnap, bought, order):
    under_way, told = threading.Event(), threading.Event()
    bluesnap.script("update_subscription", meanwhile=lambda: (under_way.set(), told.wait(10)))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(order, CANCEL)
        assert under_way.wait(10)
        assert refused(order, RESUME).code is Code.SUBSCRIPTION_CHANGED
        told.set()
        assert first.result().renews is False
    assert len(bluesnap.made("update_subscription")) == 1
