"""`python -m dev lock`: writes both hashed requirement files, for all platforms and Python 3.11 on. No registry address gets into them."""

from __future__ import annotations

from dev import tools

_FIXED = ("--generate-hashes", "--universal", "--python-version", "3.11", "--no-header", "--quiet")


def main(arguments: list[str]) -> int:
    """Pin what serving needs first: the development file is constrained by it. `--upgrade` takes the newest versions."""
    for name in ("requirements", "requirements-dev"):
        status = tools.run("uv", "pip", "compile", *_FIXED, *arguments, f"{name}.in", "-o", f"{name}.txt")
        if status != 0:
            return status
    return 0
