"""Events to the platform: list, show, send again."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from service.cli.common import FINE, FOUND, Commands, operator, say, tools

if TYPE_CHECKING:
    from service.store.models import Event

USUAL = 50
#: As store/events.py has them, which the help must not wait for.
STATES = ("pending", "delivered", "failed")


def register(commands: Commands) -> None:
    """Add `events`."""
    events = commands.group("events", "what the platform is told", "list|show|resend")
    listing = events.add("list", list_events)
    listing.add_argument("--state", choices=STATES, help="only these")
    listing.add_argument(
        "--last", type=_count, default=USUAL, metavar="N", help=f"how many at most, {USUAL} by default"
    )
    events.add("show", show_event).add_argument("id", metavar="ID")
    which = events.add("resend", resend_events).add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="ID")
    which.add_argument("--failed", action="store_true", help="all that have failed")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError("must be a number from 1 to 10000")
    return int(text)


def list_events(arguments: argparse.Namespace) -> int:
    """The newest events, oldest first; exit status 1 if one of them has failed."""
    from service.store import events

    with tools().engine.connect() as connection:
        found = events.listed(connection, arguments.state, arguments.last)
    lines = [
        f"{event.id}  {event.state:9}  {event.attempts}  {event.type}  {event.account or '-'}  {event.cause or ''}".rstrip()
        for event in found
    ]
    say(arguments, [_row(event) for event in found], "\n".join(lines) or "no events")
    return FOUND if any(event.state == events.FAILED for event in found) else FINE


def show_event(arguments: argparse.Namespace) -> int:
    """One event, with the body that is sent."""
    from service.billing.telling import body_of
    from service.store import events

    with tools().engine.connect() as connection:
        event = events.get(connection, arguments.id) if _is_id(arguments.id) else None
        body = json.loads(body_of(events.entry_of(connection, event))) if event is not None else None
    if event is None:
        say(arguments, None, "no such event")
        return FOUND
    row = _row(event) | {"body": body}
    say(arguments, row, "\n".join(f"{name:13} {_word(value)}" for name, value in row.items()))
    return FINE


def resend_events(arguments: argparse.Namespace) -> int:
    """Send one event again, or all that have failed, whatever became of it before."""
    from service.store import events

    count = 0
    if arguments.failed or _is_id(arguments.id):
        our = tools()
        with our.engine.begin() as connection:
            count = events.resend(connection, operator(our), event_id=arguments.id)
    nothing = "no event has failed" if arguments.failed else "no such event"
    say(arguments, {"resent": count}, f"{count} to be sent again" if count else nothing)
    return FINE if count else FOUND


def _is_id(text: str) -> bool:
    from service.cardguard import formats

    return formats.matches(formats.OUR_ID, text)


def _row(event: Event) -> dict[str, Any]:
    moments = {"next_at": event.next_at, "delivered_at": event.delivered_at, "created_at": event.created_at}
    return {
        **{
            name: getattr(event, name)
            for name in ("id", "type", "account", "entry", "state", "attempts", "status", "cause")
        },
        **{name: moment.isoformat(timespec="seconds") if moment else None for name, moment in moments.items()},
    }


def _word(value: Any) -> str:
    if value is None:
        return "-"
    return json.dumps(value) if isinstance(value, dict) else str(value)
