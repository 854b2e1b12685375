"""Every fact about BlueSnap that is not certain, as a switch with a default. A wrong value is refused with a clear text and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulator.noticetypes import NEEDED, TYPES


@dataclass
class Behaviour:
    """How the simulated account behaves; simulator/README.md explains each switch and names the fact behind it."""

    idempotency: str = "on"
    lookup_lag: float = 0.0
    decline_at: str = "vault"
    spent_token_code: str = "14041"
    renewal_notice: str = "RECURRING"
    zone: str = "America/Los_Angeles"
    renewal_time: str = "midnight"
    month_end: str = "anchored"
    retry_days: tuple[int, ...] = (1, 3, 5, 7, 14, 21, 28, 35, 42, 49, 56, 59)
    late_payment: str = "skips"
    reminder_days: int = 0
    notice_types: tuple[str, ...] = NEEDED
    failure_reason: str = "once"
    plan_switch_amount: str = "reset"
    override_shown: str = "as_price"
    refund_status: str = "SUCCESS"
    refund_pending_days: int = 3
    authentication_required: str = "by_card"
    three_d_secure: str = "on"
    three_d_secure_reference: str = "any"
    unauthorized_body: str = "html"
    missing_body: str = "text"
    header_case: str = "mixed"
    extra_fields: bool = True
    repeat_notices: float = 0.1
    retry_timestamp: str = "fresh"

    @property
    def billing_zone(self) -> ZoneInfo:
        """The zone of billing days and of the dates in notices."""
        return ZoneInfo(self.zone)

    def change(self, wanted: Mapping[str, object]) -> None:
        """Turn switches. `calm: true` first puts out every hostility that is on by default. Raises ValueError."""
        accepted: dict[str, Any] = {}
        for name, value in wanted.items():
            if name == "calm":
                if value is not True:
                    raise ValueError("calm can only be true; turn single switches back by name")
                accepted = {**_CALM, **accepted}
            elif name in _RULES:
                accepted[name] = _RULES[name](name, value)
            else:
                raise ValueError(f"unknown behaviour; known are: calm, {', '.join(sorted(_RULES))}")
        for name, value in accepted.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, Any]:
        """All switches as they stand."""
        return asdict(self)


_CALM = {"header_case": "title", "extra_fields": False, "repeat_notices": 0.0}
_Rule = Callable[[str, object], Any]


def _one_of(*choices: str) -> _Rule:
    def check(name: str, value: object) -> str:
        if str(value) not in choices or isinstance(value, bool):
            raise ValueError(f"{name} must be one of: {', '.join(choices)}")
        return str(value)

    return check


def _number_up_to(limit: float) -> _Rule:
    def check(name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= limit:
            raise ValueError(f"{name} must be a number from 0 to {limit:g}")
        return float(value)

    return check


def _days(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 365:
        raise ValueError(f"{name} must be a whole number of days, at most 365")
    return value


def _rising_days(name: str, value: object) -> tuple[int, ...]:
    days = value if isinstance(value, list) and len(value) <= 60 else [0]
    if not all(isinstance(day, int) and not isinstance(day, bool) for day in days) or sorted(set(days)) != days:
        raise ValueError(f"{name} must be a list of at most 60 rising whole numbers")
    if days and not 1 <= days[0] <= days[-1] <= 365:
        raise ValueError(f"{name} must hold days from 1 to 365")
    return tuple(days)


def _types(name: str, value: object) -> tuple[str, ...]:
    if value == "all":
        return TYPES
    if not isinstance(value, list) or not all(isinstance(one, str) and one in TYPES for one in value):
        raise ValueError(f'{name} must be "all", or a list of: {", ".join(TYPES)}')
    return tuple(dict.fromkeys(value))


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")  # noqa: TRY004  # one kind of error for every bad value
    return value


def _zone(name: str, value: object) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name} must be a zone's name such as America/Los_Angeles") from None


_RULES: dict[str, _Rule] = {
    "idempotency": _one_of("on", "ignored", "replays_errors"),
    "lookup_lag": _number_up_to(86_400),
    "decline_at": _one_of("vault", "charge"),
    "spent_token_code": _one_of("14040", "14041", "14042"),
    "renewal_notice": _one_of("RECURRING", "CHARGE", "both"),
    "zone": _zone,
    "renewal_time": _one_of("midnight", "signup"),
    "month_end": _one_of("anchored", "drifts"),
    "retry_days": _rising_days,
    "late_payment": _one_of("skips", "catches_up", "restarts"),
    "reminder_days": _days,
    "notice_types": _types,
    "failure_reason": _one_of("once", "twice"),
    "plan_switch_amount": _one_of("reset", "kept"),
    "override_shown": _one_of("as_price", "beside"),
    "refund_status": _one_of("SUCCESS", "PENDING", "absent"),
    "refund_pending_days": _days,
    "authentication_required": _one_of("by_card", "always"),
    "three_d_secure": _one_of("on", "always_challenge", "unavailable", "off"),
    "three_d_secure_reference": _one_of("any", "issued"),
    "unauthorized_body": _one_of("html", "empty", "json"),
    "missing_body": _one_of("text", "json_string", "xml", "empty"),
    "header_case": _one_of("mixed", "title", "lower", "upper"),
    "extra_fields": _boolean,
    "repeat_notices": _number_up_to(1),
    "retry_timestamp": _one_of("fresh", "first"),
}
