"""What we say to BlueSnap and hear from it, in our words. Must never hold a card number, an expiry or a card's last digits.

Ids are text everywhere; they become JSON numbers only where a body is written (bluesnap/variants.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

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
    """One payment of a subscription; `amount` in major units.

    `kind` is INITIAL or RECURRING, `charge_date` a day of BlueSnap's, `refunded` the sum of the refunds shown: each None where the
    answer does not say.
    """

    charge_id: str | None
    transaction_id: str
    amount: Decimal
    currency: str
    charge_date: date | None = None
    kind: str | None = None
    refunded: Decimal | None = None


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
    name: str | None = None
    max_charges: int | None = None


@dataclass(frozen=True)
class Refund:
    """A refund that BlueSnap accepted. `status` is SUCCESS, PENDING or, where the answer is silent, None; that is no failure."""

    refund_id: str | None
    status: str | None


@dataclass(frozen=True)
class RefundSeen:
    """One refund of a transaction. `reference` is our own id, `status` BlueSnap's word for how far it is: None, where it shows none, proves nothing."""

    refund_id: str | None
    amount: Decimal
    refund_date: date | None
    reference: str | None
    status: str | None


@dataclass(frozen=True)
class ChargebackSeen:
    """One chargeback of a transaction. No source shows its fields, so all but its existence may be None. `status` as in Notice."""

    chargeback_id: str | None
    amount: Decimal | None
    status: str | None


@dataclass(frozen=True)
class Transaction:
    """A payment, or a refund under its own id. `status` and `kind` are BlueSnap's words in capitals, None where absent.

    `balance` is what has not been given back, where shown; `original_id` is, of a refund, the payment; `reference` as in RefundSeen.
    """

    transaction_id: str
    amount: Decimal | None
    currency: str | None
    status: str | None
    kind: str | None
    refunds: list[RefundSeen]
    chargebacks: list[ChargebackSeen]
    balance: Decimal | None
    original_id: str | None
    reference: str | None


@dataclass(frozen=True)
class Destination:
    """An address that BlueSnap sends notices to; `types` those that are switched on there, in order, None where it does not say."""

    url: str
    types: list[str] | None


@dataclass(frozen=True)
class NotificationConfig:
    """Where BlueSnap sends notices. `receipts` is the old acknowledgement, which needs an answer that we do not give."""

    destinations: list[Destination]
    receipts: bool | None

    @property
    def url(self) -> str | None:
        """The address, where there is exactly one."""
        return self.destinations[0].url if len(self.destinations) == 1 else None
