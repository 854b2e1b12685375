"""`python -m dev setup`: by the time it runs, `.venv` is there. Does nothing else."""

from __future__ import annotations

from dev import bootstrap


def main(_arguments: list[str]) -> int:
    """Say where the interpreter is."""
    print(bootstrap.PYTHON)
    return 0
