"""Is every plan of the catalogue at BlueSnap what we sell? A plan with other terms would charge customers by rules that we did not publish."""

from __future__ import annotations

from dataclasses import dataclass

from service.billing.catalogue import Plan
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.errors import BlueSnapError, NotFound

GRACE_DAYS = 60


@dataclass(frozen=True)
class PlanProblem:
    """What is wrong with a plan: a constant text."""

    plan: str
    what: str


def check(tools: Tools) -> list[PlanProblem]:
    """Every difference, for every plan that is for sale (DESIGN section 3, how the price reaches BlueSnap)."""
    return [problem for plan in tools.catalogue.paid for problem in _check_plan(tools, plan)]


def _check_plan(tools: Tools, plan: Plan) -> list[PlanProblem]:
    try:
        found = tools.bluesnap.get_plan(plan.provider_plan)
    except NotFound:
        return [PlanProblem(plan.id, "BlueSnap has no such plan, or not for this user")]
    except BlueSnapError as error:
        return [PlanProblem(plan.id, f"BlueSnap could not be asked ({error.cause})")]
    return [PlanProblem(plan.id, text) for text in _differences(plan, found)]


def _differences(plan: Plan, found: payloads.Plan) -> list[str]:
    conditions = {
        "is not active": found.status == "ACTIVE",
        "is not charged monthly": found.frequency == "MONTHLY",
        "has another currency": found.currency == plan.currency,
        "has another price": found.amount == plan.price,
        "charges at once when a plan is switched (chargeOnPlanSwitch must be false)": found.charge_on_switch is False,
        f"has not {GRACE_DAYS} days of grace (gracePeriodDays)": found.grace_days == GRACE_DAYS,
        "has a trial": not found.trial_days,
        "has an initial charge": not found.initial_amount,
    }
    return [text for text, holds in conditions.items() if not holds]
