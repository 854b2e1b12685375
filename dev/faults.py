"""`python -m dev faults`: the faults of the list against a running system, every cell of the crash matrix, and seeded random runs."""

from __future__ import annotations

from dev import suite


def main(arguments: list[str]) -> int:
    """Run pytest over the tests that are marked `faults`, in the order of their files: the longest have one test each, and would come last."""
    return suite.run(["-m", "faults", "--no-loadscope-reorder", "tests/faults"], arguments)
