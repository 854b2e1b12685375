"""The checkpoints in the database. What is here is as good as its signature: whoever may write the journal may write this."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text, update

from service.store import proofs
from service.store.database import many, one
from service.store.models import CHECKPOINTS, Checkpoint

C = CHECKPOINTS.c
SIGNED, COPIED, REFUSED = "signed", "copied", "refused"
_LOCK = 7_315_007
_UNSIGNED = text(
    "SELECT chain.number, chain.number - coalesce((SELECT max(number) FROM checkpoints), chain.start) AS count, "
    "(SELECT extract(epoch FROM clock_timestamp() - entries.at) FROM entries WHERE entries.number > coalesce((SELECT max(number) FROM checkpoints), 0) "
    "ORDER BY entries.number LIMIT 1) AS age, chain.start + 1 AS first FROM chain"
)
_BESIDE = """
SELECT c.number, c.hash::bytea, c.at, c.key_id::text, c.signature::bytea, c.state::text, e.hash::bytea
FROM public.checkpoints c LEFT JOIN public.entries e ON e.number = c.number WHERE c.number BETWEEN %s AND %s ORDER BY c.number
"""


@dataclass(frozen=True)
class Unsigned:
    """How many entries follow the last checkpoint, up to which number, and for how many seconds the first of them has; and the number that the journal begins with."""

    number: int
    count: int
    age: float
    first: int


def unsigned(connection: Connection) -> Unsigned:
    """What no checkpoint covers yet."""
    row = connection.execute(_UNSIGNED).one_or_none()
    return Unsigned(row[0], row[1], float(row[2] or 0), row[3]) if row is not None else Unsigned(0, 0, 0.0, 1)


def alone(connection: Connection) -> bool:
    """Whether nobody else signs or copies just now; nobody will until this transaction is over."""
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar_one())


def last(connection: Connection, state: str | None = None) -> Checkpoint | None:
    """The newest, of one state if one is given."""
    wanted = select(CHECKPOINTS).order_by(C.number.desc()).limit(1)
    return one(connection, wanted if state is None else wanted.where(C.state == state), Checkpoint)


def add(connection: Connection, checkpoint: Checkpoint) -> None:
    """Keep a new one."""
    connection.execute(insert(CHECKPOINTS).values(**vars(checkpoint)))


def to_copy(connection: Connection, limit: int) -> Sequence[Checkpoint]:
    """Those that nobody has tried to copy yet, the oldest first."""
    return many(connection, select(CHECKPOINTS).where(C.state == SIGNED).order_by(C.number).limit(limit), Checkpoint)


def mark(connection: Connection, number: int, state: str) -> None:
    """What became of a copy."""
    connection.execute(update(CHECKPOINTS).where(C.number == number).values(state=state))


def try_again(connection: Connection, until: datetime) -> None:
    """Those that were refused up to a moment are to be copied after all."""
    connection.execute(update(CHECKPOINTS).where(C.state == REFUSED, C.at <= until).values(state=SIGNED))


def listed(connection: Connection, limit: int) -> Sequence[Checkpoint]:
    """The newest, oldest first."""
    found = many(connection, select(CHECKPOINTS).order_by(C.number.desc()).limit(limit), Checkpoint)
    return found[::-1]


def behind(connection: Connection, number: int, limit: int) -> Sequence[Checkpoint]:
    """The next ones behind a number, oldest first."""
    return many(connection, select(CHECKPOINTS).where(C.number > number).order_by(C.number).limit(limit), Checkpoint)


def now(connection: Connection) -> datetime:
    """Database time, to the microsecond that is signed."""
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def beside_entries(connection: proofs.Connection, first: int, last: int) -> Iterator[tuple[Checkpoint, bytes | None]]:
    """Those of a range of numbers, each with the hash that the entry has now."""
    for number, digest, at, key_id, signature, state, stored in connection.execute(_BESIDE, (first, last)):
        checkpoint = Checkpoint(
            number=number, hash=bytes(digest), at=at, key_id=key_id, signature=bytes(signature), state=state
        )
        yield checkpoint, None if stored is None else bytes(stored)
