"""`python -m dev seeds`: seeded random runs of hundreds of signups, notices and faults. FAULT_SEEDS of them (50), from FAULT_FIRST_SEED (0) on."""

from __future__ import annotations

from dev import suite


def main(arguments: list[str]) -> int:
    """Run pytest over the tests that are marked `seeds`, on one process for proven keys and one for unproven ones."""
    return suite.run(["-m", "seeds", "-n", "2", "tests/faults"], arguments)
