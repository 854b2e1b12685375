"""BlueSnap-managed subscriptions (bluesnap/api.md section 10). Creating one charges the card; nothing else here moves money or changes one that runs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from simulator import lifecycle, three_d_secure
from simulator.answers import Answer, Refused, decline, refusal, refused_charge
from simulator.catalogue import Plan
from simulator.entities import Card, Shopper, Subscription
from simulator.noticeforms import of_subscription
from simulator.protocol import payloads, plans, shoppers
from simulator.protocol.calls import Exchange
from simulator.protocol.checks import amount, identifier, mapping, page, text, whole
from simulator.telling import tell_of


def create(exchange: Exchange) -> Answer:
    """POST /recurring/subscriptions for a vaulted shopper, or for a payer with a token in the same call."""
    world, body = exchange.world, exchange.body
    plan = plans.known(exchange, body.get("planId"))
    if plan.status != "ACTIVE":
        raise Refused(refusal("24003", "INVALID_BILLING_PLAN_CONFIGURATION", "Plan is not active."))
    override = override_of(body, plan)
    quantity = whole(body, "quantity", "90014", "NEGATIVE_QUANTITY")
    if quantity == 0:
        raise Refused(refusal("90014", "NEGATIVE_QUANTITY", "Quantity must be positive."))
    shopper = _payer(exchange)
    card = chosen_card(shopper, body)
    three_d_secure.confirm(world, card, three_d_secure.reference_in(mapping(body, "threeDSecure")))
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
    if reason := card.decline_reason or three_d_secure.asked_for(world, card):
        failed = replace(of_subscription(running, running.created_at, None), subscription=None)
        tell_of(world, "CC_CHARGE_FAILED", failed, [("declineReason", refused_charge(reason))])
        raise Refused(decline(reason))
    first = lifecycle.open_subscription(world, running)
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
    return shoppers.store(exchange, as_shopper)


def chosen_card(shopper: Shopper, body: dict[str, Any]) -> Card:
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


def override_of(body: dict[str, Any], plan: Plan) -> Decimal | None:
    """The price per renewal that replaces the plan's, None when absent; raises Refused."""
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
