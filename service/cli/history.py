"""The past of an account or of a record: show, and put back. Without --apply nothing is put back."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from service.cli.common import FINE, FOUND, Commands, complain, operator, say, tools

if TYPE_CHECKING:
    from service.billing.repair.restoring import Change, Restored
    from service.store.history import Standing

#: What is said where nothing was put back; the row it is about stands behind it.
REFUSED = {
    "unknown": "nothing of that name was there at that moment",
    "right": "a grant does not come back: ask for another",
    "account_erased": "the account was erased, and a recovery has brought it back: `accounts erase --again`",
    "in_future": "that moment is to come",
    "subscription_exists": "the account has a newer live or undecided subscription; one of the two has to end first",
    "taken": "another row has its place",
}


def register(commands: Commands) -> None:
    """Add `history`."""
    group = commands.group("history", "rows as they were", "show|restore")
    for name, command in (("show", show), ("restore", restore)):
        parser = group.add(name, command)
        parser.add_argument("name", metavar="ACCOUNT|RECORD_ID", type=_name)
        parser.add_argument(
            "--at", metavar="MOMENT", type=_moment, required=name == "restore",
            help="with its zone, as 2027-04-17T12:00:00Z, by the database's clock",
        )  # fmt: skip
    parser.add_argument("--apply", action="store_true", help="do it; without, say what would be done")
    parser.add_argument(
        "--reason", choices=("mistake", "fault", "drill"), default="mistake", help="what the entries say"
    )


def _name(text: str) -> str:
    from service.cardguard import formats

    if not formats.is_account(text):
        raise argparse.ArgumentTypeError("expected an account or the id of a record")
    return text


def _moment(text: str) -> datetime:
    from service.cardguard import formats

    found = formats.moment(text)
    if found is None:
        raise argparse.ArgumentTypeError("expected a moment with its zone")
    return found


def show(arguments: argparse.Namespace) -> int:
    """Every row of an account or an id as it stood at a moment, or last; deleted ones too."""
    from service.billing.repair import restoring

    with tools().engine.connect() as connection:
        found = restoring.known(connection, arguments.name, arguments.at)
    say(arguments, [_row(one) for one in found], "\n".join(map(_line, found)) or "nothing is known of that name")
    return FINE if found else FOUND


def _row(one: Standing) -> dict[str, Any]:
    return {
        "table": one.kind, "id": one.subject, "account": one.account, "deleted": one.gone, "entry": one.entry,
        "since": _text(one.at), "act": one.act, "actor": one.actor, "row": _told(one),
    }  # fmt: skip


def _told(one: Standing) -> dict[str, Any]:
    from service.store.journal import plain
    from service.store.putting_back import UNTOLD

    return {name: plain(value) for name, value in one.values.items() if value is not None and name not in UNTOLD}


def _line(one: Standing) -> str:
    columns = " ".join(
        f"{name}={value}" for name, value in _told(one).items() if value not in {one.subject, one.account}
    )
    state = "deleted" if one.gone else "there"
    return f"{one.kind}  {one.subject}  {state} since {_text(one.at)} (entry {one.entry}, {one.act} by {one.actor})\n  {columns}"


def _text(moment: datetime) -> str:
    from service.store.journal import plain

    return str(plain(moment))


def restore(arguments: argparse.Namespace) -> int:
    """Put back the rows that were deleted or changed since a moment, in one transaction, and have BlueSnap asked."""
    from service.billing.repair import restoring

    our = tools()
    origin = replace(operator(our), reason=arguments.reason)
    try:
        done = restoring.restore(our, arguments.name, arguments.at, apply=arguments.apply, origin=origin)
    except restoring.RestoreRefusedError as refused:
        about = f": {refused.row.kind} {refused.row.subject}" if refused.row is not None else ""
        return complain(f"nothing was put back: {REFUSED[refused.word]}{about}")
    say(arguments, _report(done), "\n".join(_lines(done)))
    return FOUND if done.differs and not done.applied else FINE


def _report(done: Restored) -> dict[str, Any]:
    return {
        "at": _text(done.at),
        "applied": done.applied,
        "rows": [
            {
                "table": one.kind, "id": one.subject, "account": one.account, "does": one.does, "notes": list(one.notes),
                "columns": {name: {"now": now, "then": then} for name, (now, then) in one.columns.items()},
            }
            for one in done.changes
        ],
        "later": [{"table": one.kind, "id": one.subject} for one in done.later],
        "looks": done.looks,
    }  # fmt: skip


def _lines(done: Restored) -> list[str]:
    lines = [line for one in done.changes for line in _of_change(one)]
    lines += [f"{one.kind}  {one.subject}  came later and stays" for one in done.later]
    if not done.differs:
        return [*lines, "all of it is as it was"]
    asked = f"BlueSnap is asked about {', '.join(done.looks)}" if done.looks else "there is nothing to ask BlueSnap"
    return [*lines, asked, "put back" if done.applied else "nothing was done; with --apply this is put back"]


def _of_change(one: Change) -> list[str]:
    lines = [f"{one.kind}  {one.subject}  {one.does}"]
    if one.does == "update":
        lines += [f"  {name}: {_or_nothing(now)} -> {_or_nothing(then)}" for name, (now, then) in one.columns.items()]
    return lines + [f"  {note}" for note in one.notes]


def _or_nothing(value: object) -> str:
    return "-" if value is None else str(value)
