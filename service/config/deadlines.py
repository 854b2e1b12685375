"""The chain of deadlines, each longer than what it has to outlive. Decides nothing; a broken link is told by the names of settings, never by a value."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.config.declarations import Settings

#: Around every request: an answer of BlueSnap's, then ours, then gunicorn's two, then the proxy's.
AROUND = ("request_seconds", "worker_timeout_seconds", "graceful_seconds", "proxy_seconds")
#: From the inside to the outside: each must be above the one before it.
ORDINARY = ("connect_seconds", "read_seconds", "total_seconds", *AROUND)
CHARGING = ("connect_seconds", "charge_read_seconds", "charge_total_seconds", *AROUND)
#: Whoever holds a signup or an idempotency key must be done before the lease ends.
HELD = ("request_seconds", "lease_seconds")


def links(settings: Settings) -> Iterator[tuple[str, int, str, int]]:
    """Every link, once: name and seconds of the shorter one, then of the longer one."""
    seen: set[tuple[str, str]] = set()
    for chain in (ORDINARY, CHARGING, HELD):
        for inner, outer in pairwise(chain):
            if (inner, outer) not in seen:
                seen.add((inner, outer))
                yield _name(inner), getattr(settings, inner), _name(outer), getattr(settings, outer)


def broken_links(settings: Settings) -> list[str]:
    """What is wrong with the chain, in words."""
    problems = [
        f"{outer} must be above {inner}: what is around must outlive what is within"
        for inner, shorter, outer, longer in links(settings)
        if shorter >= longer
    ]
    if settings.wait_seconds + settings.charge_total_seconds > settings.request_seconds:
        problems.append(
            "PANLESS_REQUEST_SECONDS must hold PANLESS_WAIT_SECONDS and PANLESS_CHARGE_TOTAL_SECONDS together:"
            " a charge would be cut short because its request had to wait"
        )
    return problems


def _name(field: str) -> str:
    return f"PANLESS_{field.upper()}"
