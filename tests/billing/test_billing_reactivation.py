"""Taking a canceled plan up again: undone while it is paid, bought anew with the stored card afterwards, and never twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from service.billing.life.cancellation import change_renewal
from service.billing.life.intents import Order
from service.bluesnap.cards import CardHint
from service.errors import Code, DeclineReason, NeverSent, NotFound, Refusal, Rejected
from service.store.models import PRICES, TASKS
from tests.support.databases import by_stealth
from tests.support.desk import PLATFORM, Desk
from tests.support.outcomes import LOST, SOFT, TROUBLES, refused

VISA = CardHint("VISA", "1111")


@pytest.fixture
def canceled(desk, bought):
    """A plan whose paid period still runs."""
    return change_renewal(desk.tools, PLATFORM, "acct-a", Order.CANCEL)


@pytest.fixture
def ended(desk, bluesnap, canceled, clock):
    """A plan that is over, here and at BlueSnap."""
    return end(desk, bluesnap, canceled, clock)


def end(desk, bluesnap, canceled, clock):
    clock.advance(seconds=(canceled.paid_until - clock()).total_seconds())
    bluesnap.change(canceled.provider_subscription, status="CANCELED")
    with by_stealth(desk.tools.engine) as connection:
        connection.exec_driver_sql("UPDATE subscriptions SET status = 'ended', ended_at = now(), renews = false")
    bluesnap.next_charge = clock().date().replace(month=clock().month + 1)
    return canceled


def bought_ones(bluesnap):
    return [one for one in bluesnap.subscriptions if one.status == "ACTIVE"]


def test_cancellation_is_undone_within_the_paid_period(desk, bluesnap, canceled):
    done = desk.reactivate()
    assert (done.bought, done.subscription.id, done.subscription.renews) == (False, canceled.id, True)
    assert len(bluesnap.made("create_subscription")) == 1
    assert desk.access().reason == "paid"


@pytest.mark.parametrize("given", [{"plan": "team"}, {"members": 3}, {"plan": "business", "members": 3}])
def test_other_terms_are_refused_within_the_paid_period(desk, bluesnap, canceled, given):
    calls = len(bluesnap.calls)
    told = refused(desk.reactivate, **given)
    assert told.code is Code.FIELD_NOT_ALLOWED
    assert {error.pointer for error in told.errors} == {f"/{name}" for name in given}
    assert len(bluesnap.calls) == calls


def test_undoing_whose_outcome_is_unknown_is_pending(desk, bluesnap, canceled):
    bluesnap.script("update_subscription", LOST)
    assert desk.reactivate().subscription.pending_change == "resumption"


def test_plan_that_is_over_is_bought_again_with_the_stored_card(desk, bluesnap, ended):
    done = desk.reactivate()
    again = done.subscription
    assert (done.bought, again.status, again.id != ended.id) == (True, "active", True)
    assert (again.plan, again.members, again.amount) == (ended.plan, ended.members, ended.amount)
    assert again.provider_shopper == ended.provider_shopper
    assert (desk.access().reason, desk.states) == ("paid", ["active", "active"])
    assert len(bluesnap.made("create_shopper")) == 1
    (_, sent) = bluesnap.made("create_subscription")
    assert (sent["shopper_id"], sent["amount"]) == (ended.provider_shopper, ended.amount)
    assert [row.subscription_id for row in desk.rows(PRICES)] == [ended.id, again.id]
    assert [(row.subscription_id, row.kind) for row in desk.charges][-1] == (again.id, "initial")


def test_story_of_a_purchase_with_the_stored_card_stands_in_the_journal(desk, ended):
    told = len(desk.acts)
    desk.reactivate()
    assert desk.acts[told:] == [
        "subscription.claimed",
        "signup.subscription_requested",
        "subscription.activated",
        "price.agreed",
        "charge.recorded",
        "signup.active",
    ]


def test_another_plan_may_be_bought_again_at_todays_price(desk, bluesnap, ended):
    again = desk.reactivate(plan="business", members=3).subscription
    assert (again.plan, again.members, str(again.amount)) == ("business", 3, "147.000")
    assert bluesnap.made("create_subscription")[-1]["plan_id"] == "2340002"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"plan": "gold"}, Code.PLAN_UNKNOWN),
        ({"plan": "community"}, Code.PLAN_UNKNOWN),
        ({"members": 0}, Code.MEMBERS_OUT_OF_RANGE),
        ({"members": 10_001}, Code.MEMBERS_OUT_OF_RANGE),
    ],
)
def test_terms_that_are_not_for_sale_are_refused_before_any_call(desk, bluesnap, ended, given, code):
    calls = len(bluesnap.calls)
    assert refused(desk.reactivate, **given).code is code
    assert len(bluesnap.calls) == calls


def test_account_that_never_bought_has_nothing_to_take_up(desk, bluesnap):
    assert refused(desk.reactivate).code is Code.SUBSCRIPTION_NOT_FOUND
    assert bluesnap.calls == []


def test_plan_that_renews_is_not_bought_again(desk, bluesnap, bought):
    calls = len(bluesnap.calls)
    assert refused(desk.reactivate).code is Code.SUBSCRIPTION_EXISTS
    assert len(bluesnap.calls) == calls


def test_disputed_plan_is_not_taken_up(desk, bluesnap, canceled):
    with by_stealth(desk.tools.engine) as connection:
        connection.exec_driver_sql("UPDATE subscriptions SET status = 'disputed'")
    assert refused(desk.reactivate).code is Code.SUBSCRIPTION_DISPUTED


def test_undecided_signup_of_the_account_is_waited_for(desk, bluesnap, ended):
    bluesnap.script("create_subscription", LOST)
    desk.buy()
    calls = len(bluesnap.calls)
    assert refused(desk.reactivate).code is Code.SIGNUP_UNDECIDED
    assert len(bluesnap.calls) == calls


def test_end_that_the_worker_has_not_seen_yet_is_seen_first(desk, bluesnap, canceled, clock):
    clock.advance(seconds=(canceled.paid_until - clock()).total_seconds())
    bluesnap.next_charge = clock().date().replace(month=clock().month + 1)
    done = desk.reactivate()
    assert (done.bought, done.subscription.status) == (True, "active")
    assert [row.status for row in desk.subscriptions] == ["ended", "active"]


def test_plan_that_was_taken_up_in_the_portal_is_not_bought_again(desk, bluesnap, canceled, clock):
    clock.advance(seconds=(canceled.paid_until - clock()).total_seconds())
    later = clock().date().replace(month=clock().month + 1)
    bluesnap.change(canceled.provider_subscription, auto_renew=True, next_charge_date=later)
    assert refused(desk.reactivate).code is Code.SUBSCRIPTION_EXISTS
    assert len(bluesnap.made("create_subscription")) == 1


def test_decline_carries_the_platforms_reason_and_leaves_the_account_free(desk, bluesnap, ended):
    bluesnap.script("create_subscription", SOFT)
    told = refused(desk.reactivate)
    assert (told.code, told.reason) == (Code.CARD_DECLINED, DeclineReason.INSUFFICIENT_FUNDS)
    assert ([row.status for row in desk.subscriptions], desk.states) == (["ended", "void"], ["active", "declined"])
    assert desk.reactivate().subscription.status == "active"


def test_reactivations_count_as_card_attempts_of_the_account(make_tools, desk, bluesnap, ended):
    few = Desk(make_tools(attempts_per_account="2"), bluesnap)
    bluesnap.script("create_subscription", SOFT, times=2)
    for _ in range(2):
        assert refused(few.reactivate).code is Code.CARD_DECLINED
    calls = len(bluesnap.calls)
    assert refused(few.reactivate).code is Code.TOO_MANY_ATTEMPTS
    assert len(bluesnap.calls) == calls


@pytest.mark.parametrize("happens", [True, False], ids=["done", "not done"])
def test_lost_answer_is_settled_by_the_worker_and_never_charged_twice(desk, bluesnap, ended, happens):
    bluesnap.script("create_subscription", LOST, happens=happens)
    assert desk.reactivate().subscription is None
    assert desk.states == ["active", "subscription_unknown"]
    assert refused(desk.reactivate).code is Code.SIGNUP_UNDECIDED
    desk.settle()
    assert desk.states[1] == ("active" if happens else "subscription_unknown")
    assert len(bluesnap.made("create_subscription")) == 2
    assert len(bought_ones(bluesnap)) == happens


def test_proven_keys_let_an_absent_purchase_be_repeated(proven, bluesnap, clock, ended):
    bluesnap.script("create_subscription", LOST)
    assert proven.reactivate().subscription is None
    proven.settle()
    assert proven.states == ["active", "active"]
    _, first, second = bluesnap.made("create_subscription")
    assert first == second


def test_subscription_that_was_over_before_is_never_adopted(desk, bluesnap, ended):
    (known,) = bluesnap.subscriptions
    bluesnap.subscriptions.append(replace(known, subscription_id="7199999"))
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.reactivate()
    desk.settle()
    again = desk.subscriptions[1]
    assert (again.status, again.provider_subscription) == ("active", bought_ones(bluesnap)[0].subscription_id)


def test_live_subscription_that_we_do_not_know_stops_the_purchase(desk, bluesnap, ended):
    (known,) = bluesnap.subscriptions
    bluesnap.subscriptions.append(replace(known, subscription_id="7199999", status="ACTIVE"))
    for _ in range(2):
        assert refused(desk.reactivate).code is Code.SUBSCRIPTION_EXISTS
    assert [(row.kind, row.reference, row.account) for row in desk.rows(TASKS)] == [
        ("second_subscription", "7199999", "acct-a")
    ]
    assert len(bluesnap.made("create_subscription")) == 1


def test_subscription_that_is_being_bought_just_now_is_nobodys_task(desk, bluesnap, ended):
    bluesnap.script("create_subscription", LOST, happens=True)
    bluesnap.script("list_subscriptions", meanwhile=desk.reactivate)
    assert refused(desk.reactivate).code is Code.SIGNUP_UNDECIDED
    assert (len(bought_ones(bluesnap)), desk.rows(TASKS)) == (1, [])


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: error.cause)
@pytest.mark.parametrize("call", ["get_subscription_card", "get_cards", "list_subscriptions"])
def test_trouble_before_the_purchase_claims_nothing(desk, bluesnap, ended, call, trouble):
    bluesnap.script(call, trouble)
    refused(desk.reactivate)
    assert len(desk.subscriptions) == 1
    assert desk.reactivate().subscription.status == "active"


def test_shopper_without_a_card_cannot_buy_again(desk, bluesnap, ended):
    bluesnap.vault.clear()
    assert refused(desk.reactivate).code is Code.CARD_NOT_FOUND
    bluesnap.script("get_subscription_card", NotFound("not_found"))
    assert refused(desk.reactivate).code is Code.CARD_NOT_FOUND
    assert len(desk.subscriptions) == 1


def test_cards_left_over_are_cleared_away_before_the_purchase(desk, bluesnap, ended):
    bluesnap.type_card("JCB", "0410")
    bluesnap.store_typed(ended.provider_shopper)
    desk.reactivate()
    assert bluesnap.cards_of(ended.provider_shopper) == [VISA]


def test_vault_is_left_alone_where_bluesnap_does_not_show_which_card_was_charged(desk, bluesnap, ended):
    bluesnap.charged_card.clear()
    assert desk.reactivate().subscription.status == "active"
    assert bluesnap.made("delete_card") == []
    assert bluesnap.cards_of(ended.provider_shopper) == [VISA]


def test_several_cards_that_must_stay_stop_the_purchase(desk, bluesnap, ended):
    bluesnap.type_card("JCB", "0410")
    bluesnap.store_typed(ended.provider_shopper)
    bluesnap.script("delete_card", Rejected("invalid_request"))
    assert refused(desk.reactivate).code is Code.CARDS_ALIKE
    assert len(bluesnap.made("create_subscription")) == 1


def test_charge_that_did_not_leave_is_made_by_the_worker(desk, bluesnap, ended):
    bluesnap.script("create_subscription", NeverSent("connection_refused"))
    assert desk.reactivate().subscription is None
    desk.settle()
    assert (desk.states, len(bought_ones(bluesnap))) == (["active", "active"], 1)


def test_rejected_purchase_frees_the_account(desk, bluesnap, ended):
    bluesnap.script("create_subscription", Rejected("invalid_request"))
    assert refused(desk.reactivate).code is Code.DETAILS_REFUSED
    assert [row.status for row in desk.subscriptions] == ["ended", "void"]


def test_process_that_dies_during_the_purchase_is_settled_by_the_worker(desk, bluesnap, ended):
    bluesnap.script("create_subscription", KeyboardInterrupt(), happens=True)
    with pytest.raises(KeyboardInterrupt):
        desk.reactivate()
    desk.settle()
    desk.settle()
    assert (desk.states, len(bought_ones(bluesnap))) == (["active", "active"], 1)


def test_threads_reactivating_at_once_buy_once(desk, bluesnap, ended):
    def act(_):
        try:
            return desk.reactivate().subscription.status
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(6) as pool:
        ends = list(pool.map(act, range(6)))
    assert ends.count("active") == 1
    assert set(ends) <= {"active", Code.SUBSCRIPTION_EXISTS, Code.SIGNUP_UNDECIDED}
    assert (len(bought_ones(bluesnap)), desk.rows(TASKS)) == (1, [])
