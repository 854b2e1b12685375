"""Events: which entries the platform is told of, and how far that has come. Leases and pauses run on database time; only a resend leaves an entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from service.store.database import many, now, one
from service.store.entries import Cursor, end
from service.store.ids import new_id
from service.store.journal import Act, Origin, write
from service.store.models import ENTRIES, EVENT_CURSOR, EVENTS, Entry, Event

E = EVENTS.c
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
STATES = (PENDING, DELIVERED, FAILED)


def start(connection: Connection) -> None:
    """Begin at the present end of the feed, unless it was begun before."""
    if connection.execute(select(EVENT_CURSOR.c.one)).first() is not None:
        return
    place = end(connection)
    connection.execute(insert(EVENT_CURSOR).values(xid=place.xid, number=place.number).on_conflict_do_nothing())


def hold_cursor(connection: Connection) -> Cursor | None:
    """How far the feed has been read, kept from others until the transaction ends. None if another has it, or none has begun."""
    statement = select(EVENT_CURSOR.c.xid, EVENT_CURSOR.c.number).with_for_update(skip_locked=True)
    row = connection.execute(statement).one_or_none()
    return Cursor(row.xid, row.number) if row is not None else None


def advance(connection: Connection, place: Cursor) -> None:
    """The feed has been read so far."""
    connection.execute(update(EVENT_CURSOR).values(xid=place.xid, number=place.number))


def add(connection: Connection, entries: Iterable[Entry]) -> int:
    """One event for each entry, due at once. The number made: an entry that has its event gets no other."""
    moment = now(connection)
    rows = [
        {
            "id": new_id("ev"), "entry": entry.number, "type": entry.act, "account": entry.account, "state": PENDING,
            "attempts": 0, "next_at": moment, "created_at": moment,
        }
        for entry in entries
    ]  # fmt: skip
    if not rows:
        return 0
    statement = insert(EVENTS).values(rows).on_conflict_do_nothing(index_elements=["entry"]).returning(E.id)
    return len(connection.execute(statement).all())


def take(connection: Connection, seconds: float) -> tuple[Event, Entry] | None:
    """Take upon oneself the next attempt of the event that is due the longest; nobody else makes it before so many seconds are over.

    The attempt counts from here on, so a process that dies in it has used it up. Of events due at one moment the older entry goes first.
    """
    due = (
        select(E.id)
        .where(E.state == PENDING, E.next_at <= func.clock_timestamp())
        .order_by(E.next_at, E.entry)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    values = {"attempts": E.attempts + 1, "next_at": func.clock_timestamp() + timedelta(seconds=seconds)}
    taken = one(connection, update(EVENTS).where(E.id == due.scalar_subquery()).values(values).returning(EVENTS), Event)
    return (taken, entry_of(connection, taken)) if taken is not None else None


def entry_of(connection: Connection, event: Event) -> Entry:
    """The entry that an event tells."""
    return many(connection, select(ENTRIES).where(ENTRIES.c.number == event.entry), Entry)[0]


def delivered(connection: Connection, event: Event, status: int | None) -> None:
    """The platform has it. Whoever else tried it meanwhile has lost nothing by it."""
    values = {
        "state": DELIVERED,
        "next_at": None,
        "status": status,
        "cause": None,
        "delivered_at": func.clock_timestamp(),
    }
    connection.execute(update(EVENTS).where(E.id == event.id).values(values))


def not_delivered(connection: Connection, event: Event, *, cause: str, status: int | None, pause: float | None) -> None:
    """Try again after a pause in seconds, or never if there is none. Only if nobody has taken it over since."""
    mine = and_(E.id == event.id, E.state == PENDING, E.attempts == event.attempts)
    later = func.clock_timestamp() + timedelta(seconds=pause) if pause is not None else None
    values = {"state": FAILED if pause is None else PENDING, "next_at": later, "status": status, "cause": cause}
    connection.execute(update(EVENTS).where(mine).values(values))


def purge(connection: Connection, days: int, limit: int) -> int:
    """Delete so many events at most that were delivered longer ago; their number. Their entries stay, and make no event again."""
    old = (E.state == DELIVERED, E.delivered_at < func.clock_timestamp() - timedelta(days=days))
    oldest = select(E.id).where(*old).order_by(E.delivered_at).limit(limit).with_for_update(skip_locked=True)
    return connection.execute(delete(EVENTS).where(E.id.in_(oldest))).rowcount


def get(connection: Connection, event_id: str) -> Event | None:
    """One event."""
    return one(connection, select(EVENTS).where(E.id == event_id), Event)


def listed(connection: Connection, state: str | None, last: int) -> Sequence[Event]:
    """The newest events of a state, or of all, oldest first."""
    statement = select(EVENTS).order_by(E.entry.desc()).limit(last)
    if state is not None:
        statement = statement.where(E.state == state)
    return many(connection, statement, Event)[::-1]


def resend(connection: Connection, origin: Origin, *, event_id: str | None = None) -> int:
    """Tell one event again, or all failed ones: at once, with all its attempts, under its own id. The number; each leaves its entry."""
    which = E.id == event_id if event_id is not None else E.state == FAILED
    values: dict[str, Any] = {
        "state": PENDING, "attempts": 0, "next_at": func.clock_timestamp(), "status": None, "cause": None, "delivered_at": None,
    }  # fmt: skip
    found = many(connection, update(EVENTS).where(which).values(values).returning(EVENTS), Event)
    for event in found:
        image = {"id": event.id, "entry": event.entry, "type": event.type}
        write(connection, Act.EVENT_RESENT, origin, subject=event.id, account=event.account, image=image)
    return len(found)
