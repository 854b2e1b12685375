"""What work with the system leaves: what operators' commands say, and what test runs write into their folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks.base import Copy, Done, Seen, changed, pieces_of_file, seen_in

_PLANT = "evidence-planted"


class Commands:
    """S27."""

    id = "S27"
    name = "what operators' commands said, on standard output and on standard error"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._mark = 0

    def mark(self) -> None:
        """Note how many there were."""
        self._mark = len(self._copy.commands)

    def read(self) -> Iterator[Piece]:
        """Both outputs of each since."""
        for number, done in enumerate(self._copy.commands[self._mark :], self._mark + 1):
            yield Piece(f"command {number}, output", done.out, 1)
            yield Piece(f"command {number}, errors", done.err, 1)

    def plant(self, value: bytes) -> None:
        """A command that said it."""
        self._copy.commands.append(Done(0, b"", value + b"\n"))


class Artefacts:
    """S24."""

    id = "S24"
    name = "files that a test run wrote: reports, caches, example databases"

    def __init__(self, copy: Copy, folders: Sequence[Path]) -> None:
        self._copy, self._folders = copy, tuple(folders)
        self._before: dict[Path, Seen] = {}

    def mark(self) -> None:
        """Note the state of every file; what was planted is taken away."""
        for folder in self._folders:
            (folder / _PLANT).unlink(missing_ok=True)
        self._before = self._now()

    def read(self) -> Iterator[Piece]:
        """The files that were written since the mark, each as a whole."""
        for folder, now in self._now().items():
            for file in changed(self._before.get(folder, {}), now):
                place = f"{folder.name}/{file.relative_to(folder).as_posix()}"
                yield from pieces_of_file(file, place, binary=False)

    def plant(self, value: bytes) -> None:
        """A file in the first folder. Raises SinkError if there is none."""
        folder = next((folder for folder in self._folders if folder.is_dir()), None)
        if folder is None:
            raise SinkError("none of the folders is there")
        (folder / _PLANT).write_bytes(value)

    def _now(self) -> dict[Path, Seen]:
        return {folder: seen_in(folder, besides=[self._copy.folder]) for folder in self._folders}
