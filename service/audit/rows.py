"""Findings beside the chain: rows that were altered behind its back, and what speaks of entries that there are not. Tells columns, and no value."""

from __future__ import annotations

from collections.abc import Iterator

from service.audit.findings import Finding, Kind
from service.store import comparing
from service.store.proofs import Connection


def compare(connection: Connection) -> Iterator[Finding]:
    """All of them."""
    for one in comparing.rows(connection):
        yield Finding(Kind.ROW_DIFFERS, one.entry, _told(one))
    for entry, kind in comparing.versions_without_entry(connection):
        yield Finding(Kind.VERSION_WITHOUT_ENTRY, entry, f"a version of {kind} names it, and it is not there")
    for entry, event in comparing.events_without_entry(connection):
        yield Finding(Kind.EVENT_WITHOUT_ENTRY, entry, f"event {event} names it, and it is not there")
    for owner, what in comparing.guards_off(connection):
        yield Finding(Kind.GUARD_OFF, None, f"{owner}: {what}" if owner.endswith("()") else f"{owner}: {what} is off")


def _told(one: comparing.Difference) -> str:
    subject = one.subject if one.table != "accounts" else "a row"
    if not one.kept:
        return f"{subject} of {one.table} is there, and its last version does not say so"
    if not one.here:
        return f"{subject} of {one.table} is gone, and its last version does not say so"
    return f"{subject} of {one.table} differs from its last version: {', '.join(one.columns)}"
