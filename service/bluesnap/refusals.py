"""Finds the error names and codes in any of the error bodies that BlueSnap sends. Must never fail on a body, and never keep its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from service.bluesnap.json_text import parse_json

_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,99}")
_CODE = re.compile(r"[0-9]{1,6}")
# A pattern and no XML parser: the answer is one name and one number, and there is no entity to expand.
_XML_NAME = re.compile(r"<error-name>([^<>]{1,200})</error-name>")
_XML_CODE = re.compile(r"<code>([^<>]{1,50})</code>")
_MOST = 50


@dataclass(frozen=True)
class Named:
    """One message of an error body: its name and its code, each "" if absent or not of the expected form."""

    name: str
    code: str


def read_refusals(body: bytes) -> list[Named]:
    """The names and codes in an error body, in order; empty for HTML, plain text, an empty body, anything else.

    Shapes: bluesnap/variants.md section 3, numbers 1 to 11.
    """
    document = parse_json(body, contradictory=True)
    if document is None:
        return _from_text(body.decode("utf-8", "replace"))
    if isinstance(document, str):
        return _from_text(document)
    if isinstance(document, list):
        return _from_messages(document)
    if isinstance(document, dict):
        return _from_object(document)
    return []


def _from_object(document: dict[str, Any]) -> list[Named]:
    messages = document.get("message")
    if isinstance(messages, list):
        return _from_messages(messages)
    if isinstance(messages, dict):
        return _from_messages([messages])
    return _kept(_named(document.get("errorName"), document.get("errorCode", document.get("code"))))


def _from_messages(messages: list[Any]) -> list[Named]:
    found: list[Named] = []
    for message in messages[:_MOST]:
        if isinstance(message, dict):
            found += _kept(_named(message.get("errorName"), message.get("code", message.get("errorCode"))))
    return found


def _from_text(text: str) -> list[Named]:
    """XML has one block per message; a body that is nothing but a name is a name."""
    if "<" not in text:
        return _kept(_named(text.strip(), None))
    found: list[Named] = []
    for block in text.split("</message>")[:_MOST]:
        name, code = _XML_NAME.search(block), _XML_CODE.search(block)
        found += _kept(_named(name and name[1], code and code[1]))
    return found


def _named(name: object, code: object) -> Named:
    """Both reduced to their exact form: a code is text or a number (bluesnap/variants.md section 3.4)."""
    plain = str(code).strip() if isinstance(code, str | int) and not isinstance(code, bool) else ""
    known = name.strip().upper() if isinstance(name, str) else ""
    return Named(known if _NAME.fullmatch(known) else "", plain if _CODE.fullmatch(plain) else "")


def _kept(named: Named) -> list[Named]:
    return [named] if named.name or named.code else []
