"""What all commands share: exit statuses, how results are said, and the tools of one run."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from service import config
from service.cardguard import formats
from service.errors import SettingsError

if TYPE_CHECKING:
    from service.billing.tools import Tools
    from service.store.journal import Origin

FINE, FOUND, FAILED = 0, 1, 2
Command = Callable[[argparse.Namespace], int]


class Commands:
    """A group of commands, to which each file of this package adds its own."""

    def __init__(self, group: Any, common: argparse.ArgumentParser) -> None:
        self._group, self._common = group, common

    def add(self, name: str, command: Command) -> argparse.ArgumentParser:
        """One command; its help is the first line of its docstring."""
        text = (command.__doc__ or "").splitlines()[0]
        made: argparse.ArgumentParser = self._group.add_parser(
            name, help=text, description=text, parents=[self._common]
        )
        made.set_defaults(command=command)
        return made

    def group(self, name: str, meaning: str, names: str) -> Commands:
        """A group of commands under one name, such as `keys create|list|revoke`."""
        inner = self._group.add_parser(name, help=meaning).add_subparsers(required=True, metavar=names)
        return Commands(inner, self._common)


def add_scopes(parser: argparse.ArgumentParser, scopes: Sequence[str]) -> None:
    """`--scope`: one or more of a closed list."""
    parser.add_argument("--scope", required=True, nargs="+", choices=scopes, metavar="SCOPE", help=", ".join(scopes))


def say(arguments: argparse.Namespace, data: Any, text: str) -> None:
    """The result, as JSON where that was asked for."""
    print(json.dumps(data) if arguments.json else text)


def complain(text: str) -> int:
    """Why it could not run."""
    print(f"panless: {text}", file=sys.stderr)
    return FAILED


def current_settings() -> config.Settings:
    """The settings of this environment, or of the local stack. Raises SettingsError."""
    return config.load(config.local_environ(os.environ))


def tools() -> Tools:
    """The tools of this run, whose log goes to standard error. Opens no connection yet. Raises SettingsError."""
    from service import wiring

    return wiring.build(logged_settings())


def logged_settings() -> config.Settings:
    """The settings, once the log of this run is made: on standard error, and in the folder of log files. Raises SettingsError."""
    from service.telemetry import logfiles, logs

    logs.set_up(sys.stderr)
    settings = current_settings()
    logs.set_up(sys.stderr, files=logfiles.files_in(settings.log_folder, "command"))
    return settings


def operator(our: Tools) -> Origin:
    """Who acts: whoever came with a database login of their own, by its name; else the operator. Raises SettingsError."""
    from service.store import database
    from service.store.journal import Origin

    with our.engine.connect() as connection:
        name = database.login(connection)
    if name in our.settings.shared_logins:
        return Origin("operator")
    if not formats.matches(formats.LOGIN, name):
        raise SettingsError(
            "the database login's name cannot stand in the journal: a-z and _, with at most six digits in one place"
        )
    return Origin(f"login:{name}")
