"""`python -m dev test`: the suite, contract and browser tests too, on twice as many processes as cores. Settings of a real installation never reach it.

The tests that take long are `python -m dev test-long`, those of the leak matrix `python -m dev leaks`, those of the faults `python -m dev faults`
and `python -m dev seeds`.
"""

from __future__ import annotations

import os
import subprocess
import sys

from dev import chromium
from dev.bootstrap import ROOT


def environment() -> dict[str, str]:
    """Ours, without what would point the tests at somebody's database or BlueSnap account; the sandbox's opt-in variables stay.

    Compiled modules are kept: else each process of a stack compiles all of them anew, a quarter of its start, and half of what collecting the tests takes.
    """

    def steers(name: str) -> bool:
        unwanted = {"DATABASE_URL", "PYTHONDONTWRITEBYTECODE"}
        return name in unwanted or (name.startswith("PANLESS_") and "SANDBOX" not in name)

    return {name: value for name, value in os.environ.items() if not steers(name)}


def main(arguments: list[str]) -> int:
    """Run pytest over tests/, without those that take long unless `-m` chooses; a file's tests stay in one process, so that a stack is started once a file."""
    return run(
        [] if "-m" in arguments else ["-m", "not long and not leaks and not faults and not seeds and not soak"],
        arguments,
    )


def run(chosen: list[str], arguments: list[str]) -> int:
    """Run pytest over those that are chosen."""
    if chromium.find() is None:
        print(chromium.HOW, file=sys.stderr, flush=True)
    processes = str(2 * (os.cpu_count() or 1))  # half of the time a test waits for a stack, a browser or a deadline
    command = [sys.executable, "-m", "pytest", "-n", processes, "--dist", "loadfile", *chosen, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), check=False, stdin=subprocess.DEVNULL).returncode
