"""Who still needs which of our secret keys: what was made with one says so, and lives for a while. When nobody needs it, the key may go."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, FromClause, func, select
from sqlalchemy.sql.elements import ColumnElement

from service.store.models import IDEMPOTENCY_KEYS, NOTICES, SESSIONS

#: BlueSnap sends a notice up to eleven times, about four hours apart (bluesnap/webhooks.md): two days, and some.
SENT_AGAIN = timedelta(hours=48)
#: Where a sealed text says its key (keyring.py).
_SEALED_BY = func.rtrim(func.convert_from(func.substring(SESSIONS.c.fields_sealed, 1, 8), "UTF8"))


def needed(connection: Connection, now: datetime, grace: timedelta) -> dict[str, dict[str | None, int]]:
    """For each kind of thing, how many there are by the id of their key; None for those that were made before it was kept.

    `grace` is how long a client secret outlives its session.
    """
    living = SESSIONS.c.state.in_(("open", "confirming")) & (SESSIONS.c.expires_at > now)
    ended = SESSIONS.c.ended_at > now - grace
    return {
        "client_secrets": _by(connection, SESSIONS, SESSIONS.c.key_id, living | ended),
        "payment_fields_tokens": _by(connection, SESSIONS, _SEALED_BY, living & SESSIONS.c.fields_sealed.is_not(None)),
        "idempotency_keys": _by(connection, IDEMPOTENCY_KEYS, IDEMPOTENCY_KEYS.c.key_id),
        "notices": _by(connection, NOTICES, NOTICES.c.key_id, NOTICES.c.received_at > now - SENT_AGAIN),
    }


def _by(
    connection: Connection, table: FromClause, key_id: ColumnElement[str], *where: ColumnElement[bool]
) -> dict[str | None, int]:
    rows = connection.execute(select(key_id, func.count()).select_from(table).where(*where).group_by(key_id)).all()
    return {row[0]: row[1] for row in rows}
