"""Reads docs/policy.md: each sentence of the security policy with the code, the tests and the evidence for it, and what is missing. A report shows it; it claims nothing itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from service.config import ROOT

PAGE = ROOT / "docs" / "policy.md"
_ROW = re.compile(r"^\| ([1-8]\.[a-z]) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Sentence:
    """One sentence of the policy. `gaps` begins with "None" where none is known."""

    number: str
    says: str
    code: str
    tests: str
    evidence: str
    gaps: str


def read(page: Path = PAGE) -> list[Sentence]:
    """All of them, in order; nothing where the page is not there: an image holds no documents."""
    if not page.is_file():
        return []
    return [Sentence(*cells) for cells in _ROW.findall(page.read_text(encoding="utf-8"))]


def plain(text: str) -> str:
    """A cell without marks but those of code: of a link its words."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("**", "")
