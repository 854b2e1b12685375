"""What the simulator remembers: tokens, shoppers with their cards, subscriptions, charges, refunds, chargebacks. No field holds a card number or a security code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from simulator.cards import NEEDS_3DS, CardFacts
from simulator.catalogue import Plan


@dataclass
class Authentication:
    """A run of 3-D Secure for one token: its reference, numeric text of at most twelve digits, and how it ended ("" while it is open)."""

    reference: str
    result: str = ""
    used: bool = False


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
    authentication: Authentication | None = None

    @property
    def filled(self) -> bool:
        """Whether number, expiry and a security code of the right length were all given."""
        return self.facts is not None and bool(self.month) and self.cvv_length == self.facts.cvv_length


@dataclass
class Card:
    """A card in a shopper's vault. It has no id: brand and last four digits identify it.

    `reference` is that of the 3-D Secure run of its token; `outcome`, if a lever set it, wins over the number's own: "success" or an errorName.
    """

    facts: CardFacts
    month: int
    year: int
    billing: dict[str, str]
    added_at: datetime
    authenticated: bool = False
    reference: str = ""
    outcome: str | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """Brand and last four digits."""
        return self.facts.brand, self.facts.last_four

    @property
    def decline_reason(self) -> str | None:
        """The errorName when this card is charged or checked; None when all is well."""
        if self.outcome is not None:
            return None if self.outcome == "success" else self.outcome
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
    """Money given back for one charge. `ended` says whether the subscription ended with it; `status` is SUCCESS, PENDING or CANCELED."""

    id: int
    amount: Decimal
    reason: str
    cancels: bool
    metadata: Any
    at: datetime
    charge: Charge
    status: str = "SUCCESS"
    ended: bool = False


@dataclass
class Chargeback:
    """A payment that the cardholder disputes. `status` is New, Working, Closed, Completed_Pending, Completed_Won or Completed_Lost."""

    id: int
    charge: Charge
    amount: Decimal
    reason: str
    at: datetime
    status: str = "New"


@dataclass
class Charge:
    """A payment of a subscription. `transaction_id` is the reference number of its notices, `kind` INITIAL, RECURRING or SWITCH."""

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
    chargebacks: list[Chargeback] = field(default_factory=list)

    @property
    def refundable(self) -> Decimal:
        """What has neither been given back nor been taken back by the cardholder's bank."""
        given = sum((refund.amount for refund in self.refunds if refund.status != "CANCELED"), Decimal(0))
        taken = sum((one.amount for one in self.chargebacks if one.status != "Completed_Won"), Decimal(0))
        return max(self.amount - given - taken, Decimal(0))


@dataclass
class Subscription:
    """A BlueSnap-managed subscription. `next_charge` and the anchor day are dates of the billing zone; `reference` numbers its first order."""

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
    reference: int = 0
    charges: list[Charge] = field(default_factory=list)

    @property
    def price(self) -> Decimal:
        """What one renewal costs, for all of the quantity."""
        return (self.plan.recurring_amount if self.override is None else self.override) * self.quantity
