"""`python -m dev format`: ruff's formatter and its safe mendings. Never changes what code does."""

from __future__ import annotations

from dev import tools


def main(_arguments: list[str]) -> int:
    """Mend, then format."""
    mended = tools.run("ruff", "check", "--fix-only", "--quiet", ".")
    return tools.run("ruff", "format", ".") or mended
