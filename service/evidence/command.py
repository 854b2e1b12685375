"""The command `prove`: its arguments, and what its end means. Imports nothing heavy, for it is read at every start of `python -m service`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

FINE, FOUND, FAILED = 0, 1, 2


class Commands(Protocol):
    """The operator's door, as far as a command needs it (service/cli stands beside this room)."""

    def add(self, name: str, command: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        """A command; its help is the first line of its docstring."""


def register(commands: Commands) -> None:
    """Add `prove`."""
    parser = commands.add("prove", prove)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="a new or empty folder for the evidence; var/evidence/ and the time if not given",
    )
    parser.add_argument(
        "--only",
        type=expression,
        metavar="REGEX",
        help="try only entrances whose names match: quick, and no evidence of the rest",
    )


def expression(text: str) -> re.Pattern[str]:
    """A regular expression; argparse says which argument is none."""
    try:
        return re.compile(text)
    except re.error:
        raise ValueError from None


def prove(arguments: argparse.Namespace) -> int:
    """Try a private copy with canaries at every entrance, search all that it leaves, and write a dated report.

    Exit status 1: a leak, or a failed check; 2: it could not run, and why.
    """
    from service.evidence import prove as proving

    try:
        written = proving.run(proving.Order(arguments.out, arguments.only))
    except proving.UnprovenError as error:
        sys.stderr.write(f"panless: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("panless: interrupted, nothing is written\n")
        return FAILED
    text = json.dumps(written.data()) if arguments.json else written.text()
    sys.stdout.write(text + "\n")
    return FINE if written.clean else FOUND
