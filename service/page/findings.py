"""The words in which page-check says what it found. Holds no logic."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Word(enum.StrEnum):
    """What is not as it was approved, or not as it should be whoever approved it."""

    NOT_APPROVED = "not_approved"
    ANOTHER_PAGE = "another_page"
    HEADER_CHANGED = "header_changed"
    HEADER_APPEARED = "header_appeared"
    HEADER_GONE = "header_gone"
    SCRIPT_CHANGED = "script_changed"
    SCRIPT_APPEARED = "script_appeared"
    SCRIPT_GONE = "script_gone"
    SCRIPT_UNREAD = "script_unread"
    SCRIPT_OUTSIDE = "script_outside"
    SCRIPT_HIDDEN = "script_hidden"
    FRAME_OUTSIDE = "frame_outside"
    HEADER_MISSING = "header_missing"
    HEADER_WEAK = "header_weak"
    DIRECTIVE_MISSING = "directive_missing"
    DIRECTIVE_WIDER = "directive_wider"
    NONCE_WEAK = "nonce_weak"
    CARD_INPUT = "card_input"


#: What an approval settles. All else stays found until the page is mended.
CHANGES = frozenset(
    {
        Word.NOT_APPROVED, Word.ANOTHER_PAGE, Word.HEADER_CHANGED, Word.HEADER_APPEARED, Word.HEADER_GONE,
        Word.SCRIPT_CHANGED, Word.SCRIPT_APPEARED, Word.SCRIPT_GONE,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """`subject` is a header, a directive, a script or an element of the page; `text` says what about it."""

    word: Word
    subject: str
    text: str
