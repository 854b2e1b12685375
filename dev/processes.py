"""Start and end child processes so that none outlives us, however we die. Never signals a process that it did not start itself."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Launch:
    """How to start a child: command, whole environment, log file, and the account it runs as (None: ours)."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    account: Mapping[str, Any] | None = None
    cwd: Path = Path("/")
    parting_signal: int = signal.SIGTERM


def start(launch: Launch) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C reaches us alone and we end the children in order.

    On Linux the kernel sends `parting_signal` to the child when the thread that started it dies (prctl(2), PR_SET_PDEATHSIG),
    so that a `kill -9` of us leaves nothing behind. Start children from a thread that lives as long as they should.
    """
    parent = os.getpid()

    def follow_parent() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, launch.parting_signal)
            if os.getppid() != parent:  # we died between fork and prctl
                os._exit(1)

    descriptor = os.open(launch.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            list(launch.command),
            env=dict(launch.environment),
            cwd=launch.cwd,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            preexec_fn=follow_parent,  # noqa: PLW1509 - no other way to set it between fork and exec; we start children from one thread
            **(launch.account or {}),
        )
    finally:
        os.close(descriptor)


def stop(process: subprocess.Popen[bytes], first: int = signal.SIGTERM, *, grace: float = 5.0) -> None:
    """End a child and everything in its process group: ask with `first`, wait `grace` seconds, then kill."""
    if process.poll() is None:
        process.send_signal(first)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def stop_all(running: Sequence[subprocess.Popen[bytes]], *, grace: float) -> None:
    """Ask all of them at once, then end each: together they take as long as the slowest."""
    for process in running:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + grace
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        stop(process, grace=0.0)


def take(lock: IO[str]) -> bool:
    """Lock an open file until it is closed or we die; False if somebody else holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file, for telling why a child died; empty when there is none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def fresh_folder(folder: Path) -> Path:
    """The folder, private and empty: what parts leave there when they are killed goes away with the next start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder
