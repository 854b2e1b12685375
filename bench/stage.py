"""A Panless to measure: the real processes of `dev.stack.Stack` over a database of its own that writes durably, and ends with us."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import serving
from dev import configuration, postgres, processes
from dev.bootstrap import ROOT, VAR
from dev.stack import Stack

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
        own_logins=False,  # the databases beside the stack's have none either
    ) as stack:
        yield stack


@dataclass(frozen=True)
class Another:
    """Another Panless beside a stack, over a database of its own: `serve` alone, and a key that reads."""

    url: str
    port: int
    key: str


def command(environment: Mapping[str, str], *arguments: str) -> str:
    """The standard output of `python -m service ARGUMENTS`. Raises CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=dict(environment),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def prepared(stack: Stack, name: str, fill: Callable[[str], None]) -> dict[str, str]:
    """The environment of commands over another database of the stack's server, migrated and filled. Raises CalledProcessError."""
    url = postgres.create_database(stack.database_url, name)
    known = {"PANLESS_DATABASE_URL": url}
    environment = configuration.surroundings() | configuration.read(stack.settings_file) | known
    command(environment, "migrate")
    fill(url)
    return environment


@contextlib.contextmanager
def another(stack: Stack, name: str, place: Path, fill: Callable[[str], None]) -> Iterator[Another]:
    """A service over such a database, once it answers."""
    ports = [serving.free_port() for _ in range(2)]
    environment = prepared(stack, name, fill)
    for setting, port in zip(("PANLESS_BIND", "PANLESS_METRICS_BIND"), ports, strict=True):
        environment[setting] = f"127.0.0.1:{port}"
    key = command(environment, "keys", "create", "--name", "bench", "--scope", "accounts:read", "entries:read").strip()
    with serving.served(["-m", "service", "serve"], ports[0], place / f"{name}.log", environment):
        yield Another(environment["PANLESS_DATABASE_URL"], ports[0], key)


def rest(stack: Stack) -> None:
    """End its worker, the simulator and the issuer, where nobody needs them: the cores are few."""
    for name in ("worker", "simulator", "issuer"):
        processes.stop(stack.children[name])
