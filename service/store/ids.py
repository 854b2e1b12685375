"""Our own ids: prefixed, sortable by time, and free of digits. 48 bits of milliseconds, 80 random bits, in base 20."""

from __future__ import annotations

import secrets
import time

from service.cardguard.formats import ALPHABET, ID_LENGTH

BASE = len(ALPHABET)


def new_id(prefix: str) -> str:
    """A new id such as `cs_…`; ids of one prefix sort by the millisecond they were made in."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    letters = []
    for _ in range(ID_LENGTH):
        number, index = divmod(number, BASE)
        letters.append(ALPHABET[index])
    return f"{prefix}_{''.join(reversed(letters))}"
