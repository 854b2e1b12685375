"""The lines of a process once more, in files of its own that the archive takes them from. Only what the one formatter has made; a whole line or none of it."""

from __future__ import annotations

import errno
import os
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path

#: A file gets no line any more when it is so large, or so old: then it is complete.
MOST_BYTES, MOST_SECONDS = 16 * 1024 * 1024, 3_600
SUFFIX = ".log"
#: No digits, and no vowels: nothing that reads like a card number, or a word.
_LETTERS = "bcdfghjklmnpqrstvwxz"


class Files:
    """What one process writes, and each that it forks. Nothing is made before the first line."""

    def __init__(self, folder: Path, part: str) -> None:
        self._folder, self._part = folder, part
        self._file: int | None = None
        self._pid = self._size = 0
        self._since = 0.0

    def write(self, line: str) -> None:
        """Append a line, with its end. Raises OSError where it cannot be written; then nothing of it is there."""
        data = line.encode("ascii")
        file = self._current()
        done = os.write(file, data)
        if done != len(data):
            os.ftruncate(file, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += done

    def close(self) -> None:
        """The next line begins another file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _current(self) -> int:
        """The file to write to: another after a fork, when it is full or old, or when somebody has taken it away."""
        if self._file is not None:
            complete = self._size >= MOST_BYTES or time.monotonic() - self._since >= MOST_SECONDS
            if complete or self._pid != os.getpid() or not os.fstat(self._file).st_nlink:
                self.close()
        if self._file is None:
            self._file = self._new()
            self._pid, self._size, self._since = os.getpid(), 0, time.monotonic()
        return self._file

    def _new(self) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{self._part}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{random_letters(8)}{SUFFIX}"
        return os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)


def files_in(folder: Path | None, part: str) -> Files | None:
    """The files of a part of ours (`service`, `worker`, `command`), where a folder is set."""
    return Files(folder, part) if folder else None


def random_letters(number: int) -> str:
    """A name that nobody else has."""
    return "".join(secrets.choice(_LETTERS) for _ in range(number))
