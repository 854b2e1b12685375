"""The journal as a feed that a follower reads once and misses nothing of. Must never show an entry while an older one may still appear."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select, tuple_

from service.cardguard import formats
from service.store.database import many
from service.store.models import ENTRIES, Entry

E = ENTRIES.c
BASE = len(formats.ALPHABET)
#: The oldest transaction that may still write, as this statement sees it: entries of older ones are complete, committed or gone.
#: What PostgreSQL says of it: documentation, "System Information Functions", pg_snapshot_xmin.
_RUNNING: ColumnElement[int] = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


@dataclass(frozen=True, order=True)
class Cursor:
    """A place in the feed: behind the entry of this number that this transaction wrote. Outside it is a word without meaning."""

    xid: int
    number: int

    @property
    def text(self) -> str:
        """In the format `formats.CURSOR`; it holds no digit, so it cannot look like a card number."""
        return _letters(self.xid) + _letters(self.number)

    @classmethod
    def read(cls, text: str) -> Cursor:
        """The cursor of a text in the format `formats.CURSOR`."""
        return cls(_number(text[: formats.CURSOR_LENGTH]), _number(text[formats.CURSOR_LENGTH :]))

    @classmethod
    def behind(cls, entry: Entry) -> Cursor:
        """The place right behind an entry."""
        return cls(entry.xid, entry.number)


def _letters(number: int) -> str:
    letters = ""
    for _ in range(formats.CURSOR_LENGTH):
        number, index = divmod(number, BASE)
        letters = formats.ALPHABET[index] + letters
    return letters


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * BASE + formats.ALPHABET.index(letter)
    return number


def page(connection: Connection, after: Cursor | None, limit: int, **only: str) -> tuple[list[Entry], Cursor | None]:
    """The next entries behind a place, and the place to go on from: behind the last of them, or `after` itself where there is none.

    `only` are the values that columns must have, by their names.

    Entries are in the order (transaction, number) and are shown once every transaction that began to write before theirs is over.
    A number alone would not do: numbers are given out before the commit, so a low one may appear after a high one has been read.
    """
    statement = _complete().filter_by(**only).order_by(E.xid, E.number).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(E.xid, E.number) > tuple_(after.xid, after.number))
    found = many(connection, statement, Entry)
    return found, Cursor.behind(found[-1]) if found else after


def end(connection: Connection) -> Cursor:
    """The place behind all that can be shown now."""
    last = many(connection, _complete().order_by(E.xid.desc(), E.number.desc()).limit(1), Entry)
    return Cursor.behind(last[0]) if last else Cursor(0, 0)


def _complete() -> Select[tuple[Entry]]:
    return select(ENTRIES).where(E.xid < _RUNNING)


def acts_between(connection: Connection, since: datetime, until: datetime) -> dict[str, int]:
    """How often each act was written in this span of database time."""
    statement = select(E.act, func.count()).where(E.at >= since, E.at < until).group_by(E.act)
    return {row[0]: row[1] for row in connection.execute(statement)}
