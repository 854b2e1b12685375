"""Who may call, and what happens until something is sold: keys, accounts, sessions, card attempts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Uuid, text

from service.cardguard.domains import Domain
from service.store.models.columns import (
    ACCOUNT,
    DIGEST,
    METADATA,
    MOMENT,
    MONEY,
    OUR_ID,
    PROVIDER_REF,
    SECRET_ID,
    WORD,
    column,
    table,
)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A machine's key. Only the SHA-256 of it is kept; its scopes are rows of their own. Every key ends some day."""

    id: str = column(OUR_ID, primary_key=True)
    name: str = column(Domain("key_name"))
    environment: str = column(WORD)
    digest: bytes = column(DIGEST, unique=True)
    created_at: datetime = column(MOMENT)
    revoked_at: datetime | None = column(MOMENT, null=True)
    #: In database time. The default is for the code before this column, which does not know it.
    ends_at: datetime = column(MOMENT, server_default=text("(clock_timestamp() + '365 days'::interval)"))


@dataclass(frozen=True, kw_only=True)
class CheckoutSession:
    """One visit to the signup page. `state` is open, confirming, complete or failed; *expired* is derived from `expires_at`.

    What is sold is None where a card is replaced. `key_id` names the key that its client secret is derived by. `three_d_secure_required` is true once a completion must carry a passed challenge.
    """

    id: str = column(OUR_ID, primary_key=True)
    account: str = column(ACCOUNT, ForeignKey("accounts.account"))
    purpose: str = column(WORD)
    plan: str | None = column(WORD, null=True)
    plan_version: int | None = column(Integer, null=True)
    members: int | None = column(Integer, null=True)
    amount: Decimal | None = column(MONEY, null=True)
    currency: str | None = column(Domain("currency_code"), null=True)
    three_d_secure_required: bool = column(Boolean, server_default=text("false"))
    state: str = column(WORD)
    decline_reason: str | None = column(WORD, null=True)
    fields_sealed: bytes | None = column(Domain("sealed"), null=True)
    fields_expire_at: datetime | None = column(MOMENT, null=True)
    renewals: int = column(Integer)
    address: bytes | None = column(DIGEST, null=True)
    created_at: datetime = column(MOMENT)
    expires_at: datetime = column(MOMENT)
    ended_at: datetime | None = column(MOMENT, null=True)
    subscription_id: str | None = column(OUR_ID, null=True)
    key_id: str | None = column(SECRET_ID, null=True)


@dataclass(frozen=True, kw_only=True)
class Signup:
    """One card attempt, as named steps: of a session, or of a reactivation with the stored card, which has none.

    `fence` and `lease_until` say which process may move it; `called_at` is when the present step's key was first used. All in database time.
    """

    id: str = column(OUR_ID, primary_key=True)
    session_id: str | None = column(OUR_ID, ForeignKey("checkout_sessions.id"), null=True)
    account: str = column(ACCOUNT, ForeignKey("accounts.account"))
    subscription_id: str = column(OUR_ID, ForeignKey("subscriptions.id"))
    state: str = column(WORD)
    provider_shopper: str | None = column(PROVIDER_REF, null=True)
    shopper_key: uuid.UUID = column(Uuid)
    subscription_key: uuid.UUID = column(Uuid)
    fraud_session: str | None = column(Domain("fraud_ref"), null=True)
    three_d_secure: str | None = column(PROVIDER_REF, null=True)
    address: bytes | None = column(DIGEST, null=True)
    cause: str | None = column(WORD, null=True)
    looked: int = column(Integer)
    fence: int = column(Integer)
    lease_until: datetime = column(MOMENT)
    called_at: datetime = column(MOMENT)
    created_at: datetime = column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """A claimed key of a caller on a route: running under a lease, or done with its kept answer (which holds no secret). `key_id` names the key of the fingerprint."""

    caller: str = column(OUR_ID, primary_key=True)
    route: str = column(WORD, primary_key=True)
    key: uuid.UUID = column(Uuid, primary_key=True)
    fingerprint: bytes = column(DIGEST)
    key_id: str | None = column(SECRET_ID, null=True)
    status: int | None = column(Integer, null=True)
    answer: dict[str, Any] | None = column(Domain("image"), null=True)
    fence: int = column(Integer)
    lease_until: datetime = column(MOMENT)
    created_at: datetime = column(MOMENT)


DEPLOYMENT = Table("deployment", METADATA, Column("environment", WORD, primary_key=True))
ACCOUNTS = Table(
    "accounts", METADATA, Column("account", ACCOUNT, primary_key=True), Column("created_at", MOMENT, nullable=False)
)
API_KEYS = table(ApiKey, "api_keys")
API_KEY_SCOPES = Table(
    "api_key_scopes",
    METADATA,
    Column("key_id", OUR_ID, ForeignKey("api_keys.id"), primary_key=True),
    Column("scope", Domain("scope_word"), primary_key=True),
)
SESSIONS = table(
    CheckoutSession,
    "checkout_sessions",
    Index("sessions_by_address", "address", "created_at"),
    Index("sessions_with_fields", "expires_at", postgresql_where=text("fields_sealed IS NOT NULL")),
)
SIGNUPS = table(
    Signup,
    "signups",
    Index("signups_by_session", "session_id"),
    Index("signups_by_account", "account", "created_at"),
    Index("signups_by_time", "created_at"),
    Index(
        "signups_undecided",
        "lease_until",
        postgresql_where=text("state NOT IN ('active', 'declined', 'released', 'stuck', 'replaced')"),
    ),
    Index("signups_by_shopper", "provider_shopper"),
    Index("signups_stuck", "called_at", postgresql_where=text("state = 'stuck'")),
)
IDEMPOTENCY_KEYS = table(IdempotencyKey, "idempotency_keys", Index("idempotency_keys_by_age", "created_at"))
