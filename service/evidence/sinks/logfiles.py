"""What was written to logs since a mark: the service's and the worker's own lines, with their files and what was archived of them, and the database server's.

The simulator's log is left out: it stands for BlueSnap.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from psycopg import sql

from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks.base import Copy, Part, Seen, changed, pieces_of_file, seen_in, text_of

_SERVER, _BLUESNAP = "postgres.log", "simulator.log"
_PLANT = "planted"


class _Files:
    """Files that only grow."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._ends: dict[Path, Part] = {}

    def _files(self) -> Iterable[Path]:
        raise NotImplementedError

    def mark(self) -> None:
        """Note where each file ends, and in which line."""
        self._ends = {file: _end(file) for file in self._files()}

    def read(self) -> Iterator[Piece]:
        """What was appended; a file that has become shorter is read from its beginning."""
        for file in self._files():
            part = self._ends.get(file, Part(0, 1))
            if file.stat().st_size < part.start:
                part = Part(0, 1)
            yield from pieces_of_file(file, file.name, part, binary=False)


class OwnLogs(_Files):
    """S07 to S10: one stream of each process holds them all."""

    id = "S07+S08+S09+S10"
    name = "standard output and error of service, worker and commands: the one stream for application, access and HTTP server's error log"

    def _files(self) -> list[Path]:
        return sorted(file for file in self._copy.logs.iterdir() if file.name not in {_SERVER, _BLUESNAP})

    def plant(self, value: bytes) -> None:
        """A line on the service's own standard output."""
        master = self._copy.processes()["service"][0]
        with Path(f"/proc/{master}/fd/1").open("ab") as stream:
            stream.write(value + b"\n")


class LogArchive:
    """S31, a number of our own: the matrix has the log's backup within S06."""

    id = "S31"
    name = "the files in which log lines wait to be archived, and the archive, unpacked"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._before: Seen = {}

    def mark(self) -> None:
        """Note the state of every file; what was planted is taken away."""
        for folder in self._copy.kept_lines:
            (folder / _PLANT).unlink(missing_ok=True)
        self._before = self._now()

    def read(self) -> Iterator[Piece]:
        """The files that were written since the mark, each as a whole. An archived piece that cannot be unpacked is read as it is."""
        for file in changed(self._before, self._now()):
            place = f"{file.parent.name}/{file.name}"
            try:
                yield Piece(place, gzip.decompress(file.read_bytes()), 1)
            except FileNotFoundError:  # old enough to be taken away meanwhile
                continue
            except (OSError, EOFError, zlib.error):
                yield from pieces_of_file(file, place, Part(0, 1), binary=False)

    def plant(self, value: bytes) -> None:
        """A line in a file, and the same archived."""
        lines, archive = self._copy.kept_lines
        archive.mkdir(mode=0o700, exist_ok=True)  # the first round may be still to come
        (lines / _PLANT).write_bytes(value + b"\n")
        (archive / _PLANT).write_bytes(gzip.compress(value + b"\n", mtime=0))

    def _now(self) -> Seen:
        found: dict[Path, tuple[int, int, int]] = {}
        for folder in self._copy.kept_lines:
            found |= seen_in(folder)
        return found


class ServerLog(_Files):
    """S04."""

    id = "S04"
    name = "the database server's log"

    def _files(self) -> list[Path]:
        return [self._copy.logs / _SERVER]

    def plant(self, value: bytes) -> None:
        """A message of the server; what is no text is written into the file."""
        try:
            text = text_of(value)
        except SinkError:
            with (self._copy.logs / _SERVER).open("ab") as stream:
                stream.write(value + b"\n")
            return
        raised = sql.SQL("DO {}").format(sql.Literal(f"BEGIN RAISE LOG USING MESSAGE = {sql.quote(text)}; END"))
        with self._copy.connect() as connection:
            connection.execute(raised)


def _end(file: Path) -> Part:
    data = file.read_bytes()
    return Part(len(data), data.count(b"\n") + 1)
