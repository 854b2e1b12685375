"""Run the programs that the locked requirements put into `.venv/bin`. Never one that happens to be on the PATH."""

from __future__ import annotations

import subprocess

from dev.bootstrap import ROOT, VENV


def path(name: str) -> str:
    """The path of a tool of ours."""
    return str(VENV / "bin" / name)


def run(name: str, *arguments: str) -> int:
    """Run a tool in the project's folder; answers its exit status."""
    return subprocess.run([path(name), *arguments], cwd=ROOT, check=False, stdin=subprocess.DEVNULL).returncode
