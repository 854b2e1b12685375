"""Refunds whose end nobody knows: looked up, repeated only where that is proven safe, else put before a person; never given twice."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, update

from service.billing.money import refunds
from service.bluesnap.payloads import ChargebackSeen, Transaction
from service.errors import (
    Declined,
    DeclineReason,
    Misconfigured,
    NeverSent,
    NotFound,
    Rejected,
    RetryLater,
    Unknown,
)
from service.store.journal import Origin
from service.store.models import REFUNDS, SUBSCRIPTIONS, TASKS
from tests.support.desk import Desk
from tests.support.metrics import reading
from tests.support.outcomes import TROUBLES, refused
from tests.support.refunding import Refunding

TEN, WHOLE = Decimal("10.00"), Decimal("290.00")
LOST = Unknown("read_timed_out")


@pytest.fixture
def money(desk, bluesnap):
    """By default: keys are not proven."""
    return Refunding(desk, bluesnap)


@pytest.fixture
def proven(make_tools, bluesnap):
    return Refunding(Desk(make_tools(idempotency_proven="true"), bluesnap), bluesnap)


@pytest.fixture
def lost(bluesnap):
    """Orders a refund whose answer is lost; `happens` says whether BlueSnap has given it."""

    def order(money, *, happens, amount="10.00", **more):
        bluesnap.script("refund", LOST, happens=happens)
        assert money.order(amount, **more).status == "unknown"

    return order


def keys(bluesnap):
    return {asked["idempotency_key"] for asked in bluesnap.made("refund")}


def settle_in_full(money, rounds=3):
    for _ in range(rounds):
        money.settle()


def test_nobody_asks_within_the_quiet_period(money, bluesnap, lost):
    lost(money, happens=True)
    assert refunds.settle_due(money.desk.tools) == 0
    assert bluesnap.made("get_transaction") == []


@pytest.mark.parametrize("repeats", [True, False], ids=["by our reference", "by its amount"])
@pytest.mark.parametrize("status", ["SUCCESS", "PENDING"])
def test_lost_refund_that_happened_is_found_and_not_repeated(money, bluesnap, lost, repeats, status):
    bluesnap.repeats_references, bluesnap.refund_status = repeats, status
    lost(money, happens=True)
    settle_in_full(money)
    assert money.statuses == ["succeeded" if status == "SUCCESS" else "pending"]
    assert (money.given, money.left, len(bluesnap.made("refund"))) == ([TEN], Decimal("280.00"), 1)
    assert money.rows[0].provider_refund is not None
    assert money.tasks == []


@pytest.mark.parametrize("happens", [True, False])
def test_proven_keys_let_it_be_repeated_until_it_is_answered(proven, bluesnap, lost, happens):
    lost(proven, happens=happens)
    bluesnap.script("refund", LOST)
    settle_in_full(proven)
    assert (proven.statuses, proven.given) == (["succeeded"], [TEN])
    assert len(keys(bluesnap)) == 1
    bodies = [tuple(sorted((name, str(value)) for name, value in asked.items())) for asked in bluesnap.made("refund")]
    assert len(set(bodies)) == 1, "the very same body every time"


def test_without_proven_keys_it_is_looked_for_a_day_and_never_repeated(money, bluesnap, lost):
    lost(money, happens=False)
    money.age(hours=23, minutes=59)
    money.settle()
    assert (money.statuses, money.tasks) == (["unknown"], [])
    money.age(minutes=2)
    money.settle()
    assert (money.statuses, money.tasks) == (["unknown"], ["refund_stuck"])
    assert (money.left, money.given, len(bluesnap.made("refund"))) == (Decimal("280.00"), [], 1)
    assert money.settle() == 0, "it is a person's now"


def test_old_key_is_not_repeated_even_where_keys_are_proven(proven, bluesnap, lost):
    lost(proven, happens=False)
    proven.age(hours=23, minutes=1)
    proven.settle()
    assert len(bluesnap.made("refund")) == 1
    proven.age(hours=1)
    proven.settle()
    assert (proven.tasks, proven.given) == (["refund_stuck"], [])


def test_refund_left_to_a_person_is_followed_when_it_shows(money, bluesnap, lost):
    lost(money, happens=False)
    money.age(hours=25)
    money.settle()
    bluesnap.give_back(money.reference, TEN, reference=money.rows[0].id)
    money.follow()
    settle_in_full(money)
    assert (money.statuses, money.left) == (["succeeded"], Decimal("280.00"))


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: error.cause)
def test_look_that_fails_proves_nothing(proven, bluesnap, lost, trouble):
    lost(proven, happens=True)
    bluesnap.script("get_transaction", trouble)
    proven.settle()
    assert (proven.statuses, len(bluesnap.made("refund"))) == (["unknown"], 1)
    settle_in_full(proven)
    assert (proven.statuses, proven.given) == (["succeeded"], [TEN])


def test_payment_that_is_not_shown_proves_nothing(money, bluesnap, lost):
    lost(money, happens=True)
    bluesnap.script("get_transaction", NotFound("not_found", status=403))
    money.age(hours=30)
    money.settle()
    assert (money.statuses, money.tasks) == (["unknown"], [])


@pytest.mark.parametrize(
    "error",
    [
        NeverSent("connection_refused"),
        RetryLater("key_in_progress", status=409),
        Misconfigured("credentials_refused", status=401),
        Rejected("key_reused", status=422),
        NotFound("not_found", status=403),
        LOST,
    ],
    ids=lambda error: error.cause,
)
def test_repeat_that_is_not_answered_says_nothing_of_the_first_call(proven, bluesnap, lost, error):
    lost(proven, happens=False)
    bluesnap.script("refund", error)
    proven.settle()
    assert (proven.statuses, proven.left) == (["unknown"], Decimal("280.00"))
    settle_in_full(proven)
    assert (proven.statuses, proven.given) == (["succeeded"], [TEN])


@pytest.mark.parametrize(
    "error",
    [Rejected("not_refundable", status=400), Declined("declined", DeclineReason.REFUSED, hard=False)],
    ids=lambda error: error.cause,
)
def test_repeat_that_is_refused_while_nothing_shows_ends_it(proven, bluesnap, lost, error):
    lost(proven, happens=False)
    bluesnap.script("refund", error)
    proven.settle()
    assert (proven.statuses, proven.left, proven.given) == (["failed"], WHOLE, [])


def test_repeat_that_is_refused_because_the_first_came_late_releases_nothing(proven, bluesnap, lost):
    """The first call lands at the very moment of the repeat: the refusal speaks of the second."""
    lost(proven, happens=False)
    reference = proven.rows[0].id
    late = lambda: bluesnap.give_back(proven.reference, TEN, reference=reference)  # noqa: E731
    bluesnap.script("refund", Rejected("refund_running", status=400), meanwhile=late)
    settle_in_full(proven)
    assert (proven.statuses, proven.given, proven.left) == (["succeeded"], [TEN], Decimal("280.00"))
    assert len(bluesnap.made("refund")) == 2


def test_refused_repeat_that_cannot_be_looked_up_stays_unknown(proven, bluesnap, lost):
    lost(proven, happens=False)
    bluesnap.script("refund", Rejected("not_refundable", status=400))
    bluesnap.script("get_transaction")
    bluesnap.script("get_transaction", LOST)
    proven.settle()
    assert (proven.statuses, proven.left) == (["unknown"], Decimal("280.00"))


def test_disputed_payment_is_not_asked_to_be_refunded_again(proven, bluesnap, lost):
    lost(proven, happens=False)
    bluesnap.chargebacks[proven.reference].append(ChargebackSeen("7300009", WHOLE, "NEW"))
    settle_in_full(proven)
    assert (proven.statuses, len(bluesnap.made("refund"))) == (["unknown"], 1)
    proven.age(hours=25)
    proven.settle()
    assert proven.tasks == ["refund_stuck"]


def test_two_that_could_be_it_are_put_before_a_person(money, bluesnap, lost):
    bluesnap.repeats_references = False
    lost(money, happens=False)
    for _ in range(2):
        bluesnap.give_back(money.reference, TEN)
    money.settle()
    assert (money.statuses, money.tasks, money.left) == (["unknown"], ["refund_stuck"], Decimal("280.00"))
    assert money.settle() == 0


def test_two_lost_refunds_of_one_amount_are_not_told_apart_by_it(money, bluesnap, lost):
    bluesnap.repeats_references = False
    lost(money, happens=True)
    lost(money, happens=False)
    money.settle()
    assert (money.statuses, money.tasks) == (["unknown"] * 2, ["refund_stuck"] * 2)
    assert money.left == Decimal("270.00")


def test_two_lost_refunds_of_one_amount_are_told_apart_by_reference(money, bluesnap, lost):
    lost(money, happens=True)
    lost(money, happens=False)
    settle_in_full(money)
    assert (money.statuses, money.given, money.tasks) == (["succeeded", "unknown"], [TEN], [])


def test_two_lost_refunds_of_other_amounts_are_told_apart(money, bluesnap, lost):
    bluesnap.repeats_references = False
    lost(money, happens=True, amount="10.00")
    lost(money, happens=True, amount="20.00")
    settle_in_full(money)
    assert (money.statuses, money.tasks, money.left) == (["succeeded"] * 2, [], Decimal("260.00"))


def test_lost_refund_that_ends_the_subscription_has_it_looked_at(money, desk, bluesnap, lost):
    lost(money, happens=True, cancel=True)
    with desk.tools.engine.begin() as connection:
        connection.execute(SUBSCRIPTIONS.update().values(look_at=None))
    settle_in_full(money)
    assert desk.subscriptions[0].look_at is not None


def test_pending_refund_is_asked_for_until_it_is_done(money, bluesnap):
    bluesnap.refund_status = "PENDING"
    given = money.order("10.00")
    settle_in_full(money)
    assert money.statuses == ["pending"]
    before = reading("panless_refunds_total", outcome="succeeded")
    bluesnap.end_refund(given.provider_refund, "SUCCESS")
    money.settle()
    assert (money.statuses, money.left) == (["succeeded"], Decimal("280.00"))
    assert reading("panless_refunds_total", outcome="succeeded") == before + 1
    assert money.settle() == 0


def test_pending_refund_that_is_called_off_gives_its_part_free(money, desk, bluesnap):
    bluesnap.refund_status = "PENDING"
    given = money.order("10.00")
    bluesnap.end_refund(given.provider_refund, "CANCELED")
    money.settle()
    assert (money.statuses, money.left, desk.acts[-1]) == (["failed"], WHOLE, "refund.failed")


def test_pending_refund_is_asked_for_later_and_later_but_daily(money, bluesnap, desk):
    bluesnap.refund_status = "PENDING"
    money.order("10.00")
    waits = []
    for _ in range(14):
        money.settle()
        with desk.tools.engine.connect() as connection:
            left = connection.exec_driver_sql("SELECT lease_until - clock_timestamp() FROM refunds").scalar_one()
        waits.append(round(left.total_seconds()))
    assert all(later >= sooner for sooner, later in itertools.pairwise(waits))
    assert (waits[0], waits[-1]) == (pytest.approx(120, abs=3), pytest.approx(86_400, abs=3))


def test_pending_refund_that_shows_nowhere_and_has_no_number_goes_to_a_person(money, bluesnap):
    bluesnap.refund_status = None
    bluesnap.script("refund", change=lambda answer: type(answer)(None, None))
    money.order("10.00")
    bluesnap.given_back.clear()
    money.settle()
    assert (money.statuses, money.tasks) == (["pending"], [])
    money.age(hours=25)
    money.settle()
    assert (money.statuses, money.tasks, money.left) == (["pending"], ["refund_stuck"], Decimal("280.00"))


def test_process_that_died_is_found_out_by_the_look(money, bluesnap):
    bluesnap.script("refund", KeyboardInterrupt(), happens=True)
    with pytest.raises(KeyboardInterrupt):
        money.order("10.00")
    settle_in_full(money)
    assert (money.statuses, money.given) == (["succeeded"], [TEN])


def test_transaction_of_another_payment_is_not_believed(money, bluesnap, lost):
    lost(money, happens=True)
    other = lambda _: Transaction("7999999", TEN, "USD", "SUCCESS", "AUTH_CAPTURE", [], [], None, None, None)  # noqa: E731
    bluesnap.script("get_transaction", change=other)
    money.settle()
    assert money.statuses == ["unknown"]
    settle_in_full(money)
    assert money.statuses == ["succeeded"]


BUSY, GONE = RetryLater("throttled"), NotFound("not_found", status=403)
#: How the call goes, whether BlueSnap gives the money, and how the first look goes.
FATES = {
    "fine": (None, True, None),
    "lost, yet done": (LOST, True, None),
    "lost, yet done, unread": (LOST, True, LOST),
    "lost, yet done, not shown at first": (LOST, True, GONE),
    "lost": (LOST, False, None),
    "lost, unread": (LOST, False, LOST),
    "never sent": (NeverSent("connection_refused"), False, None),
    "busy": (BUSY, False, None),
}


@pytest.mark.parametrize("keeps", [True, False], ids=["keys kept", "keys ignored"])
@pytest.mark.parametrize("shown", [True, False], ids=["reference shown", "reference not shown"])
@pytest.mark.parametrize("fate", FATES)
def test_never_more_is_given_back_than_was_ordered(make_tools, bluesnap, keeps, shown, fate):
    error, happens, look = FATES[fate]
    bluesnap.keeps_keys, bluesnap.repeats_references = keeps, shown
    money = Refunding(Desk(make_tools(idempotency_proven=str(keeps).lower()), bluesnap), bluesnap)
    if error is not None:
        bluesnap.script("refund", error, happens=happens)
    if look is not None:
        bluesnap.script("get_transaction", look)
    ordered = fate not in {"never sent", "busy"}
    if ordered:
        money.order("290.00")
    else:
        refused(money.order, "290.00")
    settle_in_full(money)
    assert money.given == ([WHOLE] if ordered and (happens or keeps) else [])
    assert money.left == (0 if ordered else WHOLE)


def test_pending_refund_of_which_bluesnap_says_nothing_for_a_month_reaches_a_person(money, bluesnap):
    bluesnap.refund_status = "PENDING"
    made = money.order("10.00")
    shown = bluesnap.get_transaction

    def silent(number):
        if number == made.provider_refund:
            raise NotFound("not_found", status=403)
        found = shown(number)
        return replace(found, refunds=[replace(one, status=None) for one in found.refunds])

    bluesnap.get_transaction = silent
    for _ in range(31):
        with money.desk.tools.engine.begin() as connection:
            earlier = {"lease_until": func.clock_timestamp(), "called_at": REFUNDS.c.called_at - timedelta(days=1)}
            connection.execute(update(REFUNDS).values(earlier))
        refunds.settle_due(money.desk.tools)
    assert [row.kind for row in money.desk.rows(TASKS)] == ["refund_stuck"]
    assert refunds.decide(money.desk.tools, made.id, Origin("operator"), given=True) is not None
