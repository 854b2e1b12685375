"""What we say to BlueSnap and hear from it, in our words, and the bodies we send. Must never hold a card number, an expiry or a card's last digits.

Ids are text everywhere; they become JSON numbers only where a body is written (bluesnap/variants.md section 4).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

UNRECOGNISED = "UNRECOGNISED"
STATUSES = frozenset({"ACTIVE", "CANCELED", "SUSPENDED", "FINISHED", "ON_HOLD", "DELETED"})


@dataclass(frozen=True)
class Payer:
    """Who pays. Passed on to BlueSnap and kept nowhere, not even in a repr. `country` is ISO 3166 alpha-2."""

    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    country: str = field(repr=False)
    email: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    zip: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Shopper:
    """A vaulted shopper. `merchant_shopper_id` is the id that we gave, where the answer repeats it."""

    shopper_id: str
    merchant_shopper_id: str | None


@dataclass(frozen=True)
class Charge:
    """One payment of a subscription; `amount` in major units."""

    charge_id: str | None
    transaction_id: str
    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Subscription:
    """A subscription as BlueSnap shows it. Of what an answer may lack, None; `amount` is the price of the next charges.

    `status` is one of STATUSES or UNRECOGNISED, which asks for a person and never for a crash.
    """

    subscription_id: str
    plan_id: str | None
    shopper_id: str | None
    status: str
    quantity: int | None
    amount: Decimal | None
    currency: str | None
    auto_renew: bool | None
    next_charge_date: date | None
    charge: Charge | None


@dataclass(frozen=True)
class Plan:
    """A plan of the catalogue at BlueSnap. `frequency` with spaces, as in "EVERY 2 WEEKS"; days are whole days."""

    plan_id: str
    status: str
    frequency: str | None
    currency: str | None
    amount: Decimal | None
    trial_days: int | None
    initial_amount: Decimal | None
    grace_days: int | None
    charge_on_switch: bool | None


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
            "paymentSources": {
                "creditCardInfo": [
                    {"pfToken": payment_fields_token, "billingContactInfo": _given({**names, **address})}
                ]
            },
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


def amount_text(amount: Decimal) -> str:
    """A positive amount in major units, with at most three decimals and never an exponent. Raises ValueError."""
    if not amount.is_finite() or not 0 < amount < 10**9 or amount != round(amount, 3):
        raise ValueError(
            "an amount towards BlueSnap must be positive, below 1,000,000,000 and of at most three decimals"
        )
    return f"{amount:f}"


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
