"""Draws how data flows, from the routes that the description names and the hosts that the settings allow (PCI DSS 1.2.4). Never draws what it only supposes: a route without a place is a finding."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from service.config import SETTINGS, Settings
from service.errors import SettingsError
from service.evidence import templates
from service.evidence.entrances import Operation
from service.store import database


@dataclass(frozen=True)
class Caller:
    """Somebody who comes in. `groups` are the description's tags that are for him; `locks` the schemes that may guard them, `open` whether none may be."""

    name: str
    lock: str
    gives: str
    groups: frozenset[str]
    locks: frozenset[str] = frozenset()
    open: bool = False


CALLERS = (
    Caller(
        "Buyer's browser",
        "the session's client secret",
        "payer's name and e-mail (passed on, not kept)",
        frozenset({"page", "reports"}),
        frozenset({"client_secret", "api_key"}),
        open=True,
    ),
    Caller(
        "Platform's backend",
        "API key with scopes",
        "account, plan, members, refund orders",
        frozenset({"checkout", "accounts", "cards", "charges", "entries", "history"}),
        frozenset({"api_key"}),
    ),
    Caller(
        "BlueSnap's notices",
        "HMAC over the raw bytes",
        "type, references, amounts; the rest is dropped",
        frozenset({"webhooks"}),
        frozenset({"bluesnap_signature"}),
        open=True,
    ),
    Caller(
        "Staff, auditors",
        "an identity with a second factor",
        "what they want to see, and of whom",
        frozenset({"audit", "grants", "support"}),
        frozenset({"identity"}),
    ),
    Caller(
        "Monitoring, readers",
        "no lock: nothing private",
        "sends nothing that is kept",
        frozenset({"operations"}),
        open=True,
    ),
)
#: Every setting that names another machine, and so a place that data may go to or come from.
HOSTS = frozenset(
    {
        "database_url",
        "bluesnap_url",
        "hosted_fields_url",
        "events_url",
        "clock_url",
        "public_url",
        "canary_url",
        "archive_url",
    }
)
_LINE, _HEAD, _GAP, _TOP = 17, 50, 16, 150


@dataclass(frozen=True)
class Flow:
    """The picture, and what it could not place: routes of no group, settings that name a host it does not know."""

    svg: str
    unplaced: tuple[str, ...]


def draw(operations: Iterable[Operation], settings: Settings) -> Flow:
    """The picture as SVG, readable on light and dark ground."""
    routes = list(operations)
    callers = {one.name: [route for route in routes if _comes_through(route, one)] for one in CALLERS}
    placed = {route.name for found in callers.values() for route in found}
    lost = [f"{route.name} has no group" for route in routes if route.name not in placed]
    return Flow(_picture(callers, settings), (*lost, *unknown_hosts()))


def unknown_hosts() -> list[str]:
    """Settings that name a host and that no picture shows."""
    names = [(item.name, setting.name) for item, setting in zip(fields(Settings), SETTINGS, strict=True)]
    return [f"{shown} has no place" for name, shown in names if name.endswith("_url") and name not in HOSTS]


def _comes_through(route: Operation, caller: Caller) -> bool:
    return route.group in caller.groups and set(route.locks) <= caller.locks and bool(route.locks or caller.open)


def _host(url: str | None) -> str:
    return urlsplit(url).netloc if url else "not set"


def _database_host(url: str) -> str:
    """Host and port alone: the rest of it holds a password."""
    try:
        made = database.url_of(url)
    except SettingsError:
        return "unknown"
    return f"{made.host or 'local socket'}{f':{made.port}' if made.port else ''}"


def _picture(callers: Mapping[str, list[Operation]], settings: Settings) -> str:
    bands, y = [], _TOP
    for caller in CALLERS:
        routes = [f"{one.method:6} {one.path}" for one in callers[caller.name]]
        height = max(_HEAD + 18 * len(textwrap.wrap(caller.gives, 30)) + 14, 38 + _LINE * len(routes))
        band = {"y": y, "height": height, "routes": routes, "gives": textwrap.wrap(caller.gives, 30)}
        bands.append(band | {"name": caller.name, "lock": caller.lock, "middle": y + height / 2})
        y += height + _GAP
    places = {"bands": bands, "operator": y, "end": y + 66, "height": y + 66 + 120}
    return templates.render("flow.svg.j2", {**places, **_hosts(settings), **_stores(y)})


def _hosts(settings: Settings) -> dict[str, Any]:
    clock = "this machine's" if settings.clock == "system" else _host(settings.clock_url)
    return {
        "api": _host(settings.bluesnap_url),
        "script": _host(settings.hosted_fields_url),
        "events": _host(settings.events_url),
        "public": _host(settings.public_url),
        "archive": settings.archive_url or "not set",
        "database": _database_host(settings.database_url),
        "clock": clock,
        "environment": settings.environment.value,
    }


def _stores(end: int) -> dict[str, Any]:
    """Where the three ways out of the service stand: spread over the height of the doors."""
    step = (end - _TOP - _GAP) / 3
    return {"outs": [_TOP + step * (number + 0.5) for number in range(3)]}
