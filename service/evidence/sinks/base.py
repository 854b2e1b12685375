"""What all sinks share: what they need of the private copy, and how files are read in parts. Holds no sink."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks.receiver import Receiver

#: Bytes read at a time, and how many of them stand in the next part again: more than any form of a card number is long.
CHUNK, OVERLAP = 1024 * 1024, 8 * 1024
#: NUL bytes that stay at the end of a part: the last sign of a text in UTF-32 ends in three of them.
_TAIL = 4
#: The table in which plants lie; `mark` drops it.
SCRATCH = "public.evidence_scratch"


@dataclass(frozen=True, repr=False)
class Done:
    """How an operator's command ended, and all that it said."""

    status: int
    out: bytes
    err: bytes


class Copy(Protocol):
    """What sinks need of the running copy (`service.evidence.stand.Stand`)."""

    folder: Path
    logs: Path
    temporary: Path
    kept_lines: tuple[Path, Path]
    cluster: Path
    programs: Path
    database_url: str
    simulator: str
    metrics: list[str]
    events: Receiver | None
    commands: list[Done]

    def processes(self) -> dict[str, list[int]]:
        """The processes of each part."""

    def connect(self) -> psycopg.Connection[Any]:
        """A connection to the database."""

    def lever(self, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A lever of the simulator."""


@dataclass(frozen=True)
class Part:
    """Where to begin in a file: a byte, and the number of the line that it stands in, where lines count."""

    start: int = 0
    line: int | None = None


class Readable(Protocol):
    """What can be read in parts."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


def pieces_of_stream(stream: Readable, place: str, part: Part, *, binary: bool) -> Iterator[Piece]:
    """The rest of a stream that stands at `part`, in chunks that overlap. NUL bytes at the end of a part are left out."""
    kept, at, line = b"", part.start, part.line
    while data := stream.read(CHUNK):
        whole = kept + data
        used = len(whole.rstrip(b"\0"))
        if used:
            yield Piece(f"{place}+{at}" if at else place, whole[: used + _TAIL], line, binary)
        kept = whole[-OVERLAP:]
        if line is not None:
            line += whole.count(b"\n") - kept.count(b"\n")
        at += len(whole) - len(kept)


def pieces_of_file(file: Path, place: str, part: Part | None = None, *, binary: bool) -> Iterator[Piece]:
    """As `pieces_of_stream`, of a file; nothing if it has gone. Raises SinkError if we may not read it."""
    try:
        with file.open("rb") as stream:
            stream.seek((part or Part()).start)
            yield from pieces_of_stream(stream, place, part or Part(), binary=binary)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SinkError(f"{place} cannot be read: {os.strerror(error.errno or 0)}") from None


Seen = Mapping[Path, tuple[int, int, int]]


def seen_in(folder: Path, *, besides: Iterable[Path] = (), deep: bool = True) -> Seen:
    """Every plain file below a folder, or just in it, with inode, size and time of its last change, but for those in the folders `besides`."""
    skipped = set(besides)
    found = {}
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if deep and Path(top, name) not in skipped]
        for name in names:
            file = Path(top, name)
            if file.is_file() and not file.is_symlink():
                found[file] = _state(file)
    return found


def _state(file: Path) -> tuple[int, int, int]:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def changed(before: Seen, now: Seen) -> list[Path]:
    """The files that are new, or not what they were."""
    return sorted(file for file, state in now.items() if before.get(file) != state)


def text_of(value: bytes) -> str:
    """A value as PostgreSQL, a process or a label can hold it. Raises SinkError if it cannot be a text there."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise SinkError("only a text can stand there, and this value is none") from None
    if "\0" in text:
        raise SinkError("only a text without NUL can stand there")
    return text
