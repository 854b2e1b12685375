"""Make `.venv` from the hash-locked requirements and go on inside it. Standard library only; installs nothing without a matching hash."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dev.errors import DevError

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
_SENTINEL = VENV / ".installed"
_HASHED = ("--require-hashes", "--only-binary", ":all:")


def enter(arguments: list[str]) -> None:
    """Return if we already run inside a current `.venv`; else make it current and start `python -m dev arguments` anew inside it."""
    if not _current():
        try:
            with _one_at_a_time():
                if not _current():
                    _install()
        except PermissionError as refused:
            message = f"this user may not write {refused.filename}: use a clone of your own"
            raise DevError(message) from None
    if Path(sys.prefix).resolve() != VENV.resolve():
        sys.stdout.flush()
        os.execv(PYTHON, [str(PYTHON), "-m", "dev", *arguments])  # noqa: S606 - no shell is wanted; the same process goes on


def _digest() -> str:
    return hashlib.sha256(b"\0".join(lock.read_bytes() for lock in LOCKS)).hexdigest()


def _current() -> bool:
    """Is there an interpreter we may run, and were exactly these locks installed?"""
    return os.access(PYTHON, os.X_OK) and _SENTINEL.exists() and _SENTINEL.read_text(encoding="ascii") == _digest()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """`make run` and `make test` in two windows of a fresh clone must not install over each other."""
    VAR.mkdir(exist_ok=True)
    with (VAR / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install() -> None:
    started = time.monotonic()
    if not _works():
        if importlib.util.find_spec("ensurepip") is None:
            message = "this Python cannot make virtual environments: `apt-get install python3-venv` (Debian, Ubuntu)"
            raise DevError(message)
        print("Making .venv ...", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)], "could not make .venv")
    print("Installing the locked requirements into .venv ...", flush=True)
    if not _with_uv():
        everything = [argument for lock in LOCKS for argument in ("-r", str(lock))]
        _run([*_pip(), *everything], "pip could not install the locked requirements (see above)")
    _SENTINEL.write_text(_digest(), encoding="ascii")
    print(f".venv is ready ({time.monotonic() - started:.0f} s)", flush=True)


def _works() -> bool:
    """Is there a `.venv` whose interpreter runs, is new enough, and has pip?"""
    look = [str(PYTHON), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    return os.access(PYTHON, os.X_OK) and subprocess.run(look, check=False, capture_output=True).returncode == 0


def _pip() -> list[str]:
    return [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_HASHED]


def _with_uv() -> bool:
    """Install with uv, ten times faster than pip. False: it is not to be had here, or cannot reach the registry that pip is set up for."""
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "uv.txt"
        alone.write_text(uv_block(LOCKS[1].read_text(encoding="utf-8")), encoding="utf-8")
        if subprocess.run([*_pip(), "--no-deps", "-r", str(alone)], check=False).returncode != 0:
            return False
    command = [str(VENV / "bin" / "uv"), "pip", "sync", "--quiet", "--python", str(PYTHON), *_HASHED, *map(str, LOCKS)]
    with contextlib.suppress(OSError):
        if subprocess.run(command, check=False).returncode == 0:
            return True
    print("uv could not do it, pip tries (slower) ...", flush=True)
    return False


def uv_block(locked: str) -> str:
    """The lines of a locked requirements file that pin uv: `uv==...` and its indented hashes."""
    found = re.search(r"^uv==.*\n(?:[ \t]+.*\n)*", locked, re.MULTILINE)
    if found is None:
        message = "requirements-dev.txt does not pin uv: `make lock` writes it"
        raise DevError(message)
    return found[0]


def _run(command: list[str], failure: str) -> None:
    if subprocess.run(command, check=False).returncode != 0:
        raise DevError(failure)
