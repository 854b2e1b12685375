"""`python -m dev faults`: the faults of the list against a running system, every cell of the crash matrix, and seeded random runs."""

from __future__ import annotations

from dev import suite


def main(arguments: list[str]) -> int:
    """Run pytest over the tests that are marked `faults`."""
    return suite.run(["-m", "faults", "tests/faults"], arguments)
