"""BlueSnap-managed subscriptions (bluesnap/api.md section 10). Creating one charges the card; nothing else here moves money."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from simulator import billing
from simulator.answers import Answer, Refused, decline, refusal
from simulator.catalogue import Plan
from simulator.entities import Card, Shopper, Subscription
from simulator.protocol import payloads, plans, shoppers
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import amount, boolean, identifier, mapping, page, text, whole


def create(exchange: Exchange) -> Answer:
    """POST /recurring/subscriptions for a vaulted shopper, or for a payer with a token in the same call."""
    world, body = exchange.world, exchange.body
    plan = plans.known(exchange, body.get("planId"))
    if plan.status != "ACTIVE":
        raise Refused(refusal("24003", "INVALID_BILLING_PLAN_CONFIGURATION", "Plan is not active."))
    override = _override(body, plan)
    quantity = whole(body, "quantity", "90014", "NEGATIVE_QUANTITY")
    if quantity == 0:
        raise Refused(refusal("90014", "NEGATIVE_QUANTITY", "Quantity must be positive."))
    shopper = _payer(exchange)
    card = _chosen_card(shopper, body)
    if mapping(body, "threeDSecure").get("threeDSecureReferenceId"):
        card.authenticated = True
    if card.decline_reason:
        raise Refused(decline(card.decline_reason))
    running = Subscription(
        id=world.ids.next(),
        plan=plan,
        shopper=shopper,
        card=card,
        quantity=quantity or 1,
        created_at=world.clock.now(),
        override=override,
        soft_descriptor=text(body, "softDescriptor"),
    )
    first = billing.open_subscription(world, running)
    location = exchange.location(f"/recurring/subscriptions/{running.id}")
    return Answer(200, payloads.subscription(world, running, first), headers=location)


def _payer(exchange: Exchange) -> Shopper:
    body = exchange.body
    if "vaultedShopperId" in body:
        shopper = exchange.world.shoppers.get(identifier(body["vaultedShopperId"]))
        if shopper is None:
            raise Refused(refusal("90013", "NO_VAULTED_SHOPPER_FOUND", "Vaulted shopper was not found."))
        return shopper
    payer, source = mapping(body, "payerInfo"), mapping(mapping(body, "paymentSource"), "creditCardInfo")
    if not payer or "pfToken" not in source:
        raise Refused(
            refusal("24002", "MISSING_REQUIRED_FIELD", "A vaulted shopper, or a payer with a card, is required.")
        )
    as_shopper = {
        **payer,
        "paymentSources": {"creditCardInfo": [source]},
        "threeDSecure": mapping(body, "threeDSecure"),
    }
    return shoppers.vault(exchange, as_shopper)


def _chosen_card(shopper: Shopper, body: dict[str, Any]) -> Card:
    """The card of the vault that is to be charged; raises Refused when there is none, or more than one and none named."""
    wanted = mapping(mapping(mapping(body, "paymentSource"), "creditCardInfo"), "creditCard")
    shoppers.refuse_number(wanted)
    if not shopper.cards:
        raise Refused(refusal("15009", None, "Order creation failure, since no payment information was provided."))
    found = shoppers.matching(shopper.cards, wanted)
    if not found:
        raise Refused(refusal("90019", "INCORRECT_PAYMENT_DETAILS", "The card is not in the vault."))
    if len(found) > 1:
        raise Refused(
            refusal("90020", "MULTIPLE_CARDS_FOUND_NONE_SELECTED", "Several cards are stored, none was named.")
        )
    return found[0]


def _override(body: dict[str, Any], plan: Plan) -> Decimal | None:
    if body.get("overrideRecurringChargeAmount") is None:
        return None
    wrong = Refused(refusal("90017", "INVALID_RECURRING_CHARGE_AMOUNT", "Recurring charge amount is not valid."))
    override = amount(body["overrideRecurringChargeAmount"], plan.currency, wrong)
    if not override:
        raise wrong
    return override


def get(exchange: Exchange, subscription_id: str) -> Answer:
    """GET /recurring/subscriptions/{id}."""
    return Answer(200, payloads.subscription(exchange.world, known(exchange, subscription_id)))


def known(exchange: Exchange, subscription_id: object) -> Subscription:
    """The subscription; raises Refused with a 403."""
    found = exchange.world.subscriptions.get(identifier(subscription_id))
    if found is None or not exchange.visible(found.created_at):
        raise exchange.missing("the subscription")
    return found


def list_all(exchange: Exchange) -> Answer:
    """GET /recurring/subscriptions with shopperid, planid, status, pagesize, after or before, gettotal, fulldescription."""
    query, world = exchange.query, exchange.world
    matches = [
        one.id
        for one in world.subscriptions.values()
        if exchange.visible(one.created_at)
        and ("shopperid" not in query or one.shopper.id == identifier(query["shopperid"]))
        and ("planid" not in query or one.plan.id == identifier(query["planid"]))
        and ("status" not in query or one.status == query["status"].upper())
    ]
    ids, facts = page(query, matches)
    shown = [payloads.subscription(world, world.subscriptions[found]) for found in ids]
    if query.get("fulldescription") != "true":
        short = ("subscriptionId", "planId", "vaultedShopperId", "status")
        shown = [{name: body[name] for name in short} for body in shown]
    return Answer(200, {**facts, "subscriptions": shown})


def update(exchange: Exchange, subscription_id: str) -> Answer:
    """PUT /recurring/subscriptions/{id}. Everything is checked before anything changes."""
    world, body = exchange.world, exchange.body
    running = known(exchange, subscription_id)
    if running.status != "ACTIVE":
        text_ = "A canceled subscription cannot be updated."
        raise Refused(refusal("90023", "CANNOT_UPDATE_CANCELED_SUBSCRIPTION", text_))
    changes = _changes(exchange, running)
    cancels = body.get("status") == "CANCELED"
    if body.get("status", "ACTIVE") not in ("ACTIVE", "CANCELED"):
        raise Refused(refusal("24016", "INVALID_STATUS", "Status is not valid."))
    vars(running).update(changes)
    if cancels:
        billing.end(world, running, "CANCELED")
    else:
        billing.record_change(world, "subscription", running.id, fields=sorted(body), **_told(running))
    return Answer(200, payloads.subscription(world, running))


def _told(running: Subscription) -> dict[str, object]:
    """The standing of a subscription after a change, for the ledger."""
    return {
        "amount": f"{running.price:.2f}",
        "currency": running.plan.currency,
        "quantity": running.quantity,
        "plan_id": str(running.plan.id),
        "auto_renew": running.auto_renew,
    }


def _changes(exchange: Exchange, running: Subscription) -> dict[str, Any]:
    body = exchange.body
    changes: dict[str, Any] = {}
    plan = running.plan
    if body.get("planId") is not None and identifier(body["planId"]) != plan.id:
        plan = changes["plan"] = _other_plan(exchange, running)
        if exchange.world.behaviour.plan_switch_amount == "reset":
            changes["override"] = None
    if "quantity" in body:
        if body.get("planId") is None:
            raise Refused(refusal("24002", "MISSING_REQUIRED_FIELD", "planId is required with quantity."))
        changes["quantity"] = whole(body, "quantity", "90014", "NEGATIVE_QUANTITY") or 1
    if (override := _override(body, plan)) is not None:
        changes["override"] = override
    if (renews := boolean(body, "autoRenew")) is not None:
        changes["auto_renew"] = renews
    if body.get("nextChargeDate") is not None:
        day = _future_day(exchange, body["nextChargeDate"])
        changes |= {"next_charge": day, "anchor": day.day, "attempt_on": None}
    if body.get("paymentSource") is not None:
        changes["card"] = _chosen_card(running.shopper, body)
    return changes


def _other_plan(exchange: Exchange, running: Subscription) -> Plan:
    plan = plans.known(exchange, exchange.body["planId"])
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
    if day <= billing.today(exchange.world):
        raise wrong
    return day
