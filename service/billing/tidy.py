"""What nobody needs any more is wiped: payment-fields tokens of sessions that expired unused, old idempotency keys, old delivered events. Never what may still be asked for."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from service.billing.tools import Tools
from service.store import accounts, changes, events, idempotency
from service.store.journal import Act, Origin

WORKER = Origin("worker")
BATCH = 200
#: Rows that one transaction deletes, and transactions of one round: what is left is the next round's.
PURGED, MOST_BATCHES = 1_000, 20
#: After so many days an event that was delivered can no longer be sent again.
EVENT_DAYS = 30


def tidy(tools: Tools) -> None:
    """One round of the worker."""
    wipe_expired_fields(tools)
    purge_keys(tools)
    purge_events(tools)


def wipe_expired_fields(tools: Tools) -> int:
    """Wipe the sealed tokens of expired sessions, a batch at a time. The number wiped."""
    now = tools.clock()
    with tools.engine.begin() as connection:
        expired = accounts.expired_with_fields(connection, now, BATCH)
        for session in expired:
            changes.change(connection, session, Act.FIELDS_SPENT, WORKER, fields_sealed=None)
    return len(expired)


def purge_keys(tools: Tools) -> int:
    """Forget idempotency keys that are older than the setting, in database time. The number forgotten."""
    return in_batches(tools, lambda connection: idempotency.purge(connection, tools.settings.key_hours, PURGED))


def purge_events(tools: Tools) -> int:
    """Forget events that the platform took long ago; those that failed stay. The number forgotten."""
    return in_batches(tools, lambda connection: events.purge(connection, EVENT_DAYS, PURGED))


def in_batches(tools: Tools, purge: Callable[[Connection], int]) -> int:
    """Purge so many rows a transaction, until there are fewer or the round has done enough. The number purged."""
    total = 0
    for _ in range(MOST_BATCHES):
        with tools.engine.begin() as connection:
            purged = purge(connection)
        total += purged
        if purged < PURGED:
            break
    return total
