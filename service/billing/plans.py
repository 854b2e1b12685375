"""Is every plan of the catalogue at BlueSnap what we sell, and making those that are missing. Must never change a plan there: customers may be on it."""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal

import structlog

from service.billing.catalogue import Plan
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.errors import BlueSnapError, NotFound, Unknown

GRACE_DAYS = 60
#: For keys of plans to make: the same plan has the same key, whoever pushes it.
NAMESPACE = uuid.UUID("3f0d1c52-58a5-4f0e-8a53-6a2f6a1f2b4d")
log = structlog.get_logger()
INACTIVE, OTHER_PRICE = "is not active", "has another price"


@dataclass(frozen=True)
class PlanProblem:
    """What is wrong with a plan: a constant text. `asked` is false where BlueSnap did not answer, so that nothing is known."""

    plan: str
    what: str
    asked: bool = True


def check(tools: Tools) -> list[PlanProblem]:
    """Every difference, for every plan that is for sale or was (DESIGN section 3, how the price reaches BlueSnap).

    A plan of older versions only may be inactive, and its price is each subscription's own.
    """
    problems = [problem for plan in tools.catalogue.paid for problem in _check_plan(tools, plan)]
    for plan in tools.catalogue.superseded:
        problems += [problem for problem in _check_plan(tools, plan) if problem.what not in {INACTIVE, OTHER_PRICE}]
    return problems


def _check_plan(tools: Tools, plan: Plan) -> list[PlanProblem]:
    try:
        found = tools.bluesnap.get_plan(plan.provider_plan)
    except NotFound:
        return [PlanProblem(plan.id, "BlueSnap has no such plan, or not for this user")]
    except BlueSnapError as error:
        return [PlanProblem(plan.id, f"BlueSnap could not be asked ({error.cause})", asked=False)]
    return [PlanProblem(plan.id, text) for text in differences(plan, found)]


def differences(plan: Plan, found: payloads.Plan) -> list[str]:
    """What BlueSnap's plan is not that ours must be."""
    conditions = {
        INACTIVE: found.status == "ACTIVE",
        "is not charged monthly": found.frequency == "MONTHLY",
        "has another currency": found.currency == plan.currency,
        OTHER_PRICE: found.amount == plan.price,
        "charges at once when a plan is switched (chargeOnPlanSwitch must be false)": found.charge_on_switch is False,
        f"has not {GRACE_DAYS} days of grace (gracePeriodDays)": found.grace_days == GRACE_DAYS,
        "has a trial": not found.trial_days,
        "has an initial charge": not found.initial_amount,
        "ends by itself after a number of charges (maxNumberOfCharges)": not found.max_charges,
    }
    return [text for text, holds in conditions.items() if not holds]


class State(enum.StrEnum):
    """How a plan stands after a push. Only the first three are fine."""

    PRESENT = "present"
    FOUND = "found"
    MADE = "made"
    TO_MAKE = "to_make"
    DIFFERS = "differs"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"
    UNKNOWN = "unknown"


FINE = {State.PRESENT, State.FOUND, State.MADE}


@dataclass(frozen=True)
class Pushed:
    """A plan of the catalogue after a push: its name at BlueSnap, the ids that it has there, and why where it is not fine."""

    plan: str
    version: int
    state: State
    name: str
    provider_plans: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def name_of(plan: Plan) -> str:
    """What a version of a plan is called at BlueSnap, and by which it is found again: BlueSnap keeps no other name of ours (bluesnap/api.md section 9)."""
    return f"{plan.id.capitalize()} monthly (version {plan.version})"


def push(tools: Tools, *, apply: bool) -> list[Pushed]:
    """Make the plans to which plans.toml gives no id in this environment, unless one of their name was made before.

    Without `apply` nothing is made. A plan that differs is only told. Raises BlueSnapError if the plans cannot be listed.
    """
    wanted = tools.catalogue.priced
    listed = tools.bluesnap.list_plans() if any(not plan.provider_plan for plan in wanted) else []
    return [
        _named(tools, plan) if plan.provider_plan else _unnamed(tools, plan, listed, apply=apply) for plan in wanted
    ]


def _named(tools: Tools, plan: Plan) -> Pushed:
    """A plan whose id is in plans.toml. If BlueSnap does not show it, another one is not made: the id may be wrong, or a right missing."""
    problems = _check_plan(tools, plan)
    state = State.DIFFERS if problems else State.PRESENT
    if not all(problem.asked for problem in problems):
        state = State.FAILED
    reasons = tuple(problem.what for problem in problems)
    return Pushed(plan.id, plan.version, state, name_of(plan), (plan.provider_plan,), reasons)


def _unnamed(tools: Tools, plan: Plan, listed: list[payloads.Plan], *, apply: bool) -> Pushed:
    alike = _made_before(plan, listed)
    if alike is not None:
        return alike
    return _made(tools, plan) if apply else Pushed(plan.id, plan.version, State.TO_MAKE, name_of(plan))


def _made_before(plan: Plan, listed: list[payloads.Plan]) -> Pushed | None:
    """What the plans of the same name at BlueSnap come to; None if there is none."""
    alike = [one for one in listed if one.name == name_of(plan)]
    if not alike:
        return None
    fitting = [one.plan_id for one in alike if not differences(plan, one)]
    if not fitting:
        ids, reasons = tuple(one.plan_id for one in alike), tuple(differences(plan, alike[0]))
        return Pushed(plan.id, plan.version, State.DIFFERS, name_of(plan), ids, reasons)
    state = State.FOUND if len(fitting) == 1 else State.AMBIGUOUS
    return Pushed(plan.id, plan.version, state, name_of(plan), tuple(fitting))


def _made(tools: Tools, plan: Plan) -> Pushed:
    """Make it, once: the key is the plan's own, and after an unknown outcome the list says whether it is there."""
    name = name_of(plan)
    terms = f"{tools.settings.environment}|{name}|{_plain(plan.price)}|{plan.currency}"
    key = str(uuid.uuid5(NAMESPACE, terms))
    try:
        made = tools.bluesnap.create_plan(
            name=name, amount=plan.price, currency=plan.currency, grace_days=GRACE_DAYS, idempotency_key=key
        )
    except Unknown as error:
        return _looked_for(tools, plan, error)
    except BlueSnapError as error:
        return Pushed(plan.id, plan.version, State.FAILED, name, reasons=(_asked_in_vain(error),))
    log.info(
        "plan.made", actor="operator", version=str(plan.version)
    )  # the one act of an operator that no record of ours shows
    return _confirmed(tools, plan, made.plan_id)


def _confirmed(tools: Tools, plan: Plan, plan_id: str) -> Pushed:
    """Only a read shows what was made: an answer may hold an id and no more."""
    try:
        reasons = tuple(differences(plan, tools.bluesnap.get_plan(plan_id)))
    except BlueSnapError as error:
        unread = ("it was made and could not be read back: run `plans check` once its id is in plans.toml",)
        return Pushed(plan.id, plan.version, State.UNKNOWN, name_of(plan), (plan_id,), (*unread, _asked_in_vain(error)))
    return Pushed(plan.id, plan.version, State.DIFFERS if reasons else State.MADE, name_of(plan), (plan_id,), reasons)


def _looked_for(tools: Tools, plan: Plan, lost: Unknown) -> Pushed:
    why = ("nobody knows whether it was made: push again later, which finds it if it was", _asked_in_vain(lost))
    unknown = Pushed(plan.id, plan.version, State.UNKNOWN, name_of(plan), reasons=why)
    try:
        return _made_before(plan, tools.bluesnap.list_plans()) or unknown
    except BlueSnapError:
        return unknown


def _asked_in_vain(error: BlueSnapError) -> str:
    return f"BlueSnap did not do it or did not say ({error.cause})"


def _plain(price: Decimal) -> str:
    return format(price.normalize(), "f")
