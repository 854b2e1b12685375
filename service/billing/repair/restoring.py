"""Puts business rows back as they were at a moment: deleted ones, and those that were changed since. Never takes a row away that came later.

All of it is one transaction, whose entries say what was put back and why; without `apply` it is made as well, and rolled back, so that what
is said is what would be done. BlueSnap has not moved: a look is ordered for every subscription that is concerned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from service.billing.erasure import tombstones
from service.billing.outcomes import SEARCH
from service.billing.tools import Tools
from service.cardguard import formats
from service.errors import PanlessError
from service.store import database, history, putting_back
from service.store.history import TABLES, Standing
from service.store.journal import Origin, plain
from service.store.putting_back import UNTOLD, InTheWayError

#: A call may be under way for as long as that, and its end is not known before.
QUIET_CALLS = 4
#: What lets nobody in again: the columns in which a key is revoked and a person has left.
ENDS = {"api_keys": "revoked_at", "people": "left_at"}
#: What is asked for anew, and never comes back: grants of access to an account.
RIGHTS = {"access_grants"}
#: Why somebody puts rows back; the entries say the word.
REASONS = ("mistake", "fault", "drill")


class RestoreRefusedError(PanlessError):
    """Nothing was put back. `word` says why: unknown, right, account_erased, in_future, subscription_exists or taken; `row` which row it is about."""

    def __init__(self, word: str, row: Standing | None = None, rule: str | None = None) -> None:
        super().__init__(word)
        self.word, self.row, self.rule = word, row, rule


@dataclass(frozen=True)
class Change:
    """What is done with a row: inserted, updated, or nothing (same). `columns` has now and then of each that differs, `notes` what does not come back."""

    kind: str
    subject: str
    account: str | None
    does: str
    columns: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restored:
    """What was, or would be, put back; `later` are rows that came after the moment and stay as they are, `looks` subscriptions that BlueSnap is asked about."""

    at: datetime
    applied: bool
    changes: list[Change]
    later: list[Standing]
    looks: list[str]

    @property
    def differs(self) -> bool:
        """Whether anything is not as it was."""
        return any(one.does != "same" for one in self.changes)


def known(connection: Connection, name: str, at: datetime | None) -> list[Standing]:
    """The rows of a record's id or of an account, as they stood; those that were deleted by then as they were last."""
    ids = history.of_subject(connection, name, at) if formats.matches(formats.OUR_ID, name) else []
    found = [one for one in ids if one.kind != "accounts"]  # an account may be named like an id
    return found or history.of_account(connection, name, at)


def restore(tools: Tools, name: str, at: datetime, *, apply: bool, origin: Origin) -> Restored:
    """Put back what a record's id or an account had at a moment of database time. Raises RestoreRefusedError."""
    erased = tombstones.revived(tools)
    with tools.engine.connect() as connection, connection.begin() as transaction:
        now = database.now(connection)
        if at > now:
            raise RestoreRefusedError("in_future")
        found = [one for one in known(connection, name, at) if not one.gone]
        then = [one for one in found if one.kind not in RIGHTS]
        if not then:
            raise RestoreRefusedError("right" if found else "unknown")
        if any(one.account in erased for one in then):
            raise RestoreRefusedError("account_erased")
        names = {(one.kind, one.key) for one in then}
        later = [
            one
            for one in known(connection, name, None)
            if not one.gone and (one.kind, one.key) not in names and one.kind not in RIGHTS
        ]
        wanted = _with_parents(connection, then, at)
        pending = timedelta(seconds=tools.settings.lease_seconds + QUIET_CALLS * tools.settings.total_seconds)
        changes = [_put_back(connection, one, origin, now=now, pending=pending) for one in wanted]
        touched = [one for one, change in zip(wanted, changes, strict=True) if change.does != "same"]
        looks = putting_back.order_looks(connection, touched)
        if not apply:
            transaction.rollback()
        return Restored(at, apply, changes, later, looks)


def _with_parents(connection: Connection, wanted: list[Standing], at: datetime) -> list[Standing]:
    """These rows behind all that they refer to, each once. What is not among them comes back too if it is not there; else it stays as it is."""
    found = {(one.kind, one.key): one for one in wanted}
    waiting = list(wanted)
    while waiting:
        one = waiting.pop()
        for key in TABLES[one.kind].foreign_keys:
            subject, kind = one.values[key.parent.name], key.column.table.name
            if subject is None or (kind, (subject,)) in found:
                continue
            parents = [row for row in history.of_subject(connection, subject, at) if row.kind == kind and not row.gone]
            missing = [row for row in parents if putting_back.present(connection, row) is None]
            found |= {(row.kind, row.key): row for row in missing}
            waiting += missing
    order = list(TABLES)
    return sorted(found.values(), key=lambda one: (order.index(one.kind), one.subject))


def _put_back(connection: Connection, one: Standing, origin: Origin, *, now: datetime, pending: timedelta) -> Change:
    row, values = putting_back.present(connection, one), one.values
    notes = []
    if one.kind in ENDS and (ended := _ended(connection, one, row)) is not None:
        values[ENDS[one.kind]], notes = ended, ["its end has come since, and stays"]
    if one.kind == "checkout_sessions" and row is None and values["state"] == "open":
        notes.append("without its payment-fields token: the page renews it")
    before: dict[str, Any] = row if row is not None else {}
    differing = {
        name: (before.get(name), value)
        for name, value in values.items()
        if before.get(name) != value and not (row is not None and name == "version")
    }
    if row is not None and not differing:
        return Change(one.kind, one.subject, one.account, "same", notes=tuple(notes))
    if "version" in values:
        values["version"] = _version(connection, one, row)
    steered = putting_back.steering(one, now, searched=SEARCH, pending=pending)
    written = values if row is None else {name: values[name] for name in {*differing, *({"version"} & values.keys())}}
    try:
        putting_back.put_back(connection, one, written | steered, origin, there=row is not None)
    except InTheWayError as error:
        exists = error.rule == putting_back.ONE_PURCHASE
        raise RestoreRefusedError("subscription_exists" if exists else "taken", one, error.rule) from None
    shown = {name: _shown(name, pair) for name, pair in differing.items()}
    return Change(one.kind, one.subject, one.account, "update" if row is not None else "insert", shown, tuple(notes))


def _last(connection: Connection, one: Standing) -> Standing:
    return next(
        row for row in history.of_subject(connection, one.subject) if (row.kind, row.key) == (one.kind, one.key)
    )


def _ended(connection: Connection, one: Standing, row: dict[str, Any] | None) -> datetime | None:
    """When a key was revoked, or a person left, if that was after the moment."""
    end = ENDS[one.kind]
    if one.values[end] is not None:
        return None
    last: datetime | None = (row or _last(connection, one).values)[end]
    return last


def _version(connection: Connection, one: Standing, row: dict[str, Any] | None) -> int:
    """One more than there ever was, so that nobody takes it for the one he has read; its own if it comes back as it was last."""
    if row is not None:
        return int(row["version"]) + 1
    last = _last(connection, one)
    return int(last.values["version"]) + (last.values != one.values)


def _shown(name: str, pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """Now and then, as an image has them; of what no entry holds only that it differs."""
    if name in UNTOLD:
        return (None if pair[0] is None else "(kept)", "(kept)")
    return plain(pair[0]), plain(pair[1])
