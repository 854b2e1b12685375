"""Billing plans (bluesnap/api.md section 9). A plan is never deleted, and never gains or loses a trial or an initial charge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulator.answers import Answer, Refused, refusal
from simulator.catalogue import FREQUENCIES, Plan
from simulator.protocol import payloads
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import amount, boolean, identifier, page, text, whole

LIMIT = 1_000
_STATUSES = ("ACTIVE", "INACTIVE")


def create(exchange: Exchange) -> Answer:
    """POST /recurring/plans."""
    world, body = exchange.world, exchange.body
    if len(world.plans) >= LIMIT:
        raise Refused(refusal("24004", "API_CONFIGURATION_ISSUE", "No more plans can be created."))
    for name in ("name", "chargeFrequency", "currency", "recurringChargeAmount"):
        if body.get(name) in (None, ""):
            raise Refused(refusal("24002", "MISSING_REQUIRED_FIELD", f"{name} is required."))
    if body.get("status", "ACTIVE") != "ACTIVE":
        raise Refused(refusal("24017", "CANNOT_CREATE_INACTIVE_PLAN", "A plan cannot be created inactive."))
    currency = _currency(body)
    made = Plan(
        id=world.ids.next(),
        name=_name(body),
        frequency=_frequency(body),
        currency=currency,
        recurring_amount=_price(body, currency),
        grace_days=whole(body, "gracePeriodDays", "24007", "INVALID_GRACE_PERIOD"),
        trial_days=whole(body, "trialPeriodDays", "24008", "INVALID_TRIAL_DAYS"),
        initial_amount=_initial(body, currency),
        max_charges=whole(body, "maxNumberOfCharges", "24009", "INVALID_MAX_NUMBER_OF_CHARGES"),
        charge_on_switch=bool(boolean(body, "chargeOnPlanSwitch")),
    )
    world.plans[made.id] = made
    return Answer(200, payloads.plan(made), headers=exchange.location(f"/recurring/plans/{made.id}"))


def get(exchange: Exchange, plan_id: str) -> Answer:
    """GET /recurring/plans/{id}."""
    return Answer(200, payloads.plan(known(exchange, plan_id)))


def list_all(exchange: Exchange) -> Answer:
    """GET /recurring/plans."""
    plans = exchange.world.plans
    ids, facts = page(exchange.query, list(plans))
    return Answer(200, {**facts, "plans": [payloads.plan(plans[plan_id]) for plan_id in ids]})


def update(exchange: Exchange, plan_id: str) -> Answer:
    """PUT /recurring/plans/{id}: name, price, grace period, switch rule and status; nothing else can change."""
    body, found = exchange.body, known(exchange, plan_id)
    for name, current in (("trialPeriodDays", found.trial_days), ("initialChargeAmount", found.initial_amount)):
        if name in body and body[name] is not None and current is None:
            raise Refused(refusal("24015", "CANNOT_ADD_ELEMENT", f"{name} cannot be added."))
        if name in body and body[name] is None and current is not None:
            raise Refused(refusal("24018", "CANNOT_DELETE_ELEMENT", f"{name} cannot be removed."))
    for name, value in (("currency", found.currency), ("chargeFrequency", found.frequency)):
        if body.get(name, value) != value:
            raise Refused(refusal("24014", "NON_UPDATABLE_FIELD", f"{name} cannot be changed."))
    if body.get("status", found.status) not in _STATUSES:
        raise Refused(refusal("24016", "INVALID_STATUS", "Status is not valid."))
    changed = Plan(**vars(found))
    changed.name = _name(body) if "name" in body else found.name
    changed.status = body.get("status", found.status)
    if "recurringChargeAmount" in body:
        changed.recurring_amount = _price(body, found.currency)
    if "gracePeriodDays" in body:
        changed.grace_days = whole(body, "gracePeriodDays", "24007", "INVALID_GRACE_PERIOD")
    if "chargeOnPlanSwitch" in body:
        changed.charge_on_switch = bool(boolean(body, "chargeOnPlanSwitch"))
    vars(found).update(vars(changed))
    return Answer(200, payloads.plan(found))


def known(exchange: Exchange, plan_id: object) -> Plan:
    """The plan; raises Refused with a 403."""
    found = exchange.world.plans.get(identifier(plan_id))
    if found is None:
        raise exchange.missing("the plan")
    return found


def _name(body: dict[str, Any]) -> str:
    if not isinstance(body["name"], str) or not 1 <= len(body["name"]) <= 199:
        raise Refused(refusal("24010", "INVALID_BILLING_PLAN_NAME_LENGTH", "Plan name must have 1 to 199 characters."))
    return body["name"]


def _frequency(body: dict[str, Any]) -> str:
    frequency = str(body["chargeFrequency"]).replace("_", " ")
    if frequency not in FREQUENCIES:
        raise Refused(refusal("24001", "INVALID_CHARGE_FREQUENCY", "Charge frequency is not valid."))
    return frequency


def _currency(body: dict[str, Any]) -> str:
    currency = text(body, "currency")
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise Refused(refusal("24011", "CURRENCY_NOT_FOUND", "Currency is not valid."))
    return currency


def _price(body: dict[str, Any], currency: str) -> Decimal:
    wrong = Refused(refusal("24006", "PRICE_MUST_BE_POSITIVE", "Price must be positive."))
    price = amount(body["recurringChargeAmount"], currency, wrong)
    if price <= 1:
        raise Refused(refusal("24005", "RECURRING_PRICE_MINIMUM_LIMIT_NOT_REACHED", "Price must exceed 1 USD."))
    return price


def _initial(body: dict[str, Any], currency: str) -> Decimal | None:
    if body.get("initialChargeAmount") is None:
        return None
    wrong = Refused(refusal("24006", "PRICE_MUST_BE_POSITIVE", "Price must be positive."))
    return amount(body["initialChargeAmount"], currency, wrong)
