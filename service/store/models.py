"""The tables, each declared once as a typed record. No column can hold card data: every text, json and bytea column is a DOMAIN."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Uuid,
    text,
)

from service.cardguard.domains import Domain

METADATA = MetaData()
OUR_ID = Domain("our_id")
ACCOUNT = Domain("account_ref")
PROVIDER_REF = Domain("provider_ref")
WORD = Domain("word")
DIGEST = Domain("digest")
MOMENT = DateTime(timezone=True)
MONEY = Numeric(12, 3)


def _column(column_type: Any, *arguments: Any, null: bool = False, **options: Any) -> Any:
    return field(metadata={"column": lambda name: Column(name, column_type, *arguments, nullable=null, **options)})


def _table(record: type, name: str, *extra: Any) -> Table:
    return Table(name, METADATA, *(item.metadata["column"](item.name) for item in fields(record)), *extra)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A machine's key. Only the SHA-256 of it is kept; its scopes are rows of their own."""

    id: str = _column(OUR_ID, primary_key=True)
    name: str = _column(Domain("key_name"))
    environment: str = _column(WORD)
    digest: bytes = _column(DIGEST, unique=True)
    created_at: datetime = _column(MOMENT)
    revoked_at: datetime | None = _column(MOMENT, null=True)


@dataclass(frozen=True, kw_only=True)
class CheckoutSession:
    """One visit to the signup page. `state` is open, confirming, complete or failed; *expired* is derived from `expires_at`."""

    id: str = _column(OUR_ID, primary_key=True)
    account: str = _column(ACCOUNT, ForeignKey("accounts.account"))
    purpose: str = _column(WORD)
    plan: str = _column(WORD)
    plan_version: int = _column(Integer)
    members: int = _column(Integer)
    amount: Decimal = _column(MONEY)
    currency: str = _column(Domain("currency_code"))
    state: str = _column(WORD)
    decline_reason: str | None = _column(WORD, null=True)
    fields_sealed: bytes | None = _column(Domain("sealed"), null=True)
    fields_expire_at: datetime | None = _column(MOMENT, null=True)
    renewals: int = _column(Integer)
    address: bytes | None = _column(DIGEST, null=True)
    created_at: datetime = _column(MOMENT)
    expires_at: datetime = _column(MOMENT)
    ended_at: datetime | None = _column(MOMENT, null=True)
    subscription_id: str | None = _column(OUR_ID, null=True)


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A paid plan of an account. It begins as `incomplete`, which claims the account while a signup is undecided.

    `renews` is false once a cancellation is ordered. `look_at` (database time) is when BlueSnap is to be asked, `looked` how often it was in vain.
    `pending_change` is an ordered change whose outcome is not known, held until `pending_until` (database time).
    """

    id: str = _column(OUR_ID, primary_key=True)
    account: str = _column(ACCOUNT, ForeignKey("accounts.account"))
    plan: str = _column(WORD)
    plan_version: int = _column(Integer)
    members: int = _column(Integer)
    amount: Decimal = _column(MONEY)
    currency: str = _column(Domain("currency_code"))
    status: str = _column(WORD)
    provider_subscription: str | None = _column(PROVIDER_REF, null=True, unique=True)
    provider_shopper: str | None = _column(PROVIDER_REF, null=True)
    next_charge_on: date | None = _column(Date, null=True)
    paid_until: datetime | None = _column(MOMENT, null=True)
    renews: bool = _column(Boolean, server_default=text("true"))
    ended_at: datetime | None = _column(MOMENT, null=True)
    look_at: datetime | None = _column(MOMENT, null=True)
    looked: int = _column(Integer, server_default=text("0"))
    pending_change: str | None = _column(WORD, null=True)
    pending_until: datetime | None = _column(MOMENT, null=True)
    version: int = _column(Integer)
    created_at: datetime = _column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Signup:
    """One card attempt of a session, as named steps.

    `fence` and `lease_until` say which process may move it; `called_at` is when the present step's key was first used. All in database time.
    """

    id: str = _column(OUR_ID, primary_key=True)
    session_id: str = _column(OUR_ID, ForeignKey("checkout_sessions.id"))
    account: str = _column(ACCOUNT, ForeignKey("accounts.account"))
    subscription_id: str = _column(OUR_ID, ForeignKey("subscriptions.id"))
    state: str = _column(WORD)
    provider_shopper: str | None = _column(PROVIDER_REF, null=True)
    shopper_key: uuid.UUID = _column(Uuid)
    subscription_key: uuid.UUID = _column(Uuid)
    fraud_session: str | None = _column(Domain("fraud_ref"), null=True)
    three_d_secure: str | None = _column(PROVIDER_REF, null=True)
    address: bytes | None = _column(DIGEST, null=True)
    cause: str | None = _column(WORD, null=True)
    looked: int = _column(Integer)
    fence: int = _column(Integer)
    lease_until: datetime = _column(MOMENT)
    called_at: datetime = _column(MOMENT)
    created_at: datetime = _column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A payment that BlueSnap made, once, by whatever way we heard of it."""

    id: str = _column(OUR_ID, primary_key=True)
    subscription_id: str = _column(OUR_ID, ForeignKey("subscriptions.id"))
    reference: str = _column(PROVIDER_REF, unique=True)
    amount: Decimal = _column(MONEY)
    currency: str = _column(Domain("currency_code"))
    source: str = _column(WORD)
    recorded_at: datetime = _column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A message from BlueSnap, reduced to allow-listed fields; unique by delivery and, where it has one, by meaning."""

    id: str = _column(OUR_ID, primary_key=True)
    delivery: bytes = _column(DIGEST, unique=True)
    meaning: bytes | None = _column(DIGEST, null=True, unique=True)
    type: str = _column(Domain("provider_word"))
    reference: str | None = _column(PROVIDER_REF, null=True)
    provider_subscription: str | None = _column(PROVIDER_REF, null=True)
    provider_shopper: str | None = _column(PROVIDER_REF, null=True)
    amount: Decimal | None = _column(MONEY, null=True)
    currency: str | None = _column(Domain("currency_code"), null=True)
    provider_time: datetime | None = _column(MOMENT, null=True)
    outcome: str = _column(WORD)
    reason: str | None = _column(WORD, null=True)
    received_at: datetime = _column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """A claimed key of a caller on a route: running under a lease, or done with its kept answer (which holds no secret)."""

    caller: str = _column(OUR_ID, primary_key=True)
    route: str = _column(WORD, primary_key=True)
    key: uuid.UUID = _column(Uuid, primary_key=True)
    fingerprint: bytes = _column(DIGEST)
    status: int | None = _column(Integer, null=True)
    answer: dict[str, Any] | None = _column(Domain("image"), null=True)
    fence: int = _column(Integer)
    lease_until: datetime = _column(MOMENT)
    created_at: datetime = _column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the journal: who did what to what, and how it was afterwards."""

    number: int = _column(BigInteger, primary_key=True, autoincrement=True)
    at: datetime = _column(MOMENT, server_default=text("clock_timestamp()"))
    actor: str = _column(Domain("actor_ref"))
    act: str = _column(WORD)
    subject: str = _column(OUR_ID)
    account: str | None = _column(ACCOUNT, null=True)
    version: int | None = _column(Integer, null=True)
    image: dict[str, Any] = _column(Domain("image"))
    request: str | None = _column(OUR_ID, null=True)


DEPLOYMENT = Table("deployment", METADATA, Column("environment", WORD, primary_key=True))
ACCOUNTS = Table(
    "accounts", METADATA, Column("account", ACCOUNT, primary_key=True), Column("created_at", MOMENT, nullable=False)
)
API_KEYS = _table(ApiKey, "api_keys")
API_KEY_SCOPES = Table(
    "api_key_scopes",
    METADATA,
    Column("key_id", OUR_ID, ForeignKey("api_keys.id"), primary_key=True),
    Column("scope", Domain("scope_word"), primary_key=True),
)
SESSIONS = _table(
    CheckoutSession,
    "checkout_sessions",
    Index("sessions_by_address", "address", "created_at"),
    Index("sessions_with_fields", "expires_at", postgresql_where=text("fields_sealed IS NOT NULL")),
)
SUBSCRIPTIONS = _table(
    Subscription,
    "subscriptions",
    Index(
        "one_purchase_per_account",
        "account",
        unique=True,
        postgresql_where=text("status IN ('incomplete', 'active', 'past_due')"),
    ),
    Index("subscriptions_by_account", "account"),
    Index("subscriptions_to_look_at", "look_at", postgresql_where=text("look_at IS NOT NULL")),
    Index("subscriptions_by_period", "paid_until", postgresql_where=text("status IN ('active', 'past_due')")),
    Index("subscriptions_by_shopper", "provider_shopper"),
)
SIGNUPS = _table(
    Signup,
    "signups",
    Index("signups_by_session", "session_id"),
    Index("signups_by_account", "account", "created_at"),
    Index("signups_by_time", "created_at"),
    Index(
        "signups_undecided",
        "lease_until",
        postgresql_where=text("state NOT IN ('active', 'declined', 'released', 'stuck')"),
    ),
    Index("signups_by_shopper", "provider_shopper"),
)
CHARGES = _table(Charge, "charges", Index("charges_by_subscription", "subscription_id"))
NOTICES = _table(Notice, "notices", Index("notices_by_subscription", "provider_subscription"))
IDEMPOTENCY_KEYS = _table(IdempotencyKey, "idempotency_keys")
ENTRIES = _table(Entry, "entries", Index("entries_by_account", "account", "number"))
