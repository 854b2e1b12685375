"""What a user would install instead: each peer in an environment of its own below var/, from a file with hashes. Never in our `.venv`.

The `.txt` are made of the `.in` with `uv pip compile --universal --no-header --generate-hashes --python-version 3.11 NAME.in -o NAME.txt`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from dev import tools
from dev.bootstrap import VAR

FOLDER = Path(__file__).resolve().parent
_MINUTES = 5


class PeerMissingError(Exception):
    """A peer cannot be installed here. Its rows say so, and have no figure."""


def python_of(name: str) -> Path:
    """The interpreter of that peer's environment, made if it is not there or of another list. Raises PeerMissingError."""
    wanted = FOLDER / f"{name}.txt"
    place = VAR / "bench" / "peers" / name
    python, mark = place / "bin" / "python", place / ".installed"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if not (python.exists() and mark.exists() and mark.read_text(encoding="ascii") == digest):
        sys.stderr.write(f"Installing {name} into an environment of its own ...\n")
        _install(place, python, wanted)
        mark.write_text(digest, encoding="ascii")
    return python


def _install(place: Path, python: Path, wanted: Path) -> None:
    hashed = ("--quiet", "--require-hashes", "--only-binary", ":all:")
    ways = (
        [tools.path("uv"), "pip", "sync", "--python", str(python), *hashed, str(wanted)],
        [str(python), "-m", "pip", "install", "--disable-pip-version-check", *hashed, "-r", str(wanted)],
    )
    if not _done([sys.executable, "-m", "venv", "--clear", str(place)]) or not any(map(_done, ways)):
        raise PeerMissingError(f"{wanted.stem} could not be installed from a package registry here: not measured")


def _done(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False, timeout=_MINUTES * 60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
