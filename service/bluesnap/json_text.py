"""Reads JSON that a stranger wrote: exact numbers, no surprises, never an exception. Must never let the document into an error."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn


def parse_json(body: bytes, *, contradictory: bool = False) -> Any:
    """The document, or None for anything that is not one (a bare `null` included: nobody needs it).

    Numbers with a fraction or an exponent become Decimal, all others int, so that ids above 2^53 and amounts stay exact. NaN and Infinity
    are refused, and so are two equal keys with different values, as nobody can know which of them is true; `contradictory`: then the last
    one counts. Text that is not UTF-8 is read as Latin-1: a payer's name in the wrong encoding must not hide the id of a subscription
    that has been charged.
    """
    pairs = None if contradictory else _without_contradiction
    try:
        return json.loads(_decoded(body), parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=pairs)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _without_contradiction(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs) and any(repr(found[key]) != repr(value) for key, value in pairs):
        raise ValueError("not JSON")
    return found


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("not JSON")
