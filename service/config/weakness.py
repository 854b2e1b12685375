"""Which secrets anybody could guess: too short, published, or not made at random. Says of a secret that it is weak, and never a word of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

#: bluesnap/api.md section 2: a password of the API has 12 to 128 characters.
LEAST_PASSWORD = 12
LEAST_DIFFERENT = 6
#: What stands in examples, in the simulator's published defaults, and at the top of every list of passwords.
KNOWN_WORDS = ("simulator", "password", "changeme", "change-me", "example", "letmein", "qwerty", "123456", "default")
PRINTABLE = range(0x20, 0x7F)


def is_weak(text: str, least: int = LEAST_PASSWORD) -> bool:
    """Whether a password or a key of text can be guessed."""
    told = text.lower()
    return len(text) < least or len(set(text)) < LEAST_DIFFERENT or any(word in told for word in KNOWN_WORDS)


def is_made_up(key: bytes) -> bool:
    """Whether bytes that should be random are typed or counted. A random key of 24 bytes or more is taken for that once in a million million times."""
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    return min(len(set(key)), len(steps)) < len(key) // 2 or all(byte in PRINTABLE for byte in key)


def repeats(items: Sequence[object]) -> bool:
    """Whether one of them stands there twice."""
    return len(set(items)) < len(items)
