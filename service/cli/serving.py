"""Commands that run or prepare the service: settings, migrate, serve."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from service import config
from service.cli.common import FINE, Command, Commands, complain, current_settings, logged_settings, say


def register(commands: Commands, work: Command) -> None:
    """Add them. `work` is the worker's door, which stands beside this one."""
    for name, command in (("settings", show_settings), ("migrate", migrate), ("serve", serve), ("work", work)):
        commands.add(name, command)


def show_settings(arguments: argparse.Namespace) -> int:
    """Names, defaults and meanings of all settings; no values."""
    rows = [
        {
            "name": setting.name,
            "default": None if setting.default is config.REQUIRED else _default(setting.default),
            "required": setting.default is config.REQUIRED,
            "secret": setting.secret,
            "meaning": setting.meaning,
        }
        for setting in config.SETTINGS
    ]
    lines = [
        f"{row['name']:38} {row['default'] or ('(required)' if row['required'] else '(none)'):32} {row['meaning']}"
        for row in rows
    ]
    say(arguments, rows, "\n".join(lines))
    return FINE


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], int):
        return f"{value[0]}:{value[1]}"
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).removeprefix(f"{config.ROOT}/")


def migrate(arguments: argparse.Namespace) -> int:
    """Bring the database to the newest schema."""
    from service.store import database

    settings = logged_settings()
    try:
        database.migrate(settings.database_url, settings.environment)
    except database.BusyError:
        return complain("a table is in use by somebody else: nothing was changed; run it again")
    say(arguments, {"schema": database.HEAD}, f"schema {database.HEAD}")
    return FINE


def serve(_: argparse.Namespace) -> int:
    """Serve requests under gunicorn, until stopped."""
    from service.billing import catalogue
    from service.config.of_logins import OF_DOORS
    from service.store import database
    from service.telemetry import metrics_folder

    settings = current_settings()
    catalogue.read(settings.plans_file, settings.environment)
    database.check_logins(settings.urls_of("web", *OF_DOORS), settings.environment)
    # prometheus_client chooses at import whether it shares values over processes: nothing above may import it
    metrics_folder.make()
    from gunicorn.app.wsgiapp import WSGIApplication

    sys.argv = ["gunicorn", "--config", "python:service.gunicorn_conf", "service.app:serving()"]
    WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]").run()
    return FINE
