"""PostgreSQL's files as they lie on the disk: tables and indexes with what was deleted in them, the write-ahead log with its archive, and copies that are made of them."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from service.evidence import rest
from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks.base import Copy, Part, Seen, changed, pieces_of_file, pieces_of_stream, seen_in
from service.evidence.sinks.database import Scratch

#: Below the cluster's folder: `archive_command` of the private copy copies each finished segment there.
ARCHIVE = "wal_archive"
_WAL = "pg_wal"
_ARCHIVED_SECONDS = 60.0
_POSITION = """
SELECT (SELECT pg_current_wal_insert_lsn() - '0/0'), (SELECT bytes_per_wal_segment FROM pg_control_init()),
       (SELECT timeline_id FROM pg_control_checkpoint())
"""


class Heap:
    """S02. What was deleted stays in these files until its place is used again."""

    id = "S02"
    name = "files of tables, indexes, TOAST and all else in the server's folder, after a checkpoint"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._scratch = Scratch(copy)
        self._before: Seen = {}

    def mark(self) -> None:
        """Note the state of every file; what was planted is taken away."""
        self._scratch.drop()
        self._before = self._now()

    def read(self) -> Iterator[Piece]:
        """The files that were written since the mark, each as a whole."""
        for file in changed(self._before, self._now()):
            yield from pieces_of_file(file, file.relative_to(self._copy.cluster).as_posix(), binary=True)

    def plant(self, value: bytes) -> None:
        """A row that is deleted again."""
        self._scratch.keep(value, delete=True)

    def _now(self) -> Seen:
        with self._copy.connect() as connection:
            connection.execute("CHECKPOINT")
        cluster = self._copy.cluster
        return seen_in(cluster, besides=[cluster / _WAL, cluster / ARCHIVE])


class Wal:
    """S03. Everything that was ever written passes here, rolled back or not."""

    id = "S03"
    name = "write-ahead log and its archive, after a switch of segments"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._scratch = Scratch(copy)
        self._start = 0

    def mark(self) -> None:
        """Note the position in the log; what was planted in a table is taken away first."""
        self._scratch.drop()
        with self._copy.connect() as connection:
            self._start = _position(connection)[0]

    def read(self) -> Iterator[Piece]:
        """All segments since the mark, from the server's folder and from the archive."""
        with self._copy.connect() as connection:
            _, size, timeline = _position(connection)
            # the end of the switch in the finished segment; the very beginning of the next one if nothing was written since the last switch
            end = int((connection.execute("SELECT pg_switch_wal() - '0/0'").fetchone() or (0,))[0])
            names = [_segment(number, size, timeline) for number in range(self._start // size, (end - 1) // size + 1)]
            archived = connection.execute("SHOW archive_mode").fetchone() != ("off",)
        if archived and names:
            self._await_archive(names[-1])
        for number, name in enumerate(names):
            part = Part(self._start % size if number == 0 else 0)
            for folder in (_WAL, ARCHIVE):
                yield from pieces_of_file(self._copy.cluster / folder / name, f"{folder}/{name}", part, binary=True)

    def plant(self, value: bytes) -> None:
        """A row in a table that is dropped at once."""
        self._scratch.keep(value)
        self._scratch.drop()

    def _await_archive(self, name: str) -> None:
        done = self._copy.cluster / _WAL / "archive_status" / f"{name}.done"
        copied = self._copy.cluster / ARCHIVE / name

        def missing() -> str:
            # a segment of long ago has been recycled, and its mark with it
            gone = copied.exists() and not done.with_name(f"{name}.ready").exists()
            return "" if done.exists() or gone else "the archive"

        try:
            rest.until(missing, _ARCHIVED_SECONDS)
        except rest.StandError as error:
            raise SinkError(str(error)) from None


class Backup:
    """S06."""

    id = "S06"
    name = "a base backup and a dump of the database, made for this"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._scratch = Scratch(copy)

    def mark(self) -> None:
        """A backup holds everything; only what was planted is taken away."""
        self._scratch.drop()

    def read(self) -> Iterator[Piece]:
        """The files of a backup, without the write-ahead log, which is read as S03; then the dump."""
        if (self._copy.programs / "pg_basebackup").is_file():
            arguments = ("pg_basebackup", "-D", "-", "-F", "tar", "-X", "none", "-c", "fast")
            with _Program(self._copy, *arguments) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
                yield from _members(archive)
        else:
            yield from self._by_hand()
        if (self._copy.programs / "pg_dump").is_file():
            with _Program(self._copy, "pg_dump", "--format=plain") as stream:
                yield from pieces_of_stream(stream, "dump", Part(0, 1), binary=False)

    def plant(self, value: bytes) -> None:
        """A row, which a backup and a dump both hold."""
        self._scratch.keep(value)

    def _by_hand(self) -> Iterator[Piece]:
        """A low-level base backup (PostgreSQL's manual, section 25.3.4), for servers that come without the program."""
        cluster = self._copy.cluster
        with self._copy.connect() as connection:
            connection.execute("SELECT pg_backup_start('evidence', true)")
            for file in sorted(seen_in(cluster, besides=[cluster / _WAL, cluster / ARCHIVE])):
                yield from pieces_of_file(file, f"backup/{file.relative_to(cluster).as_posix()}", binary=True)
            label = connection.execute("SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)").fetchone()
            yield Piece("backup/backup_label", (label or ("",))[0].encode())


class _Program:
    """One of PostgreSQL's programs at work: its output as a stream. Raises SinkError at the end if it failed."""

    def __init__(self, copy: Copy, name: str, *arguments: str) -> None:
        self._name = name
        self._process = subprocess.Popen(
            [str(copy.programs / name), *arguments],
            env={"PATH": os.defpath, **_login(copy.database_url)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> IO[bytes]:
        if self._process.stdout is None:
            raise SinkError(f"{self._name} has no output")
        return self._process.stdout

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._process.stdout is not None:
            while kind is None and self._process.stdout.read(1 << 20):  # a tar archive is padded at its end
                pass
            self._process.stdout.close()
        if self._process.wait() != 0 and kind is None:
            raise SinkError(f"{self._name} failed with status {self._process.returncode}")


def _members(archive: tarfile.TarFile) -> Iterator[Piece]:
    for member in archive:
        stream = archive.extractfile(member)
        if stream is not None and not member.name.removeprefix("./").startswith(f"{ARCHIVE}/"):
            yield from pieces_of_stream(stream, f"backup/{member.name}", Part(), binary=True)


def _login(url: str) -> Mapping[str, str]:
    """Where to connect and as whom, as variables: arguments can be read by everybody on the machine."""
    parts = conninfo_to_dict(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    return {variable: str(parts[name]) for name, variable in names.items() if parts.get(name) is not None}


def _position(connection: psycopg.Connection[Any]) -> tuple[int, int, int]:
    """Where the log ends, in bytes since its beginning; the size of a segment; the timeline."""
    end, size, timeline = connection.execute(_POSITION).fetchone() or (0, 0, 0)
    return int(end), int(size), int(timeline)


def _segment(number: int, size: int, timeline: int) -> str:
    """The name of a segment (PostgreSQL's manual, section 28.6)."""
    each = 0x1_0000_0000 // size
    return f"{timeline:08X}{number // each:08X}{number % each:08X}"
