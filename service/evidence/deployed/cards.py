"""Card data in what stands somewhere already: says where it is and by which rule, and strikes it out. Never says, keeps or passes on the value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from service.cardguard import detect

#: In bytes that are no text, digits by chance stand far apart: what the database's own guard of bytes refuses (cardguard/domains.py).
_DIGITS = re.compile(rb"(?:[0-9][^0-9]?){13,}")
STRUCK = b"~"
_SIGN = re.compile(rb"[0-9A-Za-z]")
_DIGIT = re.compile(rb"[0-9]")


def in_text(text: str) -> str | None:
    """The rule by which a text holds card data, or None."""
    found = detect.holds_card(text)
    return found.rule if found else None


def in_bytes(data: bytes) -> str | None:
    """The same of bytes that are no text."""
    rules = (in_text(part.decode("ascii", "replace")) for part in _DIGITS.findall(data))
    return next((rule for rule in rules if rule), None)


def in_document(text: str) -> str | None:
    """The same of json: each name and each value by itself, since neighbours in a document make no number. What is no json is a text."""
    try:
        parts = list(_parts(json.loads(text, parse_int=str, parse_float=str)))
    except (ValueError, RecursionError):
        return in_text(text)
    rules = (in_text(part) for part in parts)
    return next((rule for rule in rules if rule), None)


def _parts(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from _parts(value)
    elif isinstance(document, list):
        for value in document:
            yield from _parts(value)
    elif isinstance(document, str):
        yield document


def struck(line: bytes) -> bytes:
    """The line without what it holds, and as long as before: who writes on at its end is not disturbed, and offsets stay.

    Of a document the parts that hold it, where they stand as they are; else, and if anything is left, every letter and digit of the line.
    """
    masked = line
    try:
        parts = list(_parts(json.loads(line, parse_int=str, parse_float=str)))
    except (ValueError, RecursionError):
        parts = []
    for part in parts:
        if in_text(part):
            raw = json.dumps(part, ensure_ascii=False)[1:-1].encode()
            masked = masked.replace(b'"' + raw + b'"', b'"' + STRUCK * len(raw) + b'"')
            masked = masked.replace(raw, _DIGIT.sub(b"0", raw)) if raw.isdigit() else masked
    if parts and not in_document(masked.decode("utf-8", "replace")):
        return masked
    return _SIGN.sub(STRUCK, line)
