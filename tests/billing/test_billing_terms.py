"""Changing plan and members: features at once, the price from the next billing date, two writes under one intent, confirmed by a read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, update

from service.billing.life import looks
from service.billing.life.cancellation import change_renewal
from service.billing.life.intents import Order
from service.billing.life.terms import Wish, change_terms, preview
from service.errors import Code, Misconfigured, NeverSent, NotFound, Rejected, RetryLater, Unknown
from service.store.journal import Origin
from service.store.models import PRICES, SUBSCRIPTIONS, TASKS
from tests.support.outcomes import refused

PLATFORM = Origin("key:key_" + "b" * 30)
DUE = date(2031, 4, 10)
TEAM, BUSINESS = "2340001", "2340002"


@pytest.fixture
def bought(desk, bluesnap):
    """Ten members of Team, at BlueSnap and known to us."""
    desk.buy()
    return bluesnap.subscriptions[0].subscription_id


@pytest.fixture
def change(desk):
    def order(plan=None, members=None, account="acct-a", **how):
        return change_terms(desk.tools, PLATFORM, account, Wish(plan, members), **how)

    return order


def there(bluesnap):
    shown = bluesnap.subscriptions[0]
    return shown.plan_id, shown.amount


def writes(bluesnap):
    return [
        {name: value for name, value in call.items() if name != "subscription_id"}
        for call in bluesnap.made("update_subscription")
    ]


def look(desk):
    """The worker looks, when nothing ordered can be under way any more."""
    soon = func.clock_timestamp()
    pending = SUBSCRIPTIONS.c.pending_until.is_not(None)
    with desk.tools.engine.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).where(pending).values(pending_until=soon))
        connection.execute(update(SUBSCRIPTIONS).values(look_at=soon))
    looks.look_due(desk.tools)
    return desk.subscriptions[0]


def renew(desk, bluesnap, bought, clock, day=date(2031, 5, 10)):
    """The billing day comes, and BlueSnap charges."""
    after = desk.subscriptions[0]
    clock.advance(seconds=(after.paid_until - clock()).total_seconds() + 60)
    bluesnap.renew(bought, day)
    return look(desk)


@pytest.mark.parametrize(("members", "total"), [(13, "377.00"), (8, "232.00"), (1, "29.00")])
def test_members_are_there_at_once_and_charged_from_the_next_billing_date(
    desk, bluesnap, bought, change, members, total
):
    after = change(members=members)
    assert (after.members, after.amount, after.applies_from, after.pending_change) == (
        members,
        Decimal(total),
        DUE,
        None,
    )
    assert desk.access().members == members
    assert there(bluesnap) == (TEAM, Decimal(total))
    assert writes(bluesnap) == [{"amount": Decimal(total)}]


def test_upgrade_gives_the_plan_at_once_and_the_price_later(desk, bluesnap, bought, change):
    after = change(plan="business")
    assert (after.plan, after.next_plan, after.amount, after.applies_from) == ("business", None, Decimal("490.00"), DUE)
    assert desk.access().plan == "business"
    assert there(bluesnap) == (BUSINESS, Decimal("490.00"))
    assert writes(bluesnap) == [{"plan_id": BUSINESS}, {"amount": Decimal("490.00")}]
    story = ["subscription.change_requested", "subscription.changed", "price.agreed", "subscription.change_confirmed"]
    assert desk.acts[-4:] == story


def test_cheaper_plan_takes_effect_with_the_next_period(desk, bluesnap, bought, change, clock):
    change(plan="business")
    renew(desk, bluesnap, bought, clock)
    after = change(plan="team")
    assert (after.plan, after.next_plan, after.amount) == ("business", "team", Decimal("290.00"))
    assert desk.access().plan == "business"
    later = renew(desk, bluesnap, bought, clock, date(2031, 6, 10))
    assert (later.plan, later.next_plan, later.applies_from, desk.access().plan) == ("team", None, None, "team")


def test_cheaper_plan_that_waited_is_the_one_that_is_bought_again(desk, bluesnap, bought, change, clock):
    change(plan="business")
    renew(desk, bluesnap, bought, clock)
    change(plan="team")
    bluesnap.change(bought, status="CANCELED")
    ended = look(desk)
    assert (ended.status, ended.plan, ended.next_plan, ended.amount) == ("ended", "team", None, Decimal("290.00"))
    bluesnap.next_charge = date(2031, 6, 20)
    again = desk.reactivate().subscription
    assert (again.plan, again.amount, again.status) == ("team", Decimal("290.00"), "active")


def test_downgrade_that_is_taken_back_charges_as_before(desk, bluesnap, bought, change, clock):
    change(plan="business")
    renew(desk, bluesnap, bought, clock)
    change(plan="team", members=4)
    after = change(plan="business", members=10)
    assert (after.plan, after.next_plan, after.amount) == ("business", None, Decimal("490.00"))
    assert there(bluesnap) == (BUSINESS, Decimal("490.00"))


def test_members_of_a_plan_that_waits_are_charged_by_its_price(bluesnap, desk, bought, change, clock):
    change(plan="business")
    renew(desk, bluesnap, bought, clock)
    change(plan="team")
    after = change(members=12)
    assert (after.plan, after.next_plan, after.members, after.amount) == ("business", "team", 12, Decimal("348.00"))


def test_change_to_what_is_so_already_calls_nobody(desk, bluesnap, bought, change):
    calls, acts = len(bluesnap.calls), desk.acts
    change(plan="team", members=10)
    assert (len(bluesnap.calls), desk.acts) == (calls, acts)


def test_charge_by_the_agreed_price_of_its_day_is_no_mismatch(desk, bluesnap, bought, change, clock):
    change(members=12)
    renew(desk, bluesnap, bought, clock)
    assert [row.amount for row in desk.charges] == [Decimal("290.00"), Decimal("348.00")]
    assert desk.rows(TASKS) == []


def test_prices_keep_what_was_agreed_from_which_day(desk, bluesnap, bought, change):
    change(members=12)
    change(members=15)
    agreed = [(row.applies_from, row.members, row.amount) for row in desk.rows(PRICES)]
    assert agreed[-1] == (DUE, 15, Decimal("435.00"))
    assert [day for day, _, _ in agreed].count(DUE) == 1, "what nobody was charged by is replaced"


def test_change_that_met_the_billing_moment_applies_from_the_charge_after(desk, bluesnap, bought, change):
    bluesnap.script(
        "update_subscription", afterwards=lambda: bluesnap.change(bought, next_charge_date=date(2031, 5, 10))
    )
    after = change(members=12)
    assert (after.next_charge_on, after.applies_from) == (date(2031, 5, 10), date(2031, 5, 10))


@pytest.mark.parametrize("members", [0, -1, 10_001])
def test_members_out_of_range_are_refused_before_any_call(desk, bluesnap, bought, change, members):
    calls = len(bluesnap.calls)
    assert refused(change, members=members).code is Code.MEMBERS_OUT_OF_RANGE
    assert len(bluesnap.calls) == calls


def test_what_the_state_does_not_allow_is_refused_before_any_call(desk, bluesnap, bought, change):
    change_renewal(desk.tools, PLATFORM, "acct-a", Order.CANCEL)
    calls = len(bluesnap.calls)
    assert refused(change, members=12).code is Code.SUBSCRIPTION_CANCELED
    assert refused(change, members=12, account="acct-b").code is Code.SUBSCRIPTION_NOT_FOUND
    assert refused(change, plan="platinum").code is Code.PLAN_UNKNOWN
    assert refused(change, plan="community").code is Code.PLAN_UNKNOWN
    assert len(bluesnap.calls) == calls


def test_stale_version_is_refused_with_the_present_one(desk, bought, change):
    now = desk.subscriptions[0].version
    refusal = refused(change, members=12, version=now - 1)
    assert (refusal.code, refusal.version) == (Code.VERSION_WRONG, now)


def test_second_change_while_one_is_under_way_loses_with_the_version(desk, bluesnap, bought, change):
    seen = []
    bluesnap.script("update_subscription", meanwhile=lambda: seen.append(refused(change, members=14)))
    after = change(members=12)
    assert after.members == 12
    assert seen[0].code is Code.SUBSCRIPTION_CHANGED
    assert seen[0].version is not None


def test_change_between_reading_and_ordering_wins(desk, bluesnap, bought, change):
    bluesnap.script("preview_switch", meanwhile=lambda: change(members=14))
    refusal = refused(change, plan="business")
    assert (refusal.code, refusal.version) == (Code.SUBSCRIPTION_CHANGED, desk.subscriptions[0].version)
    assert there(bluesnap) == (TEAM, Decimal("406.00"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NeverSent("refused"), Code.BLUESNAP_UNREACHABLE),
        (RetryLater("busy", status=429), Code.BLUESNAP_BUSY),
        (Rejected("validation", status=400), Code.DETAILS_REFUSED),
        (Misconfigured("no_right", status=401), Code.BLUESNAP_MISCONFIGURED),
        (NotFound("not_found", status=403), Code.BLUESNAP_FAILED),
    ],
)
@pytest.mark.parametrize("call", ["update_subscription", "get_subscription"])
def test_definite_refusal_leaves_everything_as_it_was(desk, bluesnap, bought, change, call, error, code):
    bluesnap.script(call, error)
    assert refused(change, plan="business").code is code
    row = desk.subscriptions[0]
    assert (row.plan, row.amount, row.pending_change, row.pending_plan) == ("team", Decimal("290.00"), None, None)
    assert there(bluesnap) == (TEAM, Decimal("290.00"))


def test_switch_that_would_charge_at_once_is_not_made(desk, bluesnap, bought, change):
    bluesnap.script("preview_switch", change=lambda _: Decimal("120.00"))
    assert refused(change, plan="business").code is Code.BLUESNAP_MISCONFIGURED
    assert there(bluesnap) == (TEAM, Decimal("290.00"))


def test_account_without_the_preview_call_can_switch(bluesnap, bought, change):
    bluesnap.script("preview_switch", NotFound("not_found", status=403))
    assert change(plan="business").plan == "business"


@pytest.mark.parametrize("happens", [True, False])
@pytest.mark.parametrize("lost", [1, 2])
def test_switch_lost_at_either_write_ends_at_an_agreed_price(desk, bluesnap, bought, change, lost, happens):
    for _ in range(lost - 1):
        bluesnap.script("update_subscription")
    bluesnap.script("update_subscription", Unknown("read_timed_out"), happens=happens)
    assert change(plan="business").pending_change == "change"
    after = look(desk)
    if lost == 1 and not happens:
        assert (after.plan, after.amount, there(bluesnap)) == ("team", Decimal("290.00"), (TEAM, Decimal("290.00")))
    else:
        assert (after.plan, after.amount, there(bluesnap)) == (
            "business",
            Decimal("490.00"),
            (BUSINESS, Decimal("490.00")),
        )
    assert after.pending_change is None


def test_second_write_refused_is_finished_by_the_worker(desk, bluesnap, bought, change):
    bluesnap.script("update_subscription")
    bluesnap.script("update_subscription", Rejected("validation", status=400))
    bluesnap.script("update_subscription", Rejected("validation", status=400))
    assert change(plan="business").pending_change == "change"
    assert look(desk).pending_change == "change", "half of it is done, so it is not given up"
    after = look(desk)
    assert (after.plan, after.pending_change, there(bluesnap)) == ("business", None, (BUSINESS, Decimal("490.00")))


def test_half_made_change_that_cannot_be_finished_goes_to_a_person(desk, bluesnap, bought, change):
    bluesnap.script("update_subscription")
    bluesnap.script("update_subscription", Rejected("validation", status=400), times=10)
    change(plan="business")
    for _ in range(8):
        look(desk)
    assert [row.kind for row in desk.rows(TASKS)] == ["change_stuck"]


def test_process_that_dies_between_the_writes_is_finished_by_the_worker(desk, bluesnap, bought, change):
    def die():
        raise KeyboardInterrupt

    bluesnap.script("update_subscription", afterwards=die)
    with pytest.raises(KeyboardInterrupt):
        change(plan="business", members=3)
    assert there(bluesnap) == (BUSINESS, Decimal("49.00")), (
        "the one state in which BlueSnap would charge by no agreed price"
    )
    after = look(desk)
    assert (after.plan, after.members, after.pending_change) == ("business", 3, None)
    assert there(bluesnap) == (BUSINESS, Decimal("147.00"))


def test_terms_at_bluesnap_that_nobody_agreed_go_to_a_person_once(desk, bluesnap, bought):
    bluesnap.change(bought, amount=Decimal("1.00"))
    look(desk)
    look(desk)
    assert [(row.kind, row.account) for row in desk.rows(TASKS)] == [("other_terms", "acct-a")]
    assert writes(bluesnap) == [], "no amount is written without a confirmed order"


def test_overcharge_becomes_a_task_with_the_excess(desk, bluesnap, bought, clock):
    bluesnap.change(bought, amount=Decimal("300.00"))
    renew(desk, bluesnap, bought, clock)
    tasks = {row.kind: row.amount for row in desk.rows(TASKS)}
    assert tasks["overcharge"] == Decimal("10.00")


def test_undercharge_is_never_charged_again(desk, bluesnap, bought, clock):
    bluesnap.change(bought, amount=Decimal("100.00"))
    renew(desk, bluesnap, bought, clock)
    assert "overcharge" not in {row.kind for row in desk.rows(TASKS)}
    assert len(bluesnap.made("create_subscription")) == 1


@pytest.mark.parametrize(
    ("wish", "plan", "total", "plan_from"),
    [
        (Wish(), "team", "290.00", None),
        (Wish(members=12), "team", "348.00", None),
        (Wish("business"), "business", "490.00", None),
        (Wish("business", 2), "business", "98.00", None),
    ],
)
def test_preview_says_what_a_change_would_charge_and_changes_nothing(
    desk, bluesnap, bought, wish, plan, total, plan_from
):
    calls, acts = len(bluesnap.calls), desk.acts
    seen = preview(desk.tools, "acct-a", wish)
    assert (seen.terms.plan, seen.terms.amount, seen.plan_from, seen.next_charge_on) == (
        plan,
        Decimal(total),
        plan_from,
        DUE,
    )
    assert (len(bluesnap.calls), desk.acts) == (calls, acts)


def test_preview_of_a_cheaper_plan_names_its_first_day(desk, bought, change):
    change(plan="business")
    assert preview(desk.tools, "acct-a", Wish("team")).plan_from == DUE


def test_preview_refuses_what_a_change_would_refuse(desk, bought):
    change_renewal(desk.tools, PLATFORM, "acct-a", Order.CANCEL)
    assert refused(preview, desk.tools, "acct-a", Wish(members=3)).code is Code.SUBSCRIPTION_CANCELED
    assert refused(preview, desk.tools, "acct-b", Wish()).code is Code.SUBSCRIPTION_NOT_FOUND


def test_charge_of_before_anything_was_agreed_is_no_mismatch(desk, bluesnap, bought):
    first = replace(
        bluesnap.charges[bought][0],
        charge_id="9",
        transaction_id="7999999",
        amount=Decimal("580.00"),
        charge_date=date(2030, 11, 10),
    )
    bluesnap.charges[bought].append(first)
    look(desk)
    assert Decimal("580.00") in {row.amount for row in desk.charges}
    assert desk.rows(TASKS) == []
