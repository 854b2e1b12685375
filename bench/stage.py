"""A Panless to measure: the real processes of `dev.stack.Stack` over a database of its own that writes durably, and ends with us."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dev import processes
from dev.bootstrap import ROOT, VAR
from dev.stack import Stack

__all__ = ["ROOT", "folder", "panless", "rest"]
#: As a server in production has it, but for its size: throw-away servers of the tests do not wait for the disk.
DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}
#: The clock is this machine's: the simulator's would be one call more for each reading.
USUAL = {"PANLESS_CLOCK": "system", "PANLESS_ARCHIVE_URL": "", "PANLESS_LOG_FOLDER": ""}


@contextlib.contextmanager
def folder(name: str) -> Iterator[Path]:
    """An empty folder on the disk of this clone, where a database writes as it would; gone afterwards."""
    place = VAR / "bench" / "run" / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def panless(
    place: Path,
    environment: Mapping[str, str] | None = None,
    *,
    server: Mapping[str, str] | None = None,
    service: Sequence[str] = ("-m", "service"),
) -> Iterator[Stack]:
    """All of Panless."""
    with Stack(
        data=place,
        throwaway=True,
        environment=USUAL | dict(environment or {}),
        service=service,
        server=DURABLE | dict(server or {}),
    ) as stack:
        yield stack


def rest(stack: Stack) -> None:
    """End its worker, the simulator and the issuer, where nobody needs them: the cores are few."""
    for name in ("worker", "simulator", "issuer"):
        processes.stop(stack.children[name])
