"""What is sent in order to be searched for: published test numbers, which no real card has, and words that nobody else says. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

#: Published test numbers (bluesnap/test-data.md; the leak matrix, section 3) whose runs of eight digits stand in no honest text by chance.
NUMBERS = (
    "4012888888881881",
    "2223003122003222",
    "371449635398431",
    "38520000023237",
    "6011000990139424",
    "3566002020360505",
    "6771798021000008",
    "5200828282828210",
    "4263982640269299",
    "30569309025904",
    "36227206271667",
    "5019717010103742",
)
_LETTERS = "bcdfghjklmnpqrstvwxz"


@dataclass(frozen=True, repr=False)
class Canary:
    """One thing that was sent and must be found nowhere. `case` says whose it is, and is all of it that may be printed.

    `text` is a card number, searched for in every form; or with `word` set a text that is searched for as it stands (a marker, a secret, a
    person's name). `sent` are the bytes that went over the wire, where they differ.
    """

    case: str
    text: str
    word: bool = False
    sent: bytes = field(default=b"")


def marker(chance: random.Random | None = None) -> str:
    """A word of twenty letters that stands nowhere else. The gate lets it through, so it shows where an echo comes from."""
    return "".join((chance or random.SystemRandom()).choices(_LETTERS, k=20))
