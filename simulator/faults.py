"""Faults that a lever ordered, waiting for the next calls of their kind. A fault happens only when it was ordered, never by chance."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.answers import DECLINES, OTHER_DECLINES

CALLS = frozenset(
    {
        "create_token", "create_shopper", "get_shopper", "find_shopper", "update_shopper", "delete_shopper",
        "create_plan", "get_plan", "list_plans", "update_plan",
        "create_subscription", "get_subscription", "list_subscriptions", "update_subscription",
        "preview_switch", "run_specific", "list_charges", "resolve_charge", "get_charge", "get_transaction",
        "refund", "refund_legacy", "call_off_refund",
        "get_notification_config", "update_notification_config", "delete_notification_config",
    }
)  # fmt: skip
MODES = frozenset({"alter", "decline", "status", "drop_before", "drop_after", "delay", "drip", "garbage", "redirect"})
_FIELDS = {
    "alter": {"set", "remove", "codes"},
    "decline": {"reason", "codes"},
    "status": {"status", "body", "headers", "media"},
    "delay": {"seconds"},
    "drip": {"seconds"},
    "garbage": {"body", "headers"},
    "redirect": {"location"},
}
# Framing is the server's business: a wrong length would only break the connection, which drop and drip do properly.
_HEADER_NAME = re.compile(r"(?!(?i:content-length|transfer-encoding|connection)$)[A-Za-z0-9-]{1,100}")
_MEDIA = re.compile(r"[a-z]+/[a-z0-9.+-]+(; ?charset=[A-Za-z0-9-]+)?")
_POINTER = re.compile(r"(/([^~/]|~[01])+)+")
MAX_SECONDS = 300
MAX_TIMES = 1_000


@dataclass(frozen=True)
class Fault:
    """One ordered misfortune. `processed` says whether the call has had its effect by the time it goes wrong."""

    mode: str
    processed: bool
    reason: str = "CALL_ISSUER"
    status: int = 500
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 5.0
    location: str = "http://127.0.0.1:9/elsewhere"
    media: str | None = None
    codes: str = "text"
    set: tuple[tuple[str, Any], ...] = ()
    remove: tuple[str, ...] = ()


class Faults:
    """Queues by call; the one ordered first happens first. Use it under the world's lock."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Fault]] = {}

    def order(self, call: str, fault: Fault, times: int) -> None:
        """The next `times` calls of this kind, after those ordered before."""
        self._waiting.setdefault(call, deque()).extend([fault] * times)

    def take(self, call: str) -> Fault | None:
        """The fault of this call, if one is waiting; it is used up."""
        waiting = self._waiting.get(call)
        return waiting.popleft() if waiting else None

    def waiting(self) -> dict[str, list[str]]:
        """Modes still to come, by call."""
        return {call: [fault.mode for fault in queue] for call, queue in self._waiting.items() if queue}


def read_order(wanted: Mapping[str, object]) -> tuple[str, Fault, int]:
    """Call, fault and count out of a lever's body; raises ValueError with a text for the person who sent it."""
    call, mode = wanted.get("call"), wanted.get("mode")
    if not isinstance(call, str) or call not in CALLS:
        raise ValueError(f"call must be one of: {', '.join(sorted(CALLS))}")
    if not isinstance(mode, str) or mode not in MODES:
        raise ValueError(f"mode must be one of: {', '.join(sorted(MODES))}")
    allowed = {"call", "mode", "times", "processed"} | _FIELDS.get(mode, set())
    if set(wanted) - allowed:
        raise ValueError(f"mode {mode} takes: {', '.join(sorted(allowed))}")
    processed = wanted.get("processed", mode in {"alter", "drop_after"})
    if not isinstance(processed, bool) or processed is not {
        "alter": True,
        "drop_before": False,
        "drop_after": True,
    }.get(mode, processed):
        raise ValueError("processed must be true or false, and fit the mode")
    values: dict[str, Any] = {name: _CHECKS[name](wanted[name]) for name in _FIELDS.get(mode, set()) if name in wanted}
    return call, Fault(mode, processed, **values), int(_number("times", wanted.get("times", 1), 1, MAX_TIMES))


def _number(name: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}")
    if name != "seconds" and value != int(value):
        raise ValueError(f"{name} must be a whole number")
    return value


def _reason(value: object) -> str:
    if not isinstance(value, str) or value not in DECLINES | set(OTHER_DECLINES):
        raise ValueError(f"reason must be one of: {', '.join(sorted(DECLINES | set(OTHER_DECLINES)))}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 1_000_000:
        raise ValueError("body and location must be text of at most a million characters")
    return value


def _location(value: object) -> str:
    text = _text(value)
    if not text.isprintable() or " " in text:
        raise ValueError("location must be one address, without spaces")
    return text


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or len(value) > 20:
        raise ValueError("headers must be an object of at most twenty names and texts")
    for name, text in value.items():
        if (
            not _HEADER_NAME.fullmatch(name)
            or not isinstance(text, str)
            or not text.isprintable()
            or not text.isascii()
        ):
            raise ValueError("headers must be names and printable ASCII texts")
    return tuple(value.items())


def _codes(value: object) -> str:
    if value not in ("text", "number"):
        raise ValueError("codes must be one of: number, text")
    return str(value)


def _media(value: object) -> str:
    if not isinstance(value, str) or not _MEDIA.fullmatch(value):
        raise ValueError("media must be a media type such as application/xml")
    return value


def _pointer(value: object) -> str:
    if not isinstance(value, str) or not _POINTER.fullmatch(value) or len(value) > 200:
        raise ValueError("a field is named by a JSON pointer such as /charge/amount")
    return value


def _settings(value: object) -> tuple[tuple[str, Any], ...]:
    if not isinstance(value, dict) or not 1 <= len(value) <= 50:
        raise ValueError("set must be an object of one to fifty JSON pointers and values")
    return tuple((_pointer(pointer), new) for pointer, new in value.items())


def _removals(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 50:
        raise ValueError("remove must be a list of one to fifty JSON pointers")
    return tuple(_pointer(pointer) for pointer in value)


_CHECKS = {
    "reason": _reason,
    "status": lambda value: int(_number("status", value, 200, 599)),
    "body": _text,
    "headers": _headers,
    "seconds": lambda value: _number("seconds", value, 0, MAX_SECONDS),
    "location": _location,
    "codes": _codes,
    "media": _media,
    "set": _settings,
    "remove": _removals,
}
