"""Says on standard error how far a run is. Never says what is sent or found."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar("T")
#: Between two changes of the line, seconds.
_PACE = 0.1


class Progress:
    """One line for each phase. On a terminal it is written anew while the phase lasts; elsewhere it is written once, when the phase begins."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._began = time.monotonic()
        self._open = False
        self.phases: list[tuple[str, float]] = []

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def phase(self, name: str) -> None:
        """A phase begins, and the one before is over."""
        self._close()
        self.phases.append((name, self.seconds))
        self._write(f"{self.seconds:6.1f} s  {name}")

    def count(self, things: Iterable[T], total: int) -> Iterator[T]:
        """The things, while the line says at which of them the phase is."""
        name, last = self.phases[-1][0] if self.phases else "", 0.0
        for number, thing in enumerate(things, 1):
            if self._terminal and time.monotonic() - last > _PACE:
                last = time.monotonic()
                self._write(f"{self.seconds:6.1f} s  {name}: {number} of {total}")
            yield thing

    def finish(self) -> None:
        """The last phase is over."""
        self._close()

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}" if self._terminal else f"{text}\n")
        self._stream.flush()
        self._open = self._terminal

    def _close(self) -> None:
        if self._open:
            self._stream.write("\n")
            self._open = False
