"""Searches all that this deployment keeps for card-shaped values: database, log files, archive. Says where, never what; and may strike out what stands in files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from sqlalchemy.exc import DBAPIError

from service.archive import Archive, ArchiveAway
from service.billing.tools import Tools
from service.cardguard import formats
from service.evidence.deployed import cards, files, guards, rows
from service.evidence.pieces import SinkError

#: For all tables together.
HOURS = 6


@dataclass(frozen=True)
class Find:
    """Something that looks like card data. `where` is table and column, file, or piece of the archive; `at` the row's place or the line, and `offset` its first byte."""

    place: str
    where: str
    at: str
    rule: str
    id: str | None = None
    offset: int | None = None


@dataclass
class Scan:
    """What was found, what was looked at, and what could not be: that is not clean.

    `guards` are the database's domains that no longer refuse a card number, each with the statement that puts its guard back; `unguarded` are columns
    without a domain.
    """

    finds: list[Find] = field(default_factory=list)
    guards: dict[str, str] = field(default_factory=dict)
    unguarded: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    looked_at: dict[str, int] = field(default_factory=lambda: {"rows": 0, "lines": 0, "pieces": 0})


def run(tools: Tools, folders: Sequence[Path], *, strike: bool = False) -> Scan:
    """Search everything. With `strike` what is found in files and pieces is struck out; the database is for a person (docs/incident.md)."""
    scan = Scan()
    _database(tools, scan)
    for folder in folders:
        for path in files.below(folder):
            _file(path, scan, strike=strike)
    if tools.archive is not None:
        _archive(tools.archive, scan, strike=strike)
    return scan


def spoken(name: str) -> str:
    """A name as it may be said: people call files by what is in them."""
    return "(a name that itself holds one)" if cards.in_text(name) else name


def _database(tools: Tools, scan: Scan) -> None:
    with tools.engine.connect() as connection:
        tables, closed = rows.tables(connection)
    scan.unread += [f"table {spoken(name)}" for name in closed]
    scan.guards, scan.unguarded = (
        guards.open_domains(tools.engine),
        [spoken(one) for one in guards.unguarded(tools.engine)],
    )
    until = monotonic() + HOURS * 3_600
    for table in tables:
        try:
            for part in rows.read(tools.engine, table, until=until):
                scan.looked_at["rows"] += len(part)
                scan.finds += [find for row in part for find in _row(table, row)]
        except (DBAPIError, rows.OutOfTimeError):
            scan.unread.append(f"table {spoken(table.place)}")


def _row(table: rows.Table, row: rows.Row) -> Iterator[Find]:
    own = row.id if row.id is not None and formats.matches(formats.OUR_ID, row.id) else None
    for name, value in zip(table.columns, row.values, strict=True):
        if value is None:
            continue
        look = (
            cards.in_bytes if name in table.binary else cards.in_document if name in table.documents else cards.in_text
        )
        rule = look(value)
        if rule:
            yield Find("database", spoken(f"{table.place}.{name}"), row.place, rule, own)


def _file(path: Path, scan: Scan, *, strike: bool) -> None:
    try:
        with files.opened(path) as (stream, as_it_is):
            for find, line in _found(stream, "file", spoken(str(path)), scan):
                scan.finds.append(find)
                if strike and as_it_is:
                    files.strike_file(path, line.offset, cards.struck(line.data))
    except (OSError, SinkError):
        scan.unread.append(f"file {spoken(str(path))}")


def _archive(archive: Archive, scan: Scan, *, strike: bool) -> None:
    for name in archive.names(""):
        try:
            text = files.plain(archive.read(name), name)
        except (ArchiveAway, SinkError):
            scan.unread.append(f"piece {spoken(name)}")
            continue
        scan.looked_at["pieces"] += 1
        found = [find for find, _ in _found(io.BytesIO(text), "archive", spoken(name), scan)]
        scan.finds += found
        if found and strike:
            files.strike_piece(archive, name, _struck)


def _struck(line: bytes) -> bytes:
    return cards.struck(line) if cards.in_document(line.decode("utf-8", "replace")) else line


def _found(stream: BinaryIO, place: str, where: str, scan: Scan) -> Iterator[tuple[Find, files.Line]]:
    for line in files.lines(stream):
        scan.looked_at["lines"] += 1
        rule = cards.in_document(line.data.decode("utf-8", "replace"))
        if rule:
            yield Find(place, where, str(line.number), rule, offset=line.offset), line
