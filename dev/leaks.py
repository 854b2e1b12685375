"""`python -m dev leaks`: every case of the leak matrix against a running system, then a search of everything that it left."""

from __future__ import annotations

from dev import suite


def main(arguments: list[str]) -> int:
    """Run pytest over the tests that are marked `leaks`."""
    # its folders are named, so that pytest-xdist's chief loads the conftest that prints the report
    return suite.run(["-m", "leaks", "tests/leaks", "tests/evidence"], arguments)
