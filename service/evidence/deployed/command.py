"""The command `scan`. Imports nothing heavy, for it is read at every start of `python -m service`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from service.evidence.deployed.scan import Find

FINE, FOUND, FAILED = 0, 1, 2


class Commands(Protocol):
    """The operator's door, as far as a command needs it (service/cli stands beside this room)."""

    def add(self, name: str, command: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        """A command; its help is the first line of its docstring."""


def register(commands: Commands) -> None:
    """Add `scan`."""
    parser = commands.add("scan", scan)
    parser.add_argument(
        "--folder", action="append", default=[], metavar="DIR", help="files below it, too; may be repeated"
    )
    parser.add_argument("--strike", action="store_true", help="strike out what is found in files and in the archive")


def scan(arguments: argparse.Namespace) -> int:
    """Search database, log files and archive for card-shaped values; say where one is, never what it is.

    Exit status 1: something was found, or a guard of the database is off; 2: something could not be searched, and nothing was found elsewhere.
    """
    import os

    from service import config, wiring
    from service.evidence.deployed import scan as scanning
    from service.telemetry import logs

    folders = [Path(one) for one in arguments.folder]
    if not all(folder.is_dir() for folder in folders):
        sys.stderr.write("panless: --folder is no folder\n")
        return FAILED
    logs.set_up(sys.stderr)
    tools = wiring.build(config.load(config.local_environ(os.environ)))
    own = tools.settings.log_folder
    found = scanning.run(tools, [*([own] if own else []), *folders], strike=arguments.strike)
    rows = [dataclasses.asdict(one) for one in found.finds]
    data = {**dataclasses.asdict(found), "finds": rows}
    text = [
        *map(_line, found.finds),
        *(f"guard: {name} takes a card number; put it back: {statement}" for name, statement in found.guards.items()),
        *(f"guard: {name} is of no domain" for name in found.unguarded),
        *(f"not searched: {one}" for one in found.unread),
    ]
    seen = ", ".join(f"{number} {what}" for what, number in found.looked_at.items())
    text.append(f"{len(rows)} found; {seen} looked at")
    sys.stdout.write((json.dumps(data) if arguments.json else "\n".join(text)) + "\n")
    return FOUND if rows or found.guards or found.unguarded else FAILED if found.unread else FINE


def _line(find: Find) -> str:
    at = (
        f"row {find.at} {find.id or ''}".rstrip() if find.place == "database" else f"line {find.at}, byte {find.offset}"
    )
    return f"{find.place}: {find.where}, {at}: {find.rule}"
