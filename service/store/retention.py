"""How long each column is kept. The table is retention.toml: `kept` for as long as the service, `until erasure` with the account, or until an end, which something here enforces."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Column, Connection, Table, or_, select, update

from service.store.models import SESSIONS, SIGNUPS

FILE = Path(__file__).parent / "retention.toml"
CLASSES = ("ours", "account", "provider", "money", "private", "secret", "proof")
KEPT, UNTIL_ERASURE = "kept", "until erasure"
#: Rows that one transaction wipes, as in billing/tidy.py.
BATCH = 1_000


@dataclass(frozen=True)
class Rule:
    """Columns of a table that are wiped so long after a row was made, in states in which nothing can need them."""

    table: Table
    columns: tuple[Column[object], ...]
    after: timedelta
    states: tuple[str, ...] = ()


#: Address digests serve limits of minutes; what a bank or the fraud check was told serves an attempt that is not decided.
RULES = (
    Rule(SESSIONS, (SESSIONS.c.address,), timedelta(days=1)),
    Rule(SIGNUPS, (SIGNUPS.c.address,), timedelta(days=1)),
    Rule(
        SIGNUPS,
        (SIGNUPS.c.fraud_session, SIGNUPS.c.three_d_secure),
        timedelta(days=30),
        ("active", "declined", "released", "replaced"),
    ),
)
#: Columns with an end that is reached elsewhere: by deleting the whole row, or at the end of what it serves.
ELSEWHERE = {
    "idempotency_keys": "PANLESS_KEY_HOURS",
    "events": "30 days after delivery",
    "checkout_sessions.fields_sealed": "end of the session",
    "shopper_deletions.provider_shopper": "deletion at BlueSnap",
}


def table_of_columns() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    """Of each table each column's class and how long it is kept."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        table: {column: (str(line[0]), str(line[1])) for column, line in columns.items()}
        for table, columns in read.items()
    }


def wipe(connection: Connection, rule: Rule, now: datetime) -> int:
    """Wipe some rows, the number of them; `now` is business time, in which rows are made. Rows that somebody holds are the next round's."""
    table = rule.table
    over = table.c.created_at < now - rule.after
    wanted = [over, or_(*(column.is_not(None) for column in rule.columns))]
    if rule.states:
        wanted.append(table.c.state.in_(rule.states))
    ids = select(table.c.id).where(*wanted).limit(BATCH).with_for_update(key_share=True, skip_locked=True)
    values = {column.name: None for column in rule.columns}
    return connection.execute(update(table).where(table.c.id.in_(ids.scalar_subquery())).values(**values)).rowcount
