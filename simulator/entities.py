"""What the simulator remembers: tokens, shoppers with their cards, subscriptions, charges, refunds. No field holds a card number or a security code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from simulator.cards import NEEDS_3DS, CardFacts
from simulator.catalogue import Plan


@dataclass
class Token:
    """A payment-fields token: empty, then filled once all three parts are there, then spent (bluesnap/hosted-fields.md section 2)."""

    text: str
    created_at: datetime
    facts: CardFacts | None = None
    month: int = 0
    year: int = 0
    cvv_length: int = 0
    spent: bool = False

    @property
    def filled(self) -> bool:
        """Whether number, expiry and a security code of the right length were all given."""
        return self.facts is not None and bool(self.month) and self.cvv_length == self.facts.cvv_length


@dataclass
class Card:
    """A card in a shopper's vault. It has no id: brand and last four digits identify it."""

    facts: CardFacts
    month: int
    year: int
    billing: dict[str, str]
    added_at: datetime
    authenticated: bool = False

    @property
    def identity(self) -> tuple[str, str]:
        """Brand and last four digits."""
        return self.facts.brand, self.facts.last_four

    @property
    def decline_reason(self) -> str | None:
        """The errorName when this card is charged or checked; None when all is well."""
        reason = self.facts.script.outcome(self.month)
        return None if reason == NEEDS_3DS and self.authenticated else reason


@dataclass
class Shopper:
    """A vaulted shopper; `contact` holds the payer's fields as they were sent."""

    id: int
    merchant_shopper_id: str
    contact: dict[str, str]
    currency: str
    created_at: datetime
    cards: list[Card] = field(default_factory=list)


@dataclass
class Refund:
    """Money given back for one charge."""

    id: int
    amount: Decimal
    reason: str
    cancels: bool
    metadata: Any
    at: datetime


@dataclass
class Charge:
    """A payment of a subscription. `transaction_id` is the reference number of its notices."""

    id: int
    transaction_id: int
    subscription: Subscription
    card: Card
    plan: Plan
    amount: Decimal
    kind: str
    at: datetime
    period: tuple[date, date]
    refunds: list[Refund] = field(default_factory=list)

    @property
    def refundable(self) -> Decimal:
        """What has not been given back yet."""
        return self.amount - sum((refund.amount for refund in self.refunds), Decimal(0))


@dataclass
class Subscription:
    """A BlueSnap-managed subscription. `next_charge` and the anchor day are dates of the billing zone."""

    id: int
    plan: Plan
    shopper: Shopper
    card: Card
    quantity: int
    created_at: datetime
    override: Decimal | None = None
    soft_descriptor: str = ""
    status: str = "ACTIVE"
    auto_renew: bool = True
    next_charge: date | None = None
    anchor: int = 1
    attempt_on: date | None = None
    charges: list[Charge] = field(default_factory=list)

    @property
    def price(self) -> Decimal:
        """What one renewal costs, for all of the quantity."""
        return (self.plan.recurring_amount if self.override is None else self.override) * self.quantity
