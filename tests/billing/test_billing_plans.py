"""`plans check`: every difference between what we sell and what BlueSnap would charge is told, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from service.billing import plans
from service.errors import Misconfigured, NotFound, Unknown


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
