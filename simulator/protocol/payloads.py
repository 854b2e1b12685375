"""The objects inside answers: cards, shoppers, plans, subscriptions, charges (bluesnap/api.md sections 7 to 10). Scalars differ from place to place on purpose, as bluesnap/variants.md records."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.answers import number
from simulator.catalogue import Plan
from simulator.entities import Card, Charge, Chargeback, Shopper, Subscription

if TYPE_CHECKING:
    from simulator.world import World

_AVS = {"avsResponseCodeZip": "U", "avsResponseCodeAddress": "U", "avsResponseCodeName": "U"}
# Fields that no client has heard of: unknown names are normal and must do no harm.
_EXTRA: tuple[dict[str, Any], ...] = (
    {"channelId": None},
    {"links": []},
    {"merchantAttributes": {"tier": "standard", "tags": ["a", "b"]}},
    {"riskScore": 0.25, "riskReviewed": False},
)


def with_extras(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """The answer, with unknown fields among the known ones unless the behaviour says otherwise."""
    return {**world.noise.choice(_EXTRA), **body} if world.behaviour.extra_fields else body


def dates(world: World, moment: datetime, date_name: str, time_name: str) -> dict[str, str]:
    """`MM/DD/YYYY` and `HH:MM:SS` apart, on the wall clock of the billing zone."""
    local = moment.astimezone(world.behaviour.billing_zone)
    return {date_name: local.strftime("%m/%d/%Y"), time_name: local.strftime("%H:%M:%S")}


def _short_card(card: Card) -> dict[str, Any]:
    facts = card.facts
    named = {"cardLastFourDigits": facts.last_four, "cardType": facts.brand}
    return named | {"cardSubType": facts.sub_type, "cardCategory": facts.category}


def _vault_card(world: World, card: Card) -> dict[str, Any]:
    facts = card.facts
    full = _short_card(card) | {
        "binCategory": "CONSUMER",
        "binNumber": facts.bin_number,
        "cardRegulated": "N",
        "issuingBank": "EXAMPLE BANK",
        "issuingCountryCode": facts.issuing_country,
        "expirationMonth": f"{card.month:02d}",
        "expirationYear": str(card.year),
        "cardFingerprint": facts.fingerprint,
    }
    entry = {
        "billingContactInfo": card.billing,
        "processingInfo": {"cvvResponseCode": "MA", **_AVS},
        "creditCard": full,
    }
    return entry | dates(world, card.added_at, "dateCreated", "timeCreated")


def shopper(world: World, vaulted: Shopper) -> dict[str, Any]:
    """A vaulted shopper; creditCardInfo is a list here."""
    body: dict[str, Any] = {"vaultedShopperId": vaulted.id, **vaulted.contact, "shopperCurrency": vaulted.currency}
    if vaulted.merchant_shopper_id:
        body["merchantShopperId"] = vaulted.merchant_shopper_id
    if vaulted.cards:
        body["paymentSources"] = {"creditCardInfo": [_vault_card(world, card) for card in vaulted.cards]}
        last = vaulted.cards[-1].facts
        known = {"cardLastFourDigits": last.last_four, "cardType": last.brand, "cardCategory": last.category}
        body["lastPaymentInfo"] = {"paymentMethod": "CC", "creditCard": known}
    body["fraudResultInfo"] = {"deviceDataCollector": "Y"}
    return with_extras(world, body | dates(world, vaulted.created_at, "dateCreated", "timeCreated"))


def plan(offered: Plan) -> dict[str, Any]:
    """A plan; what was never set is absent."""
    body = {
        "planId": offered.id,
        "name": offered.name,
        "status": offered.status,
        "chargeFrequency": offered.frequency,
        "currency": offered.currency,
        "recurringChargeAmount": number(offered.recurring_amount),
        "initialChargeAmount": None if offered.initial_amount is None else number(offered.initial_amount),
        "trialPeriodDays": offered.trial_days,
        "gracePeriodDays": offered.grace_days,
        "maxNumberOfCharges": offered.max_charges,
        "chargeOnPlanSwitch": offered.charge_on_switch,
    }
    return {name: value for name, value in body.items() if value is not None}


def _payment_source(card: Card) -> dict[str, Any]:
    """One card; creditCardInfo is an object here, and the year a number."""
    used = _short_card(card) | {"expirationMonth": f"{card.month:02d}", "expirationYear": card.year}
    names = {name: card.billing[name] for name in ("firstName", "lastName") if name in card.billing}
    return {"creditCardInfo": {"billingContactInfo": names, "creditCard": used}}


def subscription(world: World, running: Subscription, first: Charge | None = None) -> dict[str, Any]:
    """A subscription; with `first`, as the answer to its creation."""
    shown_beside = world.behaviour.override_shown == "beside"
    unit = running.plan.recurring_amount if running.override is None or shown_beside else running.override
    contact = running.shopper.contact
    payer = {name: contact[name] for name in ("firstName", "lastName", "zip", "country", "state") if name in contact}
    body: dict[str, Any] = {
        "subscriptionId": running.id,
        "planId": running.plan.id,
        "vaultedShopperId": running.shopper.id,
        "status": running.status,
        "quantity": running.quantity,
        "currency": running.plan.currency,
        "chargeFrequency": running.plan.frequency,
        "recurringChargeAmount": number(unit),
        "autoRenew": running.auto_renew,
        "payerInfo": payer,
        "paymentSource": _payment_source(running.card),
    }
    if running.next_charge:
        body["nextChargeDate"] = running.next_charge.isoformat()
    if running.override is not None and shown_beside:
        body["overrideRecurringChargeAmount"] = number(running.override)
    if running.plan.trial_days:
        body["trialPeriodDays"] = running.plan.trial_days
    if running.soft_descriptor:
        body["softDescriptor"] = running.soft_descriptor
    if first is not None:
        money = {"amount": number(first.amount), "currency": first.plan.currency}
        body["charge"] = {"chargeId": first.id, "transactionId": first.transaction_id, **money}
        body["fraudResultInfo"] = {"deviceDataCollector": "Y"}
    return with_extras(world, body)


def charge(world: World, made: Charge) -> dict[str, Any]:
    """A charge of a subscription; its transactionId is a number, and so is its networkTransactionId."""
    body: dict[str, Any] = {
        "chargeId": made.id,
        "subscriptionId": made.subscription.id,
        "planId": made.plan.id,
        "vaultedShopperId": made.subscription.shopper.id,
        "transactionId": made.transaction_id,
        "transactionDate": made.at.astimezone(world.behaviour.billing_zone).date().isoformat(),
        "amount": number(made.amount),
        "currency": made.plan.currency,
        "softDescriptor": f"BLS*{made.subscription.soft_descriptor or 'SIMULATOR'}",
        "paymentSource": _payment_source(made.card),
        "chargeInfo": {
            "chargeType": "INITIAL" if made.kind == "INITIAL" else "RECURRING",
            "fromDate": made.period[0].isoformat(),
            "toDate": made.period[1].isoformat(),
        },
        "processingInfo": {
            "processingStatus": "SUCCESS",
            "transactionRegion": "US",
            "cvvResponseCode": "MA",
            "authorizationCode": "OK1510",
            **_AVS,
            "networkTransactionId": 16029749259621,
        },
    }
    if made.kind == "SWITCH":
        body["chargeInfo"]["chargeDescription"] = "Switch of plan"
    return with_extras(world, body | _taken_back(world, made))


def _taken_back(world: World, made: Charge) -> dict[str, Any]:
    """Refunds and chargebacks; either is absent when there is none."""
    taken: dict[str, Any] = {}
    if made.refunds:
        taken["refunds"] = refunds(world, made)
    if made.chargebacks:
        taken["chargebacks"] = {"chargeback": [_chargeback(world, one) for one in made.chargebacks]}
    return taken


def _chargeback(world: World, opened: Chargeback) -> dict[str, Any]:
    """A dispute; its status is in capitals here, and mixed in notices (bluesnap/variants.md section 7)."""
    return {
        "chargebackTransactionId": opened.id,
        "amount": number(opened.amount),
        "currency": opened.charge.plan.currency,
        "date": opened.at.astimezone(world.behaviour.billing_zone).strftime("%m/%d/%Y"),
        "reason": opened.reason,
        "status": opened.status.upper(),
    }


def refunds(world: World, made: Charge) -> dict[str, Any]:
    """The refunds of a charge and what is left of it."""
    given = [
        {
            "refundTransactionId": refund.id,
            "amount": number(refund.amount),
            "currency": made.plan.currency,
            "date": refund.at.astimezone(world.behaviour.billing_zone).strftime("%m/%d/%Y"),
            "reason": refund.reason,
            "refundStatus": refund.status if refund.status != "SUCCESS" else None,
            "transactionMetaData": refund.metadata,
        }
        for refund in made.refunds
        if refund.status != "CANCELED"
    ]
    listed = [{name: value for name, value in line.items() if value not in (None, "")} for line in given]
    return {"refund": listed, "balanceAmount": number(made.refundable)}


def transaction(world: World, made: Charge) -> dict[str, Any]:
    """The same payment read as a card transaction; its transactionId is a text."""
    contact = made.subscription.shopper.contact
    holder = {name: contact[name] for name in ("firstName", "lastName", "country", "zip") if name in contact}
    body: dict[str, Any] = {
        "cardTransactionType": "AUTH_CAPTURE",
        "transactionId": str(made.transaction_id),
        "recurringTransaction": "RECURRING",
        "amount": number(made.amount),
        "usdAmount": number(made.amount),
        "currency": made.plan.currency,
        "openToCapture": 0,
        "softDescriptor": f"BLS*{made.subscription.soft_descriptor or 'SIMULATOR'}",
        **dates(world, made.at, "transactionApprovalDate", "transactionApprovalTime"),
        "vaultedShopperId": made.subscription.shopper.id,
        "cardHolderInfo": holder,
        "creditCard": _short_card(made.card)
        | {"expirationMonth": str(made.card.month), "expirationYear": str(made.card.year)},
        "processingInfo": {
            "processingStatus": "SUCCESS",
            "cvvResponseCode": "MA",
            "authorizationCode": "654321",
            **_AVS,
            "networkTransactionId": "019082915501456",
        },
        "fraudResultInfo": {},
    }
    return with_extras(world, body | _taken_back(world, made))
