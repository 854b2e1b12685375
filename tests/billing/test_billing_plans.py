"""`plans check` tells every difference between what we sell and what BlueSnap would charge; `plans push` makes what is missing, once, and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from service.billing import plans
from service.billing.catalogue import Catalogue, Plan
from service.billing.plans import State
from service.errors import Misconfigured, NeverSent, NotFound, RetryLater, Unknown


def told(tools):
    return {(problem.plan, problem.what) for problem in plans.check(tools)}


def test_plans_as_we_sell_them_have_no_problem(tools, bluesnap):
    assert plans.check(tools) == []
    assert [call["plan_id"] for call in bluesnap.made("get_plan")] == ["2340002", "2340001"]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"status": "INACTIVE"}, "is not active"),
        ({"frequency": "ANNUALLY"}, "is not charged monthly"),
        ({"frequency": None}, "is not charged monthly"),
        ({"currency": "EUR"}, "has another currency"),
        ({"amount": Decimal("29.01")}, "has another price"),
        ({"amount": None}, "has another price"),
        ({"charge_on_switch": True}, "charges at once when a plan is switched (chargeOnPlanSwitch must be false)"),
        ({"grace_days": 59}, "has not 60 days of grace (gracePeriodDays)"),
        ({"grace_days": None}, "has not 60 days of grace (gracePeriodDays)"),
        ({"trial_days": 14}, "has a trial"),
        ({"initial_amount": Decimal(5)}, "has an initial charge"),
        ({"max_charges": 12}, "ends by itself after a number of charges (maxNumberOfCharges)"),
    ],
    ids=str,
)
def test_plan_with_other_terms_is_told(tools, bluesnap, values, what):
    bluesnap.plans["2340001"] = replace(bluesnap.plans["2340001"], **values)
    assert told(tools) == {("team", what)}


def test_plan_without_trial_and_initial_charge_may_not_mention_them(tools, bluesnap):
    bluesnap.plans["2340001"] = replace(bluesnap.plans["2340001"], trial_days=None, initial_amount=None)
    assert told(tools) == set()


def test_every_difference_of_every_plan_is_told(tools, bluesnap):
    for plan_id in ("2340001", "2340002"):
        bluesnap.plans[plan_id] = replace(bluesnap.plans[plan_id], status="INACTIVE", trial_days=3)
    assert told(tools) == {(plan, what) for plan in ("team", "business") for what in ("is not active", "has a trial")}


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (NotFound("not_found"), "BlueSnap has no such plan, or not for this user"),
        (Unknown("read_timed_out"), "BlueSnap could not be asked (read_timed_out)"),
        (Misconfigured("credentials_refused"), "BlueSnap could not be asked (credentials_refused)"),
    ],
)
def test_plan_that_cannot_be_read_is_told(tools, bluesnap, error, what):
    bluesnap.script("get_plan", error)
    assert told(tools) == {("business", what)}


def sold_before(provider_plan):
    """A catalogue whose first version of Team has this plan at BlueSnap, and the second one another."""
    old = Plan("team", 1, Decimal("25.00"), "USD", provider_plan)
    return Catalogue([old, Plan("team", 2, Decimal("29.00"), "USD", "2340001")])


def test_plan_of_an_older_version_keeps_its_conditions_but_price_and_status(tools, bluesnap):
    bluesnap.plans["2340099"] = replace(bluesnap.plans["2340001"], status="INACTIVE", amount=Decimal(1), grace_days=10)
    before = replace(tools, catalogue=sold_before("2340099"))
    assert told(before) == {("team", "has not 60 days of grace (gracePeriodDays)")}


def test_plan_that_both_versions_share_is_read_once(tools, bluesnap):
    assert told(replace(tools, catalogue=sold_before("2340001"))) == set()
    assert len(bluesnap.made("get_plan")) == 1


@pytest.fixture
def unmade(tools):
    """Tools over a catalogue whose Team plan has no id at BlueSnap yet."""
    free = Plan("community", 1, Decimal(0), "USD", "")
    return replace(tools, catalogue=Catalogue([free, Plan("team", 3, Decimal("31.00"), "USD", "")]))


NAME = "Team monthly (version 3)"


def pushed(tools, *, apply=True):
    (one,) = plans.push(tools, apply=apply)
    return one.state, one.provider_plans


def test_push_without_apply_makes_nothing(unmade, bluesnap):
    assert pushed(unmade, apply=False) == (State.TO_MAKE, ())
    assert [call.name for call in bluesnap.calls] == ["list_plans"]


def test_push_makes_the_missing_plan_as_we_sell_it(unmade, bluesnap):
    state, (plan_id,) = pushed(unmade)
    assert state is State.MADE
    made = bluesnap.plans[plan_id]
    assert (made.name, made.amount, made.currency, made.grace_days) == (NAME, Decimal("31.00"), "USD", 60)


def test_second_push_finds_what_the_first_one_made(unmade, bluesnap):
    _, ids = pushed(unmade)
    assert pushed(unmade) == (State.FOUND, ids)
    assert len(bluesnap.made("create_plan")) == 1


def test_plan_whose_making_was_not_answered_is_found_in_the_list(unmade, bluesnap):
    bluesnap.script("create_plan", Unknown("read_timed_out"), happens=True)
    state, ids = pushed(unmade)
    assert (state, list(ids)) == (State.FOUND, [one.plan_id for one in bluesnap.plans.values() if one.name == NAME])
    assert pushed(unmade) == (State.FOUND, ids)
    assert len(bluesnap.made("create_plan")) == 1


def test_plan_that_a_list_does_not_show_yet_is_made_again_under_the_same_key(unmade, bluesnap):
    bluesnap.script("create_plan", Unknown("read_timed_out"), happens=True)
    bluesnap.script("list_plans", times=3, change=lambda found: [one for one in found if one.name != NAME])
    assert pushed(unmade) == (State.UNKNOWN, ())
    assert pushed(unmade)[0] is State.MADE
    assert len({call["idempotency_key"] for call in bluesnap.made("create_plan")}) == 1
    assert [one.name for one in bluesnap.plans.values()].count(NAME) == 1


def test_plan_at_another_price_has_another_key(unmade, bluesnap):
    _, (plan_id,) = pushed(unmade)
    del bluesnap.plans[plan_id]
    pushed(replace(unmade, catalogue=Catalogue([Plan("team", 3, Decimal("32.00"), "USD", "")])))
    assert len({call["idempotency_key"] for call in bluesnap.made("create_plan")}) == 2


@pytest.mark.parametrize(
    "error", [NeverSent("connection_refused"), RetryLater("throttled"), Misconfigured("forbidden")]
)
def test_plan_that_was_refused_is_told_with_the_cause(unmade, bluesnap, error):
    bluesnap.script("create_plan", error)
    (one,) = plans.push(unmade, apply=True)
    assert (one.state, one.reasons) == (State.FAILED, (f"BlueSnap did not do it or did not say ({error.cause})",))


def test_plan_that_was_made_and_cannot_be_read_back_is_not_called_made(unmade, bluesnap):
    bluesnap.script("get_plan", Unknown("read_timed_out"))
    state, ids = pushed(unmade)
    assert (state, len(ids)) == (State.UNKNOWN, 1)


def test_plan_that_came_out_otherwise_than_ordered_is_told(unmade, bluesnap):
    bluesnap.script("get_plan", change=lambda found: replace(found, charge_on_switch=None))
    assert pushed(unmade)[0] is State.DIFFERS


def test_plan_of_the_name_that_differs_is_told_and_neither_changed_nor_doubled(unmade, bluesnap):
    other = replace(bluesnap.new_plan(NAME, Decimal("31.00")), trial_days=14, grace_days=30)
    bluesnap.plans[other.plan_id] = other
    (one,) = plans.push(unmade, apply=True)
    assert (one.state, one.provider_plans) == (State.DIFFERS, (other.plan_id,))
    assert one.reasons == ("has not 60 days of grace (gracePeriodDays)", "has a trial")
    assert [call.name for call in bluesnap.calls] == ["list_plans"]


def test_two_fitting_plans_of_the_name_are_left_to_a_person(unmade, bluesnap):
    for _ in range(2):
        made = bluesnap.new_plan(NAME, Decimal("31.00"))
        bluesnap.plans[made.plan_id] = made
    state, ids = pushed(unmade)
    assert (state, len(ids)) == (State.AMBIGUOUS, 2)


def test_plan_with_an_id_is_never_made_again(tools, bluesnap):
    del bluesnap.plans["2340001"]
    bluesnap.plans["2340002"] = replace(bluesnap.plans["2340002"], trial_days=1)
    states = {one.plan: (one.state, one.reasons) for one in plans.push(tools, apply=True)}
    assert states == {
        "business": (State.DIFFERS, ("has a trial",)),
        "team": (State.DIFFERS, ("BlueSnap has no such plan, or not for this user",)),
    }
    assert {call.name for call in bluesnap.calls} == {"get_plan"}


def test_plan_with_an_id_that_could_not_be_read_is_not_called_different(tools, bluesnap):
    bluesnap.script("get_plan", Unknown("read_timed_out"))
    assert [one.state for one in plans.push(tools, apply=True)] == [State.FAILED, State.PRESENT]


def test_push_ends_where_the_plans_cannot_be_listed(unmade, bluesnap):
    bluesnap.script("list_plans", Unknown("read_timed_out"))
    with pytest.raises(Unknown):
        plans.push(unmade, apply=True)
    assert bluesnap.made("create_plan") == []
