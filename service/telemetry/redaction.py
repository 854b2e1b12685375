"""What a log record may say: a constant event, and fields of this list in their own formats. Pure; it cannot fail open, because what is not listed is not copied."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from service.cardguard import formats

WITHHELD = "~"
EVENT = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)*")


def _matching(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and formats.matches(pattern, value)


def _poor(pattern: str) -> Callable[[Any], bool]:
    """A pattern that is wide enough for a card number, and a value that has too few digits for one."""
    return lambda value: isinstance(value, str) and formats.matches(pattern, value) and formats.within_budget(value)


def _number(limit: float) -> Callable[[Any], bool]:
    """From 0 to below the limit, with one decimal at most: a long fraction could spell a card number."""
    return lambda value: type(value) in {int, float} and 0 <= value < limit and round(value, 1) == value


_id = _matching(formats.OUR_ID)
_word = _matching(r"[A-Za-z][A-Za-z_.]{0,62}")

#: Every field that a record of ours may have, and the format that its value must have. Documented in docs/operating.md.
FIELDS: dict[str, Callable[[Any], bool]] = {
    "act": _word,
    "account": lambda value: isinstance(value, str) and formats.is_account(value),
    "actor": _matching(formats.ACTOR),
    "attempt": _number(10_000),
    "call": _word,
    "cause": _word,
    "code": _word,
    "count": _number(1e9),
    "door": _word,
    "event_id": _id,
    "error": _matching(r"[A-Za-z_]{1,60}"),
    "frames": lambda value: (
        isinstance(value, list) and all(_matching(r"[a-z_/]{1,80}\.py:[0-9]{1,5}")(item) for item in value)
    ),
    "key": _id,
    "library": _matching(r"[A-Za-z_.]{1,80}"),
    "method": _matching(r"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|OTHER"),
    "ms": _number(1e7),
    "notice": _id,
    "notice_type": _matching(formats.PROVIDER_WORD),
    "outcome": _word,
    "pid": _number(1e8),
    "place": _word,
    "reason": _word,
    "request_id": _id,
    "route": _poor(r"(/[a-z0-9_.<>-]*)+|none"),
    "session": _id,
    "setting": _matching(r"PANLESS_[A-Z_]{1,50}"),
    "signup": _id,
    "state": _word,
    "status": _number(1_000),
    "refund": _id,
    "rule": _word,
    "subject": _id,
    "subscription": _id,
    "task": _id,
    "version": _poor(r"[0-9a-z.]{1,20}"),
}

#: The fields that every record has, made by ourselves and not by a caller.
OWN = ("time", "level")


def redact(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record that may be written. An unlisted field is dropped; a listed one of the wrong format is withheld."""
    event = record.get("event")
    clean: dict[str, Any] = {name: record[name] for name in OWN if name in record}
    clean["event"] = event if isinstance(event, str) and len(event) <= 60 and EVENT.fullmatch(event) else "unprintable"
    for name, value in record.items():
        check = FIELDS.get(name)
        if check is not None and value is not None:
            clean[name] = value if check(value) else WITHHELD
    return clean
