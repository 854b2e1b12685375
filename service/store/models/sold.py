"""What was sold and what became of the money: subscriptions, prices, charges, refunds, disputes, matters for a person."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, Uuid, text

from service.cardguard.domains import Domain
from service.store.models.columns import ACCOUNT, MOMENT, MONEY, OUR_ID, PROVIDER_REF, WORD, column, table


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A paid plan of an account. It begins as `incomplete`, which claims the account while a signup is undecided.

    `renews` is false once a cancellation is ordered. `look_at` (database time) is when BlueSnap is to be asked, `looked` how often it was in vain.
    `plan` and `members` are in effect; `amount` is the price that is agreed for the charges from the billing day `applies_from` on.
    `next_plan` takes effect with the next period. `pending_change` is an ordered change whose outcome is not known, held until
    `pending_until` (database time), with what was ordered beside it.
    """

    id: str = column(OUR_ID, primary_key=True)
    account: str = column(ACCOUNT, ForeignKey("accounts.account"))
    plan: str = column(WORD)
    plan_version: int = column(Integer)
    members: int = column(Integer)
    amount: Decimal = column(MONEY)
    currency: str = column(Domain("currency_code"))
    status: str = column(WORD)
    provider_subscription: str | None = column(PROVIDER_REF, null=True, unique=True)
    provider_shopper: str | None = column(PROVIDER_REF, null=True)
    next_charge_on: date | None = column(Date, null=True)
    paid_until: datetime | None = column(MOMENT, null=True)
    renews: bool = column(Boolean, server_default=text("true"))
    ended_at: datetime | None = column(MOMENT, null=True)
    look_at: datetime | None = column(MOMENT, null=True)
    looked: int = column(Integer, server_default=text("0"))
    pending_change: str | None = column(WORD, null=True)
    pending_until: datetime | None = column(MOMENT, null=True)
    pending_plan: str | None = column(WORD, null=True)
    pending_plan_version: int | None = column(Integer, null=True)
    pending_members: int | None = column(Integer, null=True)
    next_plan: str | None = column(WORD, null=True)
    next_plan_version: int | None = column(Integer, null=True)
    applies_from: date | None = column(Date, null=True)
    version: int = column(Integer)
    created_at: datetime = column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Price:
    """What was agreed for the charges of a subscription from a billing day on, until another price applies."""

    id: str = column(OUR_ID, primary_key=True)
    subscription_id: str = column(OUR_ID, ForeignKey("subscriptions.id"))
    applies_from: date = column(Date)
    plan: str = column(WORD)
    plan_version: int = column(Integer)
    members: int = column(Integer)
    amount: Decimal = column(MONEY)
    currency: str = column(Domain("currency_code"))
    agreed_at: datetime = column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A payment that BlueSnap made, once, by whatever way we heard of it. `charged_on` is a billing day, `kind` initial or recurring, where known."""

    id: str = column(OUR_ID, primary_key=True)
    subscription_id: str = column(OUR_ID, ForeignKey("subscriptions.id"))
    reference: str = column(PROVIDER_REF, unique=True)
    amount: Decimal = column(MONEY)
    currency: str = column(Domain("currency_code"))
    source: str = column(WORD)
    charged_on: date | None = column(Date, null=True)
    kind: str | None = column(WORD, null=True)
    recorded_at: datetime = column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Money given back of a charge. `status` is requested, unknown, pending, succeeded or failed; all but the last count against the remainder.

    `source` is `api` or `operator` for what we ordered, `bluesnap` for what was refunded there. `lease_until` and `called_at` are database time.
    """

    id: str = column(OUR_ID, primary_key=True)
    charge_id: str = column(OUR_ID, ForeignKey("charges.id"))
    account: str = column(ACCOUNT, ForeignKey("accounts.account"))
    amount: Decimal = column(MONEY)
    currency: str = column(Domain("currency_code"))
    reason: str | None = column(WORD, null=True)
    cancel_subscription: bool = column(Boolean)
    status: str = column(WORD)
    source: str = column(WORD)
    provider_refund: str | None = column(PROVIDER_REF, null=True, unique=True)
    key: uuid.UUID = column(Uuid)
    looked: int = column(Integer, server_default=text("0"))
    lease_until: datetime | None = column(MOMENT, null=True)
    called_at: datetime | None = column(MOMENT, null=True)
    created_at: datetime = column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """A chargeback, by its reference at BlueSnap. `status` is open, won or lost; `told_at` is BlueSnap's time of the last word heard of it."""

    id: str = column(OUR_ID, primary_key=True)
    reference: str = column(PROVIDER_REF, unique=True)
    charge_reference: str = column(PROVIDER_REF)
    subscription_id: str = column(OUR_ID, ForeignKey("subscriptions.id"))
    account: str = column(ACCOUNT, ForeignKey("accounts.account"))
    status: str = column(WORD)
    amount: Decimal | None = column(MONEY, null=True)
    currency: str | None = column(Domain("currency_code"), null=True)
    stopped_renewal: bool = column(Boolean, server_default=text("false"))
    told_at: datetime = column(MOMENT)
    created_at: datetime = column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something that only a person may decide. Of one kind, subject and reference there is one, for ever; `state` is open, done or dismissed."""

    id: str = column(OUR_ID, primary_key=True)
    kind: str = column(WORD)
    subject: str | None = column(OUR_ID, null=True)
    reference: str | None = column(PROVIDER_REF, null=True)
    account: str | None = column(ACCOUNT, null=True)
    amount: Decimal | None = column(MONEY, null=True)
    currency: str | None = column(Domain("currency_code"), null=True)
    state: str = column(WORD)
    opened_at: datetime = column(MOMENT)
    closed_at: datetime | None = column(MOMENT, null=True)


SUBSCRIPTIONS = table(
    Subscription,
    "subscriptions",
    Index(
        "one_purchase_per_account",
        "account",
        unique=True,
        postgresql_where=text("status IN ('incomplete', 'active', 'past_due', 'disputed')"),
    ),
    Index("subscriptions_by_account", "account"),
    Index("subscriptions_to_look_at", "look_at", postgresql_where=text("look_at IS NOT NULL")),
    Index(
        "subscriptions_by_period", "paid_until", postgresql_where=text("status IN ('active', 'past_due', 'disputed')")
    ),
    Index("subscriptions_by_shopper", "provider_shopper"),
    Index("subscriptions_changing", "pending_until", postgresql_where=text("pending_change IS NOT NULL")),
)
PRICES = table(Price, "prices", Index("prices_by_day", "subscription_id", "applies_from", unique=True))
CHARGES = table(Charge, "charges", Index("charges_by_subscription", "subscription_id"))
REFUNDS = table(
    Refund,
    "refunds",
    Index("refunds_by_charge", "charge_id"),
    Index("refunds_undecided", "lease_until", postgresql_where=text("status IN ('requested', 'unknown', 'pending')")),
)
DISPUTES = table(
    Dispute,
    "disputes",
    Index("disputes_by_subscription", "subscription_id"),
    Index("disputes_by_charge", "charge_reference"),
)
TASKS = table(
    Task,
    "tasks",
    Index("one_task_of_a_matter", "kind", "subject", "reference", unique=True, postgresql_nulls_not_distinct=True),
    Index("tasks_open", "kind", "opened_at", postgresql_where=text("state = 'open'")),
)
