"""The journal of one account or record, and every business row as it was at a moment. Reads what store/keeping.py keeps, and changes nothing.

A row was at a moment what its last version before it says; a moment is database time, that of the version's entry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Column, Connection, Date, DateTime, Numeric, Row, Table, Uuid, select, text

from service.cardguard.domains import Domain
from service.store.database import many
from service.store.keeping import BUSINESS, DIGITS, LEFT_OUT, LETTERS
from service.store.models import API_KEY_SCOPES, ENTRIES, METADATA, PEOPLE_SCOPES, Entry

T = TypeVar("T")
#: The tables of which versions are kept, each behind those that its rows refer to.
TABLES: Mapping[str, Table] = {table.name: table for table in METADATA.sorted_tables if table.name in BUSINESS}
#: Several rows of one subject, which is whose they are.
SCOPES = (API_KEY_SCOPES.name, PEOPLE_SCOPES.name)
_ORDER = {name: place for place, name in enumerate(TABLES)}
_SPELLED = str.maketrans(LETTERS, DIGITS)
# Each row once, found by leaps from one to the next, and of each its last version up to the moment, found from its end: so it does not
# matter how often a row was changed. The scopes of a key or a person are several rows of one subject.
_LAST = """
SELECT v.kind, v.subject, v.account, v.gone, v."row"::text AS document, e.number, e.at, e.act, e.actor
FROM {rows}, LATERAL (
    SELECT v.* FROM versions v JOIN entries e ON e.number = v.entry
    WHERE {mine} AND (CAST(:at AS timestamptz) IS NULL OR e.at <= :at) ORDER BY v.id DESC LIMIT 1
) v JOIN entries e ON e.number = v.entry
"""
_KNOWN = """
WITH RECURSIVE known (kind, subject) AS (
    (SELECT kind, subject FROM versions WHERE {by} = :of ORDER BY kind, subject LIMIT 1)
    UNION ALL SELECT v.kind, v.subject FROM known, LATERAL (
        SELECT v.kind, v.subject FROM versions v WHERE v.{by} = :of AND (v.kind, v.subject) > (known.kind, known.subject)
        ORDER BY v.kind, v.subject LIMIT 1
    ) v
)"""
_OF_ACCOUNT, _OF_SUBJECT = (
    text(
        _KNOWN.format(by=by)
        + _LAST.format(rows="known", mine=f"v.{by} = :of AND v.kind = known.kind AND v.subject = known.subject")
    )
    for by in ("account", "subject")
)
_SCOPES = text(
    _LAST.format(
        rows="(SELECT DISTINCT kind, \"row\" ->> 'scope' AS scope FROM versions WHERE subject = :of AND kind = ANY (:kinds)) known",
        mine="v.subject = :of AND v.kind = known.kind AND v.\"row\" ->> 'scope' = known.scope",
    )
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A row as it stood: since which entry, whose act that was, and `gone` if it was deleted by it; then `values` are what it was last.

    `document` has the kept columns as the version has them, `values` as the table has them.
    """

    kind: str
    subject: str
    account: str | None
    gone: bool
    document: dict[str, Any]
    entry: int
    at: datetime
    act: str
    actor: str

    @property
    def values(self) -> dict[str, Any]:
        """The kept columns with their Python values; those that were empty are None."""
        kept = (column for column in TABLES[self.kind].columns if column.name not in LEFT_OUT)
        return {column.name: _value(column, self.document.get(column.name)) for column in kept}

    @property
    def key(self) -> tuple[Any, ...]:
        """The row's primary key."""
        return tuple(self.values[column.name] for column in TABLES[self.kind].primary_key)

    def record(self, kind: type[T]) -> T:
        """As a record. What is never kept is empty, or nothing."""
        names = {column.name for column in TABLES[self.kind].columns}
        unknown: dict[str, Any] = dict.fromkeys(names & set(LEFT_OUT)) | dict.fromkeys(names & {"fence", "looked"}, 0)
        return kind(**unknown | self.values)


def _value(column: Column[Any], kept: Any) -> Any:
    """From the form in a version (store/keeping.py) to the column's own."""
    if kept is None:
        return None
    kind: Any = column.type
    name = kind.name if isinstance(kind, Domain) else type(kind)
    return _READ[name](kept) if name in _READ else kept


#: By the type of a column; what is not here is kept as it is.
_READ: Mapping[Any, Callable[[str], Any]] = {
    DateTime: datetime.fromisoformat,
    Date: date.fromisoformat,
    Numeric: Decimal,
    Uuid: lambda kept: UUID(kept.translate(_SPELLED)),
    "digest": lambda kept: bytes.fromhex(kept.translate(_SPELLED)),
}


def of_account(connection: Connection, account: str, at: datetime | None = None) -> list[Standing]:
    """Every row of an account that there was up to a moment, or up to now; parents before their children."""
    return _standing(connection.execute(_OF_ACCOUNT, {"of": account, "at": at}).all())


def of_subject(connection: Connection, subject: str, at: datetime | None = None) -> list[Standing]:
    """The row of an id, and with a key's or a person's own those of their scopes."""
    rows = connection.execute(_OF_SUBJECT, {"of": subject, "at": at}).all()
    scopes = connection.execute(_SCOPES, {"of": subject, "at": at, "kinds": list(SCOPES)}).all()
    return _standing([*(row for row in rows if row.kind not in SCOPES), *scopes])


def _standing(rows: Sequence[Row[Any]]) -> list[Standing]:
    found = [
        Standing(
            kind=row.kind, subject=row.subject, account=row.account, gone=row.gone, document=json.loads(row.document),
            entry=row.number, at=row.at, act=row.act, actor=row.actor,
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: (_ORDER[one.kind], one.subject))


def page(connection: Connection, account: str, after: int, limit: int) -> list[Entry]:
    """Entries of an account behind a number, oldest first. Numbers are given in the order of commits, so nothing appears before one that was read."""
    mine = (ENTRIES.c.account == account, ENTRIES.c.number > after)
    return many(connection, select(ENTRIES).where(*mine).order_by(ENTRIES.c.number).limit(limit), Entry)
