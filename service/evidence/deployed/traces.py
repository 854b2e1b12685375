"""What a request may have left in this deployment, since a mark: rows, lines of logs, pieces of the archive, metrics. Only reads; holds nothing back that it could not read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from sqlalchemy import Engine

from service.archive import Archive
from service.evidence.deployed import files, rows
from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks.base import Part, pieces_of_file
from service.telemetry import metrics


@dataclass(frozen=True)
class Places:
    """Where to look. `metrics` is the address of the service's metrics on this host."""

    engine: Engine
    folder: Path | None
    archive: Archive | None
    metrics: str


@dataclass(frozen=True)
class Mark:
    """Where everything ended."""

    written: str
    sizes: dict[tuple[Path, int], int]
    pieces: frozenset[str]


def mark(places: Places) -> Mark:
    """Remember where everything ends now."""
    return Mark(
        rows.mark(places.engine),
        dict(_sizes(places.folder)),
        frozenset(places.archive.names("") if places.archive else ()),
    )


def _sizes(folder: Path | None) -> Iterator[tuple[tuple[Path, int], int]]:
    for path in files.below(folder) if folder is not None and folder.is_dir() else []:
        state = path.stat()
        yield (path, state.st_ino), state.st_size


def database(places: Places, since: Mark, until: float) -> Iterator[Piece]:
    """Every row that was written since: column by column, one row a line. Raises SinkError for a table that may not be read, OutOfTimeError."""
    with places.engine.connect() as connection:
        tables, unread = rows.tables(connection)
    if unread:
        raise SinkError("a table may not be read")
    for table in tables:
        for found in rows.read(places.engine, table, since=since.written, until=until):
            for number, name in enumerate(table.columns):
                data = b"\n".join(_bytes(row.values[number]) for row in found)
                if data:
                    yield Piece(f"{table.place}.{name}", data, 1, binary=name in table.binary)


def logs(places: Places, since: Mark, _until: float) -> Iterator[Piece]:
    """What was appended to log files; files that are compressed are read whole."""
    for (path, node), _ in _sizes(places.folder):
        yield from pieces_of_file(path, "logs", Part(since.sizes.get((path, node), 0), 1), binary=False)


def archive(places: Places, since: Mark, _until: float) -> Iterator[Piece]:
    """The pieces that have come. Raises ArchiveAway."""
    if places.archive is not None:
        for name in places.archive.names(""):
            if name not in since.pieces:
                yield Piece("archive", files.plain(places.archive.read(name), "archive"), 1)


def numbers(places: Places, _since: Mark, _until: float) -> Iterator[Piece]:
    """The metrics of this process, and of the service on this host; where none answers there, another host's worker looks."""
    yield Piece("metrics", metrics.page(), 1)
    try:
        answer = urllib3.request("GET", places.metrics, retries=False, timeout=5.0, redirect=False)
    except urllib3.exceptions.HTTPError:
        return
    yield Piece("metrics", answer.data, 1)


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)
