"""`make` alone: lists the Makefile's targets with their own comments, so that the list cannot be out of date."""

from __future__ import annotations

import re

from dev.bootstrap import ROOT

_TARGET = re.compile(r"^([a-z-]+):\s*##\s*(.+)$", re.MULTILINE)


def main(_arguments: list[str]) -> int:
    """Print `make NAME  meaning`, a line each."""
    for name, meaning in _TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")):
        print(f"  make {name:8} {meaning}")
    return 0
