"""`python -m dev check`: everything that judges the code without running it, a line and a time each. Goes on after a failure; changes no file."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from dev import tools
from dev.bootstrap import ROOT


def steps() -> dict[str, Sequence[str]]:
    """What is run, in order."""
    python = sys.executable
    return {
        "format": (tools.path("ruff"), "format", "--check", "."),
        "lint": (tools.path("ruff"), "check", "."),
        "types": (tools.path("mypy"), "--no-error-summary"),
        "layers": (tools.path("lint-imports"),),
        "architecture": (python, "-m", "pytest", "-q", "tests/architecture"),
        "API description": (python, "-m", "dev", "openapi", "--check"),
        "Dockerfile": (tools.path("hadolint"), "Dockerfile"),
    }


def main(_arguments: list[str]) -> int:
    """Run all steps; exit status 1 if one failed."""
    failed = [name for name, command in steps().items() if not _passes(name, command)]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _passes(name: str, command: Sequence[str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    passed = done.returncode == 0
    print(f"{'ok    ' if passed else 'FAILED'} {name:16} {time.monotonic() - started:5.1f} s", flush=True)
    if not passed:
        print(done.stdout.rstrip(), flush=True)
    return passed
