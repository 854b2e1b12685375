"""What was written to logs since a mark: the service's and the worker's own lines, and the database server's. The simulator's log is left out: it stands for BlueSnap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from psycopg import sql

from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks.base import Copy, Part, pieces_of_file, text_of

_SERVER, _BLUESNAP = "postgres.log", "simulator.log"


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
