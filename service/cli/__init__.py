"""The operator's door. Exit status 0: fine; 1: something was found; 2: could not run. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from service.cli import (
    accounts,
    adopt,
    advisories,
    audit,
    disputes,
    doctor,
    events,
    grants,
    history,
    keys,
    logs,
    notices,
    page,
    people,
    plans,
    refunds,
    reviews,
    secret_keys,
    serving,
    signups,
    sweep,
    tasks,
)
from service.cli.common import FINE, Command, Commands, complain, current_settings
from service.cli.parser import Parser
from service.errors import ArchiveError, SettingsError

__all__ = ["FINE", "current_settings", "main"]
Register = Callable[[Commands], None]


def _parser(work: Command, others: Sequence[Register]) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON")
    parser = Parser(prog="python -m service", description="Panless, for operators.")
    commands = Commands(parser.add_subparsers(required=True, metavar="COMMAND"), common)
    serving.register(commands, work)
    for subject in (
        keys,
        people,
        plans,
        events,
        adopt,
        sweep,
        notices,
        disputes,
        refunds,
        signups,
        tasks,
        accounts,
        audit,
        grants,
        doctor,
        logs,
        page,
        advisories,
        reviews,
        history,
        secret_keys,
    ):
        subject.register(commands)
    for register in others:
        register(commands)
    return parser


def main(work: Command, arguments: Sequence[str] | None = None, *, others: Sequence[Register] = ()) -> int:
    """Run one command. `work` is the worker's door, and `others` add commands of rooms that stand beside this one: each is opened from above."""
    parsed = _parser(work, others).parse_args(arguments)
    from psycopg.errors import InsufficientPrivilege
    from sqlalchemy.exc import OperationalError, ProgrammingError  # after --help, which must not wait for it

    command: Command = parsed.command
    try:
        return command(parsed)
    except SettingsError as error:
        return complain(str(error))
    except ArchiveError as error:
        return complain(
            f"the archive does not answer as it should ({type(error).__name__}); is PANLESS_ARCHIVE_URL right?"
        )
    except OperationalError:
        return complain("the database does not answer; is PANLESS_DATABASE_URL right, and the server running?")
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            return complain(
                "the login of the database lacks a right for this; see docs/operating.md, Roles in the database"
            )
        return complain("the database has not our schema; run `python -m service migrate`")
