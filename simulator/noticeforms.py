"""The parameters of every kind of notice, in the style of the recordings (bluesnap/webhooks.md section 4, bluesnap/variants.md section 9). It must never decide whether one is sent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from simulator.catalogue import Plan
from simulator.entities import Card, Charge, Shopper, Subscription
from simulator.ground import Ground
from simulator.notices import Form, provider_amount, provider_date

# Money that goes back: negative invoice amounts beside positive prices (bluesnap/variants.md section 5).
REVERSALS = frozenset({"REFUND", "CANCELLATION_REFUND", "PENDING_REFUND", "CHARGEBACK", "CHARGEBACK_STATUS_CHANGED"})
_FAILURES = frozenset({"SUBSCRIPTION_CHARGE_FAILURE", "CC_CHARGE_FAILED"})
# Their documented lists have no accountId (bluesnap/webhooks.md section 3).
_ANONYMOUS = frozenset({"AUTH_ONLY", "CANCELLATION_REFUND"})
# The first order has another name from type to type (bluesnap/variants.md section 9); in the others it does not stand.
_ORIGINAL = {
    "RECURRING": "originalReferenceNumber",
    "SUBSCRIPTION_CHARGE_FAILURE": "originalReferenceNumber",
    "REFUND": "originalReferenceNumber",
    "CANCELLATION": "originalRefNum",
    "CANCEL_ON_RENEWAL": "originalRefNum",
    "CONTRACT_CHANGE": "originalRefNum",
    "SUBSCRIPTION_REMINDER": "originalRefNum",
}


@dataclass(frozen=True)
class Subject:
    """What a notice is about. `reference` is its referenceNumber, `until` the end of the paid period, `at` when it happened."""

    shopper: Shopper
    card: Card
    plan: Plan
    amount: Decimal
    at: datetime
    subscription: Subscription | None = None
    reference: int | None = None
    until: datetime | None = None


def of_charge(charge: Charge, until: datetime | None) -> Subject:
    """A payment of a subscription."""
    running = charge.subscription
    return Subject(
        running.shopper, charge.card, charge.plan, charge.amount, charge.at, running, charge.transaction_id, until
    )


def of_subscription(running: Subscription, at: datetime, until: datetime | None) -> Subject:
    """A subscription as it stands; its referenceNumber is the first order's."""
    first = running.reference or None
    return Subject(running.shopper, running.card, running.plan, running.price, at, running, first, until)


def written(ground: Ground, kind: str, subject: Subject, more: Form) -> Form:
    """All parameters but the type. Call it under the world's lock."""
    zone = ground.behaviour.billing_zone
    form = [pair for pair in people(subject.shopper) if pair[0] != "accountId" or kind not in _ANONYMOUS]
    form += _money(subject, -1 if kind in REVERSALS else 1)
    form += card_of(subject.card)
    if kind not in REVERSALS:
        form += [("cvvSent", "Y"), ("avsSent", "N"), ("cvvResponse", "Good match "), ("3DStatus", "")]
        form += [("avsResponse", "Issuer unavailable or AVS not supported (US Issuer) ")]
    form += _references(kind, subject)
    if subject.subscription is not None and kind in _ORIGINAL:
        form.append((_ORIGINAL[kind], str(subject.subscription.reference)))
    return [
        *form,
        *more,
        ("untilDate", provider_date(subject.until, zone) if subject.until else ""),
        ("transactionDate", provider_date(subject.at, zone)),
        ("ipnId", str(uuid.UUID(int=ground.random.getrandbits(128), version=4))),
    ]


def people(shopper: Shopper) -> Form:
    """The payer, and the same once more as the one invoiced."""
    contact = shopper.contact
    country = contact.get("country", "").upper()
    person = {
        "title": "", "firstName": contact.get("firstName", ""), "lastName": contact.get("lastName", ""),
        "company": contact.get("companyName", ""), "address1": contact.get("address", ""), "address2": "",
        "city": contact.get("city", ""), "state": contact.get("state", "").upper(), "country": country,
        "zipCode": contact.get("zip", ""), "email": contact.get("email", ""),
        "workPhone": contact.get("phone", ""), "extension": "", "mobilePhone": "", "homePhone": "", "faxNumber": "",
    }  # fmt: skip
    invoiced = {f"invoice{name[0].upper()}{name[1:]}": text for name, text in person.items() if name != "homePhone"}
    created = int(shopper.created_at.timestamp() * 1000)
    return [
        ("accountId", str(shopper.id)),
        ("sellerShopperId", shopper.merchant_shopper_id),
        # Thirteen digits of milliseconds, then digits without meaning (bluesnap/variants.md section 4).
        ("username", f"{created}{shopper.id:019d}"),
        *person.items(),
        *invoiced.items(),
        ("shippingMethod", ""), ("shippingMethod", ""),
        ("vatId", ""), ("personalId", ""), ("remoteAddress", ""), ("referrer", ""),
    ]  # fmt: skip


def card_of(card: Card) -> Form:
    """Brand, last four digits and expiry as notices write them."""
    facts = card.facts
    return [
        ("paymentMethod", "CC"), ("paymentType", "CC"), ("creditCardType", facts.brand),
        ("creditCardLastFourDigits", facts.last_four),
        ("creditCardExpDate", f"{card.month}/{card.year}"),
        ("cardSubType", facts.sub_type), ("cardCategory", facts.category), ("binCategory", "CONSUMER"),
        ("binNumber", facts.bin_number), ("cardIssuingCountry", facts.issuing_country), ("regulatedCard", "N"),
        ("dpanLastFourDigits", ""), ("dpanExpDate", ""),
    ]  # fmt: skip


def _money(subject: Subject, sign: int) -> Form:
    amount, currency = provider_amount(sign * subject.amount), subject.plan.currency
    price = provider_amount(subject.plan.recurring_amount)
    running = subject.subscription
    form = [
        ("invoiceAmount", amount), ("invoiceAmountUSD", amount), ("currency", currency),
        ("invoiceChargeAmount", amount), ("invoiceChargeCurrency", currency),
        ("invoiceLocalAmount", amount), ("invoiceLocalCurrency", currency),
        ("contractPrice", price), ("contractChargePrice", price), ("contractLocalPrice", price),
        ("quantity", str(running.quantity) if running else "1"), ("promoteContractsNum", "0"),
        ("taxRate", ""), ("taxAmountUSD", "0.00"), ("taxChargeAmount", "0.00"), ("couponCode", ""),
    ]  # fmt: skip
    if sign > 0:
        overridden = running is not None and running.override is not None
        form.append(("overridePrice", provider_amount(subject.amount) if overridden else ""))
    return form


def _references(kind: str, subject: Subject) -> Form:
    running, plan = subject.subscription, subject.plan
    # What a contract is called differs between a charge and its refund: nobody may match by name.
    name = f"Subscription {plan.name}" if kind in REVERSALS else plan.name
    result = [] if kind in _FAILURES else [("resultCode", "SUCCESS")]
    return [
        *result,
        ("referenceNumber", "" if subject.reference is None else str(subject.reference)),
        ("subscriptionId", "" if running is None else str(running.id)),
        ("merchantTransactionId", ""), ("contractId", str(plan.id)), ("contractName", name),
        ("contractOwner", "1000001"), ("productId", "990001"), ("productName", "Simulated product"),
        ("language", "ENGLISH"), ("licenseKey", ""), ("templateId", "0"), ("addCD", "N"),
        ("targetBalance", "BLUESNAP_ACCOUNT"), ("originalRequestUrl", ""),
        ("custom1", "sent by the simulator"),  # a merchant's own parameter: unknown names are normal
        ("testMode", "N"), ("bluesnapNode", "99"), ("plimusNode", "99"), ("authKey", ""),
    ]  # fmt: skip
