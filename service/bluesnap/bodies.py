"""The bodies that we send, byte for byte the same for the same arguments. Must never hold more of a card than brand and last four digits."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from service.bluesnap.cards import CardHint
from service.bluesnap.payloads import Payer

#: The name in transactionMetaData that our own refund id goes by; at most 40 characters (bluesnap/api.md section 4).
REFERENCE_KEY = "panless_reference"
_REASON = re.compile(r"[a-z][a-z_]{0,39}")


def shopper_body(
    *,
    payment_fields_token: str,
    merchant_shopper_id: str,
    payer: Payer,
    three_d_secure_reference: str | None,
    fraud_session_id: str | None,
) -> bytes:
    """The body of Create Vaulted Shopper (bluesnap/api.md section 7): the names stand twice, for the shopper and for the card's address."""
    address = {"state": payer.state, "zip": payer.zip, "country": payer.country}
    names = {"firstName": payer.first_name, "lastName": payer.last_name}
    return _json(
        {
            **names,
            "email": payer.email,
            **address,
            "merchantShopperId": merchant_shopper_id,
            "paymentSources": _new_card(payment_fields_token, {**names, **address}),
            **_references(three_d_secure_reference, fraud_session_id),
        }
    )


def subscription_body(
    *,
    plan_id: str,
    shopper_id: str,
    amount: Decimal,
    three_d_secure_reference: str | None,
    fraud_session_id: str | None,
) -> bytes:
    """The body of Create Subscription (bluesnap/api.md section 10), the same bytes for the same arguments.

    The amount goes as a decimal string: real requests show strings and the pages show numbers (bluesnap/variants.md section 5), and a
    string is exact by itself, where a JSON number depends on whoever writes or reads it through a float. The quantity is pinned
    to 1, as the amount is the whole price.
    """
    return _json(
        {
            "planId": int(plan_id),
            "vaultedShopperId": int(shopper_id),
            "quantity": 1,
            "overrideRecurringChargeAmount": amount_text(amount),
            "transactionInitiator": "SHOPPER",
            **_references(three_d_secure_reference, fraud_session_id),
        }
    )


@dataclass(frozen=True)
class Change:
    """What an update of a subscription may change; exactly one of them is given."""

    plan_id: str | None = None
    amount: Decimal | None = None
    auto_renew: bool | None = None
    cancel: bool = False
    card: CardHint | None = None
    next_charge_date: date | None = None

    @property
    def may_charge(self) -> bool:
        """Whether BlueSnap might charge or ask a bank before it answers: a switch, a new card, a new date."""
        return self.plan_id is not None or self.card is not None or self.next_charge_date is not None

    def body(self) -> bytes:
        """The body of Update Subscription (bluesnap/api.md section 10). Raises ValueError unless exactly one change is given.

        A switch names quantity 1 as well, as the documented example does: the quantity may go only beside a plan, what a switch
        does to it is not said, and every price of ours is for a quantity of 1. The amount of the new plan goes in a call of its
        own, so that no call holds both a quantity and an amount.
        """
        fields = {
            "planId": int(self.plan_id) if self.plan_id is not None else None,
            "quantity": 1 if self.plan_id is not None else None,
            "overrideRecurringChargeAmount": amount_text(self.amount) if self.amount is not None else None,
            "autoRenew": self.auto_renew,
            "status": "CANCELED" if self.cancel else None,
            "paymentSource": {"creditCardInfo": _named_card(self.card)} if self.card is not None else None,
            "nextChargeDate": self.next_charge_date.isoformat() if self.next_charge_date is not None else None,
        }
        if len(set(_given(fields)) - {"quantity"}) != 1:
            raise ValueError("exactly one change of a subscription goes into one call")
        return _json(fields)


def card_added_body(
    contact: dict[str, Any],
    *,
    payment_fields_token: str,
    three_d_secure_reference: str | None,
    fraud_session_id: str | None,
) -> bytes:
    """The body of Update Vaulted Shopper that adds a card: all of the contact just read, as a PUT replaces it (bluesnap/api.md section 7)."""
    billing = {name: contact.get(name) for name in ("firstName", "lastName", "state", "zip", "country")}
    return _json(
        {
            **contact,
            "paymentSources": _new_card(payment_fields_token, billing),
            **_references(three_d_secure_reference, fraud_session_id),
        }
    )


def card_deleted_body(contact: dict[str, Any], card: CardHint) -> bytes:
    """The body of Update Vaulted Shopper that deletes a card; cards that are not named stay. Raises ValueError."""
    return _json({**contact, "paymentSources": {"creditCardInfo": [{**_named_card(card), "status": "D"}]}})


def refund_body(amount: Decimal | None, *, reason_word: str, cancel_subscriptions: bool, reference: str) -> bytes:
    """The body of a refund (bluesnap/api.md section 8). `cancelSubscriptions` stands always: left out, it means true. Raises ValueError."""
    if not _REASON.fullmatch(reason_word):
        raise ValueError("the reason of a refund must be a word of ours")
    told = {"metaKey": REFERENCE_KEY, "metaValue": reference, "metaDescription": "Refund id of Panless"}
    return _json(
        {
            "amount": None if amount is None else amount_text(amount),
            "reason": reason_word,
            "cancelSubscriptions": cancel_subscriptions,
            "transactionMetaData": {"metaData": [told]},
        }
    )


def plan_body(*, name: str, amount: Decimal, currency: str, grace_days: int) -> bytes:
    """The body of Create Plan: monthly, no charge on a switch, no trial and no initial charge (bluesnap/api.md section 9). Raises ValueError."""
    if not 1 <= len(name) <= 199 or not name.isprintable() or not re.fullmatch(r"[A-Z]{3}", currency):
        raise ValueError("a plan needs a printable name of 1 to 199 characters and a currency of three capitals")
    if not 1 <= grace_days < 1000:
        raise ValueError("a plan needs a grace period in days")
    return _json(
        {
            "name": name,
            "chargeFrequency": "MONTHLY",
            "currency": currency,
            "recurringChargeAmount": amount_text(amount),
            "gracePeriodDays": grace_days,
            "chargeOnPlanSwitch": False,
        }
    )


def _named_card(card: CardHint) -> dict[str, Any]:
    if not card.nameable:
        raise ValueError("a card towards BlueSnap needs its brand and last four digits")
    return {"creditCard": {"cardType": card.brand, "cardLastFourDigits": card.last_four}}


def amount_text(amount: Decimal) -> str:
    """A positive amount in major units, with at most three decimals and never an exponent. Raises ValueError."""
    if not amount.is_finite() or not 0 < amount < 10**9 or amount != round(amount, 3):
        raise ValueError(
            "an amount towards BlueSnap must be positive, below 1,000,000,000 and of at most three decimals"
        )
    return f"{amount:f}"


def _new_card(payment_fields_token: str, contact: dict[str, str | None]) -> dict[str, Any]:
    return {"creditCardInfo": [{"pfToken": payment_fields_token, "billingContactInfo": _given(contact)}]}


def _references(three_d_secure_reference: str | None, fraud_session_id: str | None) -> dict[str, Any]:
    return {
        "threeDSecure": _given({"threeDSecureReferenceId": three_d_secure_reference}) or None,
        "transactionFraudInfo": _given({"fraudSessionId": fraud_session_id}) or None,
    }


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _json(fields: dict[str, Any]) -> bytes:
    """Compact, in the order given, and ASCII only, so that no charset on the way can spoil a name."""
    return json.dumps(_given(fields), separators=(",", ":")).encode("ascii")
