"""API keys: made once, shown once, kept as a digest, for machines alone and for a time. A key that is revoked or over stays known, so that its caller can be told."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select, update

from service.cardguard import formats
from service.store.database import many
from service.store.ids import new_id
from service.store.journal import Act, Origin, write
from service.store.keyring import digest
from service.store.models import API_KEY_SCOPES, API_KEYS, ApiKey


def create(
    connection: Connection,
    *,
    name: str,
    scopes: Iterable[str],
    environment: str,
    now: datetime,
    origin: Origin,
    days: int = formats.KEY_DAYS,
) -> tuple[ApiKey, str]:
    """A new key and its text, which exists nowhere else: 256 random bits behind the environment that it is for."""
    text = f"pk_{environment}_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        id=new_id("key"),
        name=name,
        environment=environment,
        digest=digest(text),
        created_at=now,
        revoked_at=None,
        ends_at=now + timedelta(days=days),
    )
    connection.execute(insert(API_KEYS).values(**vars(key)))
    granted = sorted(set(scopes))
    connection.execute(insert(API_KEY_SCOPES), [{"key_id": key.id, "scope": scope} for scope in granted])
    write(connection, Act.KEY_CREATED, origin, subject=key.id, image={"name": name, "scopes": granted, "days": days})
    return key, text


@dataclass(frozen=True)
class Found:
    """A key, and whether its time is over by the clock of the database: business time may be the simulator's."""

    key: ApiKey
    ended: bool


def find(connection: Connection, text: str) -> Found | None:
    """The key with this text, revoked, ended or neither."""
    ended = (API_KEYS.c.ends_at <= func.clock_timestamp()).label("ended")
    row = connection.execute(select(API_KEYS, ended).where(API_KEYS.c.digest == digest(text))).mappings().one_or_none()
    if row is None:
        return None
    values = dict(row)
    return Found(ended=values.pop("ended"), key=ApiKey(**values))


def scopes_of(connection: Connection, key_id: str) -> frozenset[str]:
    """What the key may do."""
    statement = select(API_KEY_SCOPES.c.scope).where(API_KEY_SCOPES.c.key_id == key_id)
    return frozenset(connection.execute(statement).scalars())


def listed(connection: Connection) -> Sequence[ApiKey]:
    """All keys, oldest first."""
    return many(connection, select(API_KEYS).order_by(API_KEYS.c.id), ApiKey)


def revoke(connection: Connection, key_id: str, *, now: datetime, origin: Origin) -> bool:
    """Stop a key at once. False if there is no such key or it is revoked already."""
    statement = update(API_KEYS).where(API_KEYS.c.id == key_id, API_KEYS.c.revoked_at.is_(None)).values(revoked_at=now)
    if connection.execute(statement.returning(API_KEYS.c.id)).first() is None:
        return False
    write(connection, Act.KEY_REVOKED, origin, subject=key_id, image={"revoked": True})
    return True
