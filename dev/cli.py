"""The list of developer commands and their dispatch. Imports the standard library alone; what needs packages is imported inside `.venv`."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from dataclasses import dataclass

from dev import bootstrap
from dev.errors import DevError


@dataclass(frozen=True)
class Command:
    """`module` has a function `main(arguments) -> exit status`; `bare` says that it needs no package and so no `.venv`."""

    module: str
    meaning: str
    bare: bool = False


COMMANDS = {
    "run": Command("dev.run", "start everything and print one address to open; Ctrl-C ends it"),
    "reset": Command("dev.reset", "drop the data of `run`, and var/ with it", bare=True),
    "test": Command("dev.suite", "run all tests (arguments go to pytest)"),
    "test-long": Command("dev.long_suite", "run the tests that take long (arguments go to pytest)"),
    "leaks": Command("dev.leaks", "try every case of the leak matrix, search every sink, switch off every guard"),
    "faults": Command("dev.faults", "kill, cut and confuse a running system in every way of the fault list"),
    "seeds": Command("dev.seeds", "fifty random runs, each of hundreds of signups and notices and thirty faults"),
    "soak": Command("dev.soak", "the same for tens of thousands; takes an hour and more"),
    "mutants": Command("dev.mutants", "change the guards' code a little at a time: their tests must notice"),
    "bench": Command(
        "bench.command", "measure everything beside floors and peers; prints a table, writes bench/results/"
    ),
    "stack": Command("dev.standing", "a private stack for programs, until standard input ends"),
    "check": Command("dev.checks", "format, lint, types, layers, architecture, API description, Dockerfile"),
    "advisories": Command("dev.advisories", "known flaws of our requirements, and how old that knowledge is"),
    "format": Command("dev.formatting", "put the code into its format, and mend what can be mended"),
    "lock": Command("dev.lock", "pin the requirements with hashes (--upgrade: to the newest)"),
    "openapi": Command("dev.openapi", "write openapi.yaml (--check: compare only)"),
    "browser": Command("dev.chromium", "say which Chromium the browser tests use, or how to get one"),
    "setup": Command("dev.setup", "make .venv and nothing else"),
    "targets": Command("dev.targets", "list the Makefile's targets", bare=True),
}


def main(arguments: list[str]) -> int:
    """Run one command. Exit status: 0 fine, 1 it failed or found something, 2 there is no such command, 130 interrupted."""
    if not arguments or arguments[0] in {"help", "-h", "--help"}:
        print("python -m dev COMMAND\n")
        for name, command in COMMANDS.items():
            print(f"  {name:9} {command.meaning}")
        return 0
    chosen = COMMANDS.get(arguments[0])
    if chosen is None:
        print(f"no command {arguments[0]!r}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return _dispatch(chosen, arguments)


def _dispatch(command: Command, arguments: list[str]) -> int:
    os.chdir(bootstrap.ROOT)
    try:
        if not command.bare:
            bootstrap.enter(arguments)
        status: int = importlib.import_module(command.module).main(arguments[1:])
    except DevError as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status
