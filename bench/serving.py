"""Servers of floors and peers, as processes of their own that end with us; and what their processor time and memory are."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.child import ROOT
from dev import configuration, processes
from dev.errors import DevError

WORKERS, THREADS = 2, 16
START_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback on which nobody listens at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def gunicorn(app: str, port: int, *, threads: int = THREADS, connections: int = 1000) -> list[str]:
    """The arguments of Python that serve an app as ours is served: two workers with threads, loaded before the fork."""
    return [
        "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS), "--threads", str(threads), "--preload", "--keep-alive", "15",
        "--worker-connections", str(connections), "--backlog", "4096", "--log-level", "warning", "--no-control-socket", app,
    ]  # fmt: skip


@contextlib.contextmanager
def served(
    arguments: Sequence[str],
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    python: Path | str = sys.executable,
) -> Iterator[subprocess.Popen[bytes]]:
    """Such a server, once it takes connections. Raises DevError with the end of its log."""
    around = configuration.surroundings() | {"PYTHONPATH": str(ROOT)} | dict(environment or {})
    process = processes.start(processes.Launch([str(python), *arguments], around, log, cwd=ROOT))
    try:
        await_port(process, port, log)
        yield process
    finally:
        processes.stop(process)


def await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until somebody listens there. Raises DevError."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise DevError(f"a server did not start:\n{processes.tail(log)}")
        time.sleep(0.02)


def _family(leader: int) -> list[int]:
    """The processes of a session that `processes.start` began."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            if int(place.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(place.parent.name))
    return found


def processor_seconds(leader: int) -> float:
    """User and system time of all processes of a server so far; those that have ended count with their parents."""
    total = 0.0
    for process in _family(leader):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15] if process == leader else fields[11:13])) / _TICKS
    return total


def memory_mib(leader: int) -> float:
    """Proportional memory (PSS) of all processes of a server, in MiB."""
    total = 0
    for process in _family(leader):
        with contextlib.suppress(OSError, ValueError, IndexError):
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    return total / 1024
