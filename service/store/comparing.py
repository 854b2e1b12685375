"""What the tables say now beside what was kept of them: rows and their last versions, versions and events and their entries, and the guards that keep all this. Only reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import DateTime, Numeric, Table, Uuid

from service.cardguard.domains import DOMAINS, Domain
from service.store import keeping
from service.store.models import METADATA
from service.store.proofs import Connection

#: Of each table so many at most: whoever finds so many knows enough.
MOST = 100
_BY_HAND = f"translate({{}}, '{keeping.DIGITS}', '{keeping.LETTERS}')"
GUARDS = {
    **dict.fromkeys(keeping.BUSINESS, ("keep_rows", "keep_changes", "keep_from_truncate")),
    "entries": ("link_entries", "keep_linked", "keep_entries", "keep_from_truncate"),
    "versions": ("link_versions", "keep_linked", "keep_versions", "keep_from_truncate"),
}


@dataclass(frozen=True)
class Difference:
    """A row of a table that is not as its last version says: of which entry that is, None where there is none; and in which columns."""

    table: str
    subject: str
    entry: int | None
    columns: tuple[str, ...]
    here: bool
    kept: bool


def rows(connection: Connection) -> Iterator[Difference]:
    """Every business row that differs from its last version, is not in any, or is gone without one that says so."""
    for name in keeping.BUSINESS:
        statement = _statement(METADATA.tables[name])
        for subject, entry, kept, now in connection.execute(statement).fetchall():
            yield Difference(name, subject, entry, _differing(kept, now), now is not None, kept is not None)


def _statement(table: Table) -> str:
    subject = next(iter(table.primary_key)).name
    others = [column.name for column in table.primary_key if column.name != subject]
    more = "".join(f", v.\"row\" ->> '{name}'" for name in others)
    shown = ", ".join(document(table))
    both = " AND ".join(
        ["k.subject = l.subject", *(f"k.\"row\" ->> '{name}' = l.document ->> '{name}'" for name in others)]
    )
    return f"""
SELECT coalesce(k.subject, l.subject)::text, k.entry, CASE WHEN k.gone THEN NULL ELSE k."row"::jsonb END, l.document
FROM (
    SELECT DISTINCT ON (v.subject{more}) v.subject::text AS subject, v.entry, v.gone, v."row"::jsonb AS "row"
    FROM public.versions v WHERE v.kind = '{table.name}' ORDER BY v.subject{more}, v.id DESC
) k FULL JOIN (
    SELECT one.{subject}::text AS subject, jsonb_strip_nulls(jsonb_build_object({shown})) AS document FROM public.{table.name} one
) l ON {both}
WHERE CASE WHEN coalesce(k.gone, true) THEN l.document IS NOT NULL ELSE l.document IS DISTINCT FROM k."row" END
ORDER BY k.entry LIMIT {MOST}"""


def document(table: Table) -> Iterator[str]:
    """The kept columns of a row `one`, each as its name and its value."""
    return (f"'{column.name}', {_shown(column)}" for column in table.c if column.name not in keeping.LEFT_OUT)


def _shown(column: Any) -> str:
    """The value of a column as versions have it (keep_versions in keeping.py)."""
    name, kind = f'one."{column.name}"', column.type
    if isinstance(kind, DateTime):
        return f"""to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    if isinstance(kind, Domain) and DOMAINS[kind.name][0] == "bytea":
        return _BY_HAND.format(f"encode({name}, 'hex')")
    if isinstance(kind, Uuid):
        return _BY_HAND.format(f"{name}::text")
    return f"{name}::text" if isinstance(kind, Numeric) else name


def _differing(kept: dict[str, Any] | None, now: dict[str, Any] | None) -> tuple[str, ...]:
    if kept is None or now is None:
        return ()
    return tuple(sorted(name for name in kept.keys() | now.keys() if kept.get(name) != now.get(name)))


def versions_without_entry(connection: Connection) -> list[tuple[int, str]]:
    """Versions that speak of an entry that there is not: the number that they name, and of which table they are."""
    return connection.execute(
        "SELECT v.entry, v.kind::text FROM public.versions v LEFT JOIN public.entries e ON e.number = v.entry "
        "WHERE e.number IS NULL OR v.entry <= 0 ORDER BY v.entry LIMIT %s",
        (MOST,),
    ).fetchall()


def events_without_entry(connection: Connection) -> list[tuple[int, str]]:
    """The same of events, with their ids."""
    return connection.execute(
        "SELECT v.entry, v.id::text FROM public.events v LEFT JOIN public.entries e ON e.number = v.entry WHERE e.number IS NULL ORDER BY 1 LIMIT %s",
        (MOST,),
    ).fetchall()


def guards_off(connection: Connection) -> Iterator[tuple[str, str]]:
    """Triggers that are missing or switched off, and functions that are not what our code says: table or function, and what of it."""
    found = connection.execute(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND t.tgenabled IN ('O', 'A')"
    ).fetchall()
    on = {(table, trigger) for table, trigger in found}
    for table, triggers in GUARDS.items():
        yield from ((table, trigger) for trigger in triggers if (table, trigger) not in on)
    sources: dict[str, str] = dict(
        connection.execute(
            "SELECT p.proname, btrim(p.prosrc) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public'"
        ).fetchall()
    )
    for declared in keeping.FUNCTIONS:
        name = declared.split("FUNCTION ", 1)[1].split("(", 1)[0]
        if not sources.get(name) or sources[name] not in declared:
            yield f"{name}()", "is not what it was made as"
