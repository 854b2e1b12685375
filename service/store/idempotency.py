"""Idempotency keys of our callers: claim one, keep its answer, hand it back. Leases run on database time; a fence refuses whoever lost his."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, delete, exists, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from service.errors import Code, Refusal
from service.store.database import one
from service.store.models import IDEMPOTENCY_KEYS, SIGNUPS, IdempotencyKey
from service.store.signups import UNDECIDED

K, S = IDEMPOTENCY_KEYS.c, SIGNUPS.c
#: A key may be given up by its holder, or purged, between the two statements that claim it; then it is claimed anew. More often is no accident.
CLAIMS = 5


@dataclass(frozen=True)
class Claim:
    """A key that is ours to work under (`answer` None), or one whose final answer is kept."""

    caller: str
    route: str
    key: uuid.UUID
    fence: int
    status: int | None = None
    answer: dict[str, Any] | None = None


def claim(  # the words of a key are its caller, its route and itself
    connection: Connection,
    *,
    caller: str,
    route: str,
    key: uuid.UUID,
    fingerprints: Sequence[bytes],
    key_id: str | None = None,
    lease_seconds: int,
) -> Claim:
    """Claim a key. `key_id` names the key of the first of the fingerprints, which is kept. Raises Refusal: reused with another body, or still running elsewhere (with Retry-After)."""
    lease = func.clock_timestamp() + timedelta(seconds=lease_seconds)
    new = (
        insert(IDEMPOTENCY_KEYS)
        .values(
            caller=caller,
            route=route,
            key=key,
            fingerprint=fingerprints[0],
            key_id=key_id,
            fence=1,
            lease_until=lease,
            created_at=func.clock_timestamp(),
        )
        .on_conflict_do_nothing()
        .returning(K.fence)
    )
    row = _met(connection, new, _is(caller, route, key))
    if row is None:
        return Claim(caller, route, key, fence=1)
    if row.fingerprint not in fingerprints:
        raise Refusal(Code.IDEMPOTENCY_KEY_REUSED)
    if row.status is not None:
        return Claim(caller, route, key, row.fence, row.status, row.answer)
    left = (row.lease_until - connection.execute(select(func.clock_timestamp())).scalar_one()).total_seconds()
    if left > 0:
        raise Refusal(Code.IDEMPOTENCY_KEY_IN_PROGRESS, retry_after=1)
    connection.execute(
        update(IDEMPOTENCY_KEYS).where(_is(caller, route, key)).values(fence=row.fence + 1, lease_until=lease)
    )
    return Claim(caller, route, key, fence=row.fence + 1)


def _met(connection: Connection, new: Executable, name: ColumnElement[bool]) -> IdempotencyKey | None:
    """The row that stands in the way of a new key, held; None once the new one is made. Raises Refusal."""
    for _ in range(CLAIMS):
        if connection.execute(new).first() is not None:
            return None
        row = one(connection, select(IDEMPOTENCY_KEYS).where(name).with_for_update(), IdempotencyKey)
        if row is not None:
            return row
    raise Refusal(Code.IDEMPOTENCY_KEY_IN_PROGRESS, retry_after=1)


def keep(connection: Connection, claim: Claim, status: int, answer: dict[str, Any]) -> None:
    """Keep a final answer, unless the lease was lost to somebody who will keep his own."""
    connection.execute(
        update(IDEMPOTENCY_KEYS)
        .where(_is(claim.caller, claim.route, claim.key), K.fence == claim.fence, K.status.is_(None))
        .values(status=status, answer=answer)
    )


def release(connection: Connection, claim: Claim) -> None:
    """Let the key be used again with the same body: the answer was not final."""
    connection.execute(
        update(IDEMPOTENCY_KEYS)
        .where(_is(claim.caller, claim.route, claim.key), K.fence == claim.fence, K.status.is_(None))
        .values(lease_until=func.clock_timestamp())
    )


def forget(connection: Connection, claim: Claim) -> None:
    """The claim never was: the key may be used with a body that is right."""
    mine = (_is(claim.caller, claim.route, claim.key), K.fence == claim.fence, K.status.is_(None))
    connection.execute(delete(IDEMPOTENCY_KEYS).where(*mine))


def purge(connection: Connection, hours: int, limit: int) -> int:
    """Delete so many keys at most that were claimed longer ago, the oldest first; their number. After that they are new keys.

    Kept are those under which somebody works now, those of a session whose signup is undecided, and, as what they ordered cannot be told from
    them, unfinished ones of other callers while a signup without a session is undecided.
    """
    undecided = S.state.in_(UNDECIDED)
    of_session = exists().where(S.session_id == K.caller, undecided)
    of_nobody = exists().where(S.session_id.is_(None), undecided)
    old: tuple[ColumnElement[bool], ...] = (
        K.created_at < func.clock_timestamp() - timedelta(hours=hours),
        or_(K.status.is_not(None), K.lease_until <= func.clock_timestamp()),
        ~of_session,
        or_(K.status.is_not(None), ~of_nobody),
    )
    name = (K.caller, K.route, K.key)
    oldest = select(*name).where(*old).order_by(K.created_at).limit(limit).with_for_update(skip_locked=True)
    return connection.execute(delete(IDEMPOTENCY_KEYS).where(tuple_(*name).in_(oldest))).rowcount


def _is(caller: str, route: str, key: uuid.UUID) -> Any:
    return (K.caller == caller) & (K.route == route) & (K.key == key)
