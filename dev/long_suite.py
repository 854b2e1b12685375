"""`python -m dev test-long`: the tests that take their time. CI runs them after the others."""

from __future__ import annotations

from dev import suite


def main(arguments: list[str]) -> int:
    """Run pytest over the tests that are marked `long`."""
    return suite.run(["-m", "long"], arguments)
