"""What was told: notices to us, entries of the journal, events to the platform."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Sequence, Table, text

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
class Notice:
    """A message from BlueSnap, reduced to allow-listed fields; unique by delivery and, where it has one, by meaning. `key_id` names the key of `delivery`."""

    id: str = column(OUR_ID, primary_key=True)
    delivery: bytes = column(DIGEST, unique=True)
    key_id: str | None = column(SECRET_ID, null=True)
    meaning: bytes | None = column(DIGEST, null=True, unique=True)
    type: str = column(Domain("provider_word"))
    reference: str | None = column(PROVIDER_REF, null=True)
    provider_subscription: str | None = column(PROVIDER_REF, null=True)
    provider_shopper: str | None = column(PROVIDER_REF, null=True)
    amount: Decimal | None = column(MONEY, null=True)
    currency: str | None = column(Domain("currency_code"), null=True)
    reversal_reference: str | None = column(PROVIDER_REF, null=True)
    reversal_amount: Decimal | None = column(MONEY, null=True)
    dispute_status: str | None = column(WORD, null=True)
    provider_time: datetime | None = column(MOMENT, null=True)
    outcome: str = column(WORD)
    reason: str | None = column(WORD, null=True)
    received_at: datetime = column(MOMENT)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the journal: who did what to what, and how it was afterwards.

    Number, content and hash are given at commit (store/keeping.py); until then the number is below zero and the others are not there.
    """

    number: int = column(
        BigInteger,
        primary_key=True,
        server_default=text("(nextval('entries_number_seq'::regclass) - '4611686018427387904'::bigint)"),
    )
    at: datetime = column(MOMENT, server_default=text("clock_timestamp()"))
    actor: str = column(Domain("actor_ref"))
    act: str = column(WORD)
    subject: str = column(OUR_ID)
    account: str | None = column(ACCOUNT, null=True)
    version: int | None = column(Integer, null=True)
    image: dict[str, Any] = column(Domain("image"))
    request: str | None = column(OUR_ID, null=True)
    #: The transaction that wrote it: the feed shows an entry once no older transaction can write any more.
    xid: int = column(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))
    reason: str | None = column(WORD, null=True)
    content: bytes | None = column(DIGEST, null=True)
    hash: bytes | None = column(DIGEST, null=True)


@dataclass(frozen=True, kw_only=True)
class Version:
    """A business record as it was from an entry on, without what is never kept (store/keeping.py); or, once it is `gone`, as it was last."""

    id: int = column(BigInteger, primary_key=True, autoincrement=True)
    entry: int = column(BigInteger, server_default=text("(- (pg_current_xact_id()::text::bigint))"))
    kind: str = column(WORD)
    subject: str = column(ACCOUNT)
    account: str | None = column(ACCOUNT, null=True)
    gone: bool = column(Boolean)
    row: dict[str, Any] = column(Domain("image"))


@dataclass(frozen=True, kw_only=True)
class Event:
    """An entry that the platform is told of, once: pending, delivered or failed. `status` is the HTTP status of the last answer."""

    id: str = column(OUR_ID, primary_key=True)
    entry: int = column(BigInteger, ForeignKey("entries.number"), unique=True)
    type: str = column(WORD)
    account: str | None = column(ACCOUNT, null=True)
    state: str = column(WORD)
    attempts: int = column(Integer)
    next_at: datetime | None = column(MOMENT, null=True)
    status: int | None = column(Integer, null=True)
    cause: str | None = column(WORD, null=True)
    delivered_at: datetime | None = column(MOMENT, null=True)
    created_at: datetime = column(MOMENT)


NOTICES = table(
    Notice,
    "notices",
    Index("notices_by_subscription", "provider_subscription"),
    Index("notices_open", "outcome", "id", postgresql_where=text("outcome IN ('waiting', 'hint', 'failed')")),
)
#: Where numbers come from while they are below zero.
Sequence("entries_number_seq", metadata=METADATA)
ENTRIES = table(
    Entry,
    "entries",
    Index("entries_by_account", "account", "number"),
    Index("entries_by_feed", "xid", "number"),
    Index("entries_of_looks", "subject", postgresql_where=text("act = 'grant.looked'")),
    Index("entries_erasing", "number", postgresql_where=text("act = 'account.erased'")),
    Index("entries_by_hand", "at", postgresql_where=text("act IN ('hand.created', 'hand.changed', 'hand.deleted')")),
)
VERSIONS = table(
    Version,
    "versions",
    Index("versions_by_entry", "entry"),
    Index("versions_by_subject", "subject", "kind", "id"),
    Index("versions_by_account", "account", "kind", "subject", "id", postgresql_where=text("account IS NOT NULL")),
)


def _one_row(name: str) -> Column[bool]:
    """The key of a table that has one row."""
    check = CheckConstraint("one", name=f"{name}_one_check")
    return Column("one", Boolean, check, primary_key=True, server_default=text("true"))


#: The end of the chain of entries: one row. The first entry has the number after `start`.
CHAIN = Table(
    "chain",
    METADATA,
    _one_row("chain"),
    Column("start", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", DIGEST, nullable=False),
)
#: What makes the content of an account's entries impossible to guess, and, once it is gone, to check.
IMAGE_KEYS = Table(
    "image_keys", METADATA, Column("account", ACCOUNT, primary_key=True), Column("key", DIGEST, nullable=False)
)
EVENTS = table(
    Event,
    "events",
    Index("events_due", "next_at", postgresql_where=text("state = 'pending'")),
    Index("events_delivered", "delivered_at", postgresql_where=text("state = 'delivered'")),
    Index("events_failed", "created_at", postgresql_where=text("state = 'failed'")),
)
#: How far the worker has read the feed to make events of it: one row.
EVENT_CURSOR = Table(
    "event_cursor",
    METADATA,
    _one_row("event_cursor"),
    Column("xid", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
)
