"""The operator's door. Exit status 0: fine; 1: something was found; 2: could not run. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from service import config
from service.cardguard.formats import SCOPES
from service.errors import SettingsError

FINE, FOUND, FAILED = 0, 1, 2
Command = Callable[[argparse.Namespace], int]


def _say(arguments: argparse.Namespace, data: Any, text: str) -> None:
    print(json.dumps(data) if arguments.json else text)


def _complain(text: str) -> int:
    print(f"panless: {text}", file=sys.stderr)
    return FAILED


def current_settings() -> config.Settings:
    """The settings of this environment, or of the local stack. Raises SettingsError."""
    return config.load(config.local_environ(os.environ))


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
    _say(arguments, rows, "\n".join(lines))
    return FINE


def _default(value: Any) -> str:
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

    settings = current_settings()
    database.migrate(settings.database_url, settings.environment)
    _say(arguments, {"schema": database.HEAD}, f"schema {database.HEAD}")
    return FINE


def serve(_: argparse.Namespace) -> int:
    """Serve requests under gunicorn, until stopped."""
    from service.billing import catalogue
    from service.store import database

    settings = current_settings()
    catalogue.read(settings.plans_file, settings.environment)
    database.check_environment(settings.database_url, settings.environment)
    # prometheus_client chooses at import whether it shares values over processes: nothing above may import it
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="panless-metrics-")
    from gunicorn.app.wsgiapp import WSGIApplication

    sys.argv = ["gunicorn", "--config", "python:service.gunicorn_conf", "service.app:serving()"]
    WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]").run()
    return FINE


def create_key(arguments: argparse.Namespace) -> int:
    """Make an API key and print it, alone, once."""
    from service import wiring
    from service.cardguard import formats
    from service.store import database, keys
    from service.store.journal import Origin

    if not formats.matches(formats.KEY_NAME, arguments.name) or not formats.within_budget(arguments.name):
        return _complain("a key's name is 1 to 64 of A-Z a-z 0-9 . _ - and blanks, with at most 12 digits")
    tools = wiring.build(current_settings())
    with tools.engine.begin() as connection:
        key, text = keys.create(
            connection,
            name=arguments.name,
            scopes=arguments.scope,
            environment=tools.settings.environment,
            now=database.now(connection),
            origin=Origin("operator"),
        )
    _say(arguments, {"id": key.id, "key": text}, text)
    return FINE


def list_keys(arguments: argparse.Namespace) -> int:
    """All keys, without their text, which nobody knows any more."""
    from service import wiring
    from service.store import keys

    tools = wiring.build(current_settings())
    with tools.engine.connect() as connection:
        rows: list[dict[str, Any]] = [
            {
                "id": key.id,
                "name": key.name,
                "scopes": sorted(keys.scopes_of(connection, key.id)),
                "created_at": key.created_at.isoformat(timespec="seconds"),
                "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
            }
            for key in keys.listed(connection)
        ]
    lines = [
        f"{row['id']}  {'revoked' if row['revoked_at'] else 'valid  '}  {row['name']}  {' '.join(row['scopes'])}"
        for row in rows
    ]
    _say(arguments, rows, "\n".join(lines) or "no keys")
    return FINE


def revoke_key(arguments: argparse.Namespace) -> int:
    """Stop a key at once."""
    from service import wiring
    from service.cardguard import formats
    from service.store import database, keys
    from service.store.journal import Origin

    tools = wiring.build(current_settings())
    with tools.engine.begin() as connection:
        known = formats.matches(formats.OUR_ID, arguments.id)
        done = known and keys.revoke(connection, arguments.id, now=database.now(connection), origin=Origin("operator"))
    _say(arguments, {"revoked": done}, "revoked" if done else "no such key, or revoked already")
    return FINE if done else FOUND


def check_plans(arguments: argparse.Namespace) -> int:
    """Compare the catalogue with BlueSnap's plans, by the conditions of DESIGN section 3."""
    from service import wiring
    from service.billing import plans

    problems = plans.check(wiring.build(current_settings()))
    rows = [{"plan": problem.plan, "problem": problem.what} for problem in problems]
    _say(
        arguments,
        rows,
        "\n".join(f"{row['plan']}: {row['problem']}" for row in rows) or "all plans are as they should be",
    )
    return FOUND if problems else FINE


def _parser(work: Command) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON")
    parser = argparse.ArgumentParser(prog="python -m service", description="Panless, for operators.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(group: Any, name: str, command: Command) -> argparse.ArgumentParser:
        text = (command.__doc__ or "").splitlines()[0]
        made: argparse.ArgumentParser = group.add_parser(name, help=text, description=text, parents=[common])
        made.set_defaults(command=command)
        return made

    for name, command in (("settings", show_settings), ("migrate", migrate), ("serve", serve), ("work", work)):
        add(commands, name, command)
    keys = commands.add_parser("keys", help="API keys").add_subparsers(required=True, metavar="create|list|revoke")
    create = add(keys, "create", create_key)
    create.add_argument("--name", required=True)
    create.add_argument("--scope", required=True, nargs="+", choices=SCOPES, metavar="SCOPE", help=", ".join(SCOPES))
    add(keys, "list", list_keys)
    add(keys, "revoke", revoke_key).add_argument("id", metavar="ID")
    plans = commands.add_parser("plans", help="the catalogue").add_subparsers(required=True, metavar="check")
    add(plans, "check", check_plans)
    return parser


def main(work: Command, arguments: Sequence[str] | None = None) -> int:
    """Run one command. `work` is the worker's door, which stands beside this one: each is opened from above."""
    parsed = _parser(work).parse_args(arguments)
    from sqlalchemy.exc import OperationalError, ProgrammingError  # after --help, which must not wait for it

    command: Command = parsed.command
    try:
        return command(parsed)
    except SettingsError as error:
        return _complain(str(error))
    except OperationalError:
        return _complain("the database does not answer; is PANLESS_DATABASE_URL right, and the server running?")
    except ProgrammingError:
        return _complain("the database has not our schema; run `python -m service migrate`")
