"""Reviews that people owe: list them, say that one was done."""

from __future__ import annotations

import argparse

from service.cardguard.formats import REVIEWS
from service.cli.common import FINE, FOUND, Commands, operator, say, tools


def register(commands: Commands) -> None:
    """Add `reviews`."""
    group = commands.group("reviews", "what people look over every six months", "list|done")
    group.add("list", list_reviews)
    group.add("done", done).add_argument("name", metavar="NAME", choices=REVIEWS)


def list_reviews(arguments: argparse.Namespace) -> int:
    """When each was done last, and is due; exit status 1 if one is overdue."""
    from service.store import reviews

    with tools().engine.connect() as connection:
        found = reviews.standing(connection)
    rows = [
        {
            "name": one.name,
            "done_at": one.done_at.isoformat(timespec="seconds") if one.done_at else None,
            "due_at": one.due_at.isoformat(timespec="seconds"),
            "overdue": one.overdue,
        }
        for one in found
    ]
    lines = [
        f"{row['name']:16} {'overdue since' if row['overdue'] else 'due'} {row['due_at']}, done {row['done_at'] or 'never'}"
        for row in rows
    ]
    say(arguments, rows, "\n".join(lines))
    return FOUND if any(one.overdue for one in found) else FINE


def done(arguments: argparse.Namespace) -> int:
    """Say that you have looked everything over."""
    from service.store import reviews

    our = tools()
    with our.engine.begin() as connection:
        review = reviews.record(connection, arguments.name, operator(our))
    say(arguments, {"id": review.id, "name": review.name}, f"{review.name} done")
    return FINE
