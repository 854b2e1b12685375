"""`python -m dev soak`: a hundred thousand things that go wrong, over an hour or more; prints what it measured. Not for CI."""

from __future__ import annotations

from dev import suite


def main(arguments: list[str]) -> int:
    """Run pytest over the tests that are marked `soak`, one after the other, and show what they print."""
    return suite.run(["-m", "soak", "-s", "-n", "0", "tests/faults"], arguments)
