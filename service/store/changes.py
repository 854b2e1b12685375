"""The only way to write a business record: the row and its entry in one call, so that there is no change without history."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, insert, update

from service.errors import PanlessError
from service.store.journal import Act, Origin, append
from service.store.models import (
    ACCESS_GRANTS,
    DISPUTES,
    PRICES,
    REFUNDS,
    SESSIONS,
    SIGNUPS,
    SUBSCRIPTIONS,
    TASKS,
    AccessGrant,
    CheckoutSession,
    Dispute,
    Price,
    Refund,
    Signup,
    Subscription,
    Task,
)

Record = TypeVar("Record", CheckoutSession, Signup, Subscription, Price, Refund, Dispute, Task, AccessGrant)
TABLES: dict[type, Table] = {
    CheckoutSession: SESSIONS,
    Signup: SIGNUPS,
    Subscription: SUBSCRIPTIONS,
    Price: PRICES,
    Refund: REFUNDS,
    Dispute: DISPUTES,
    Task: TASKS,
    AccessGrant: ACCESS_GRANTS,
}


class LostRaceError(PanlessError):
    """Somebody else changed the record since it was read: another process holds the lease or the version moved on."""


def add(connection: Connection, record: Record, act: Act, origin: Origin) -> Record:
    """Insert a record and write its entry."""
    connection.execute(insert(TABLES[type(record)]).values(**vars(record)))
    append(connection, act, record, origin)
    return record


def change(connection: Connection, record: Record, act: Act, origin: Origin, **values: Any) -> Record:
    """Update a record and write its entry. Raises LostRaceError if its fence or version is no longer the one that was read."""
    table = TABLES[type(record)]
    condition = table.c.id == record.id
    if isinstance(record, Subscription):
        condition &= table.c.version == record.version
        values["version"] = record.version + 1
    if isinstance(record, Signup):
        condition &= table.c.fence == record.fence
    if connection.execute(update(table).where(condition).values(**values)).rowcount != 1:
        raise LostRaceError
    changed = dataclasses.replace(record, **values)
    append(connection, act, changed, origin)
    return changed
