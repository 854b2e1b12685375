"""The folder in which the metrics of gunicorn's workers meet, in memory where there is room for such: a full or read-only temporary folder stops nobody.

A process dies when a page of a file that it has mapped finds no room on the disk (SIGBUS, mmap(2)). This module must not import prometheus_client, which
chooses at its own import whether values are shared.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Memory that looks like a folder (shm_overview(7)); elsewhere the temporary folder must do.
MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private name in it
PREFIX = "panless-metrics-"
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
#: No process has this number: here the dead ones' counts go on.
_NOBODY = 0
_SUMMED = ("counter", "histogram")
_unfolded: set[int] = set()


def make() -> None:
    """One for this start of this process, and those that it will fork. Raises OSError."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=memory)


def remove() -> None:
    """At the end of the process that made it."""
    shutil.rmtree(os.environ.pop(_VARIABLE, ""), ignore_errors=True)


@contextlib.contextmanager
def being_read() -> Iterator[None]:
    """Nothing is folded meanwhile."""
    with _lock_file() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def fold(pid: int) -> None:
    """A worker has died, and has left its counts: they go on in one file for all the dead, or else their files would become more and more.

    Whoever is being read just now is folded with the next one: the master waits for nobody.
    """
    _unfolded.add(pid)
    with _lock_file() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for dead in sorted(_unfolded):
            _fold(dead)
            _unfolded.discard(dead)


def _fold(pid: int) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    for kind in _SUMMED:
        left = _folder() / f"{kind}_{pid}.db"
        if left.exists():
            values = list(MmapedDict.read_all_values_from_file(str(left)))  # type: ignore[no-untyped-call]
            kept = MmapedDict(str(_folder() / f"{kind}_{_NOBODY}.db"))  # type: ignore[no-untyped-call]
            for key, value, _, _ in values:
                kept.write_value(key, kept.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
            kept.close()  # type: ignore[no-untyped-call]
            left.unlink()


def _folder() -> Path:
    return Path(os.environ[_VARIABLE])


@contextlib.contextmanager
def _lock_file() -> Iterator[int]:
    number = os.open(_folder() / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield number
    finally:
        os.close(number)
