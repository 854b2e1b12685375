"""Secrets, without their values: which there are, how many of each are valid now, who still needs an old one, and how old their files are."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from service import config
from service.cli.common import FINE, FOUND, Commands, say, tools

#: A secret whose file is older is reported; PCI DSS and most policies ask for a change a year.
OLD_DAYS = 365


def register(commands: Commands) -> None:
    """Add `secrets`."""
    commands.group("secrets", "secrets, without their values", "list").add("list", list_secrets)


def list_secrets(arguments: argparse.Namespace) -> int:
    """All secrets that are set: which is newest, who still needs an old one, how old. Status 1 if one is older than a year."""
    from service.store import database, secret_keys

    our = tools()
    grace = timedelta(seconds=our.settings.client_secret_grace_seconds)
    with our.engine.connect() as connection:
        needed = secret_keys.needed(connection, our.clock(), grace)
        now = database.now(connection)
    environ = config.local_environ(os.environ)
    rows = [
        row
        for setting, name in _secrets()
        for row in _rows(setting, getattr(our.settings, name), _age_days(setting, environ, now), needed)
    ]
    say(arguments, rows, "\n".join(_line(row) for row in rows))
    return FOUND if any((row["age_days"] or 0) > OLD_DAYS for row in rows) else FINE


def _secrets() -> list[tuple[config.Setting, str]]:
    return [(setting, name) for setting, name in config.NAMED if setting.secret]


def _rows(
    setting: config.Setting, value: Any, age: int | None, needed: Mapping[str, Mapping[str | None, int]]
) -> list[dict[str, Any]]:
    """One row for each value of a setting; for the first of our own keys with those that only it may have made, since nothing says so."""
    values = value if isinstance(value, tuple) else () if value is None else (value,)
    rows = []
    for place, one in enumerate(values, start=1):
        key_id = one[0] if isinstance(one, tuple) else None
        row: dict[str, Any] = {
            "setting": setting.name,
            "place": place,
            "newest": place == 1,
            "key": key_id,
            "age_days": age,
        }
        if setting.name == "PANLESS_SECRET_KEYS":
            row["needed_by"] = {kind: counts[key_id] for kind, counts in needed.items() if counts.get(key_id)}
            row["perhaps_needed_by"] = {kind: counts[None] for kind, counts in needed.items() if counts.get(None)}
        rows.append(row)
    return rows


def _age_days(setting: config.Setting, environ: Mapping[str, str], now: datetime) -> int | None:
    """Days since the file of a secret was written; None where it comes from no file."""
    file = environ.get(f"{setting.name}_FILE")
    if file is None or setting.name in environ:
        return None
    return (now - datetime.fromtimestamp(Path(file).stat().st_mtime, UTC)).days


def _line(row: Mapping[str, Any]) -> str:
    told = f"{row['setting']:32} {row['place']} {row['key'] or '-':8} "
    told += "newest" if row["newest"] else "older"
    if row["age_days"] is not None:
        told += f", {row['age_days']} days old"
    for word, kinds in (("needed by", row.get("needed_by")), ("perhaps by", row.get("perhaps_needed_by"))):
        if kinds:
            told += f"; {word} " + ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in kinds.items())
    return told
