"""Changing subscriptions by PUT, previewing a switch of plan, and the sandbox's renewal on demand (bluesnap/api.md sections 5 and 10). Everything is checked before anything changes."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from simulator import changes, lifecycle
from simulator.answers import Answer, Refused, number, refusal
from simulator.billingdays import today
from simulator.catalogue import Plan
from simulator.changes import Change
from simulator.entities import Subscription
from simulator.protocol import payloads, plans
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import boolean, identifier, whole
from simulator.protocol.subscriptions import chosen_card, known, override_of


def update(exchange: Exchange, subscription_id: str) -> Answer:
    """PUT /recurring/subscriptions/{id}."""
    world, body = exchange.world, exchange.body
    running = known(exchange, subscription_id)
    if running.status != "ACTIVE":
        text = "A canceled subscription cannot be updated."
        raise Refused(refusal("90023", "CANNOT_UPDATE_CANCELED_SUBSCRIPTION", text))
    wanted = _wanted(exchange, running)
    changes.apply(world, running, wanted, sorted(body))
    return Answer(200, payloads.subscription(world, running))


def _wanted(exchange: Exchange, running: Subscription) -> Change:
    body = exchange.body
    switches = body.get("planId") is not None and identifier(body["planId"]) != running.plan.id
    plan = _other_plan(exchange, running, body["planId"]) if switches else running.plan
    if "quantity" in body and body.get("planId") is None:
        raise Refused(refusal("24002", "MISSING_REQUIRED_FIELD", "planId is required with quantity."))
    quantity = whole(body, "quantity", "90014", "NEGATIVE_QUANTITY")
    wanted = Change(
        plan=plan if switches else None,
        quantity=(quantity or 1) if "quantity" in body else None,
        override=override_of(body, plan),
        auto_renew=boolean(body, "autoRenew"),
        next_charge=None if body.get("nextChargeDate") is None else _future_day(exchange, body["nextChargeDate"]),
        card=None if body.get("paymentSource") is None else chosen_card(running.shopper, body),
        cancels=body.get("status") == "CANCELED",
    )
    if body.get("status", "ACTIVE") not in ("ACTIVE", "CANCELED"):
        raise Refused(refusal("24016", "INVALID_STATUS", "Status is not valid."))
    return wanted


def _other_plan(exchange: Exchange, running: Subscription, plan_id: object) -> Plan:
    plan = plans.known(exchange, plan_id)
    if plan.currency != running.plan.currency:
        raise Refused(
            refusal("20026", "MISMATCH_SUBSCRIPTION_CURRENCY", "The currency of a subscription cannot change.")
        )
    if plan.status != "ACTIVE":
        raise Refused(refusal("90021", "SWITCH_PLAN_ERROR", "Plan is not active."))
    return plan


def _future_day(exchange: Exchange, value: object) -> date:
    wrong = Refused(refusal("90022", "INVALID_DATE_FORMAT", "The date is not valid."))
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise wrong
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise wrong from None
    if day <= today(exchange.world):
        raise wrong
    return day


def preview_switch(exchange: Exchange, subscription_id: str) -> Answer:
    """GET /recurring/subscriptions/{id}/switch-charge-amount?newplanid=&newquantity=: what the switch would charge at once."""
    world, query = exchange.world, exchange.query
    running = known(exchange, subscription_id)
    if "newplanid" not in query:
        raise Refused(refusal("24002", "MISSING_REQUIRED_FIELD", "newplanid is required."))
    plan = _other_plan(exchange, running, query["newplanid"])
    quantity = whole(query, "newquantity", "90014", "NEGATIVE_QUANTITY")
    due = changes.switch_amount(world, running, Change(plan=plan, quantity=quantity))
    told = {"subscriptionId": running.id, "planId": plan.id, "amount": number(due or Decimal(0))}
    return Answer(200, payloads.with_extras(world, told | {"currency": plan.currency}))


def run_specific(exchange: Exchange, subscription_id: str) -> Answer:
    """GET /subscriptions/{id}/run-specific: a renewal now, without moving a date. A GET that charges, as in the sandbox."""
    running = known(exchange, subscription_id)
    if running.status != "ACTIVE":
        raise Refused(refusal("10000", "PAYMENT_GENERAL_FAILURE", "The subscription is not active."))
    lifecycle.run_now(exchange.world, running)
    return Answer(204)
