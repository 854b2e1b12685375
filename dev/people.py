"""The issuer's made-up people, as the service of a stack is to know them. Never on real people: they sign in at an issuer of their own."""

from __future__ import annotations

import tempfile
from typing import Protocol

_SUPPORT = ("support:read", "grants:request", "grants:approve")
#: Their subjects, as simulator/issuer has them, and what each may do: two of support, and an auditor.
PEOPLE = {"mira": _SUPPORT, "noor": _SUPPORT, "otto": ("audit:read",)}


class Running(Protocol):
    """A stack that can run operators' commands."""

    def command(self, *arguments: str) -> str:
        """Run one; answers its standard output."""


def make_known(stack: Running) -> None:
    """Add those that are not known, as an operator does, by one command: each takes a second to start."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".csv") as file:
        file.writelines(f"{name},{' '.join(scopes)}\n" for name, scopes in PEOPLE.items())
        file.flush()
        stack.command("people", "import", file.name)
