"""Reading what a person sent to a lever, with a clear text for what is wrong. It must never guess what was meant."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from flask import request


class BadLever(ValueError):
    """The lever does not understand; its text is for the person who pulled it."""


def body() -> dict[str, Any]:
    """The JSON object sent, {} for nothing, whatever the content type says."""
    raw = request.get_data()
    if not raw.strip():
        return {}
    try:
        sent = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadLever("the body must be JSON") from None
    if not isinstance(sent, dict):
        raise BadLever("the body must be a JSON object")
    return sent


def only(sent: Mapping[str, object], known: Collection[str]) -> None:
    """Refuse names that the lever does not know."""
    if set(sent) - set(known):
        raise BadLever(f"this lever takes: {', '.join(sorted(known)) or 'nothing'}")


def number(sent: Mapping[str, object], name: str, default: float, limits: tuple[float, float]) -> float:
    """A number within limits, both included."""
    value = sent.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not limits[0] <= value <= limits[1]:
        raise BadLever(f"{name} must be a number from {limits[0]:g} to {limits[1]:g}")
    return value


def whole(sent: Mapping[str, object], name: str, default: int, limits: tuple[int, int]) -> int:
    """A whole number within limits, both included."""
    value = number(sent, name, default, limits)
    if value != int(value):
        raise BadLever(f"{name} must be a whole number")
    return int(value)
