"""What BlueSnap would tell the merchant: the form of a notice and its signature (bluesnap/webhooks.md, recordings of CHARGE and CONTRACT_CHANGE). Sending is not done here."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from simulator.clock import rfc3339
from simulator.entities import Charge, Shopper
from simulator.ground import Ground

Form = list[tuple[str, str]]


@dataclass
class Notice:
    """One message, however often it is sent. `state` is queued, held, dropped, delivered or failed."""

    ipn_id: str
    type: str
    reference: str
    body: str
    created_at: datetime
    state: str = "queued"
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """One line of GET /_levers/notices."""
        facts = {"id": self.ipn_id, "type": self.type, "reference": self.reference, "state": self.state}
        return facts | {"created_at": rfc3339(self.created_at), "body": self.body, "deliveries": list(self.deliveries)}


def sign(key: str, timestamp: str, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 over the timestamp's text and the raw body (bluesnap/webhooks.md section 2.1)."""
    return hmac.new(key.encode(), timestamp.encode() + body, hashlib.sha256).hexdigest()


def timestamp_of(moment: datetime) -> str:
    """`2025-03-04 05:06:07.089`, in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def provider_date(moment: datetime, zone: ZoneInfo) -> str:
    """`08/16/2023 12:46 AM` on the wall clock of the zone, summer time included (bluesnap/variants.md section 6)."""
    return moment.astimezone(zone).strftime("%m/%d/%Y %I:%M %p")


def provider_amount(amount: Decimal) -> str:
    """`1,234.50`."""
    return f"{amount:,.2f}"


def from_form(ground: Ground, form: Sequence[tuple[str, str]]) -> Notice:
    """A notice of exactly these parameters, `+` for a space; its reference is the `referenceNumber` in it."""
    found = dict(form)
    ipn_id = found.get("ipnId") or str(uuid.UUID(int=ground.random.getrandbits(128), version=4))
    kind, reference = found.get("transactionType", ""), found.get("referenceNumber", "")
    return Notice(ipn_id, kind, reference, urlencode(form), ground.clock.now())


def of_charge(ground: Ground, charge: Charge, transaction_type: str, until: datetime | None) -> Notice:
    """CHARGE or RECURRING for a payment; `until` is the end of the paid period. Call it under the world's lock."""
    zone = ground.behaviour.billing_zone
    form = [("transactionType", transaction_type)]
    form += _people(charge.subscription.shopper)
    form += _money(charge)
    form += _card(charge)
    form += _references(charge)
    if transaction_type == "RECURRING":
        first = charge.subscription.charges[0] if charge.subscription.charges else charge
        form.append(("originalReferenceNumber", str(first.transaction_id)))
    form += [
        ("untilDate", provider_date(until, zone) if until else ""),
        ("transactionDate", provider_date(charge.at, zone)),
        ("ipnId", str(uuid.UUID(int=ground.random.getrandbits(128), version=4))),
    ]
    return from_form(ground, form)


def _people(shopper: Shopper) -> Form:
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


def _money(charge: Charge) -> Form:
    amount, currency = provider_amount(charge.amount), charge.plan.currency
    price = provider_amount(charge.plan.recurring_amount)
    overridden = charge.amount if charge.subscription.override is not None else None
    return [
        ("invoiceAmount", amount), ("invoiceAmountUSD", amount), ("currency", currency),
        ("invoiceChargeAmount", amount), ("invoiceChargeCurrency", currency),
        ("invoiceLocalAmount", amount), ("invoiceLocalCurrency", currency),
        ("contractPrice", price), ("contractChargePrice", price), ("contractLocalPrice", price),
        ("overridePrice", "" if overridden is None else provider_amount(overridden)),
        ("quantity", str(charge.subscription.quantity)), ("promoteContractsNum", "0"),
        ("taxRate", ""), ("taxAmountUSD", "0.00"), ("taxChargeAmount", "0.00"), ("couponCode", ""),
    ]  # fmt: skip


def _card(charge: Charge) -> Form:
    facts = charge.card.facts
    return [
        ("paymentMethod", "CC"), ("paymentType", "CC"), ("creditCardType", facts.brand),
        ("creditCardLastFourDigits", facts.last_four),
        ("creditCardExpDate", f"{charge.card.month}/{charge.card.year}"),
        ("cardSubType", facts.sub_type), ("cardCategory", facts.category), ("binCategory", "CONSUMER"),
        ("binNumber", facts.bin_number), ("cardIssuingCountry", facts.issuing_country), ("regulatedCard", "N"),
        ("dpanLastFourDigits", ""), ("dpanExpDate", ""), ("cvvSent", "Y"), ("avsSent", "N"),
        ("avsResponse", "Issuer unavailable or AVS not supported (US Issuer) "), ("cvvResponse", "Good match "),
        ("3DStatus", ""),
    ]  # fmt: skip


def _references(charge: Charge) -> Form:
    subscription, plan = charge.subscription, charge.plan
    return [
        ("referenceNumber", str(charge.transaction_id)), ("subscriptionId", str(subscription.id)),
        ("merchantTransactionId", ""), ("contractId", str(plan.id)), ("contractName", plan.name),
        ("contractOwner", "1000001"), ("productId", "990001"), ("productName", "Simulated product"),
        ("language", "ENGLISH"), ("licenseKey", ""), ("templateId", "0"), ("addCD", "N"),
        ("targetBalance", "BLUESNAP_ACCOUNT"), ("originalRequestUrl", ""), ("resultCode", "SUCCESS"),
        ("custom1", "sent by the simulator"),  # a merchant's own parameter: unknown names are normal
        ("testMode", "N"), ("bluesnapNode", "99"), ("plimusNode", "99"), ("authKey", ""),
    ]  # fmt: skip
