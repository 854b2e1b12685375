"""Matters for a person: list, give an overcharge back, say that one is done or dismissed."""

from __future__ import annotations

import argparse
import uuid
from typing import Any

from service.cli.common import FINE, FOUND, Commands, complain, operator, say, tools


def register(commands: Commands) -> None:
    """Add `tasks`."""
    group = commands.group("tasks", "what only a person may decide", "list|refund|done|dismiss")
    group.add("list", list_tasks).add_argument("--all", action="store_true", help="those that are closed, too")
    group.add("refund", refund_overcharge).add_argument("id", metavar="ID")
    group.add("done", done).add_argument("id", metavar="ID")
    group.add("dismiss", dismiss).add_argument("id", metavar="ID")


def list_tasks(arguments: argparse.Namespace) -> int:
    """Open matters, the oldest first; exit status 1 if there are any."""
    from service.store import tasks

    states = ("open", "done", "dismissed") if arguments.all else ("open",)
    with tools().engine.connect() as connection:
        found = tasks.listed(connection, states)
    rows: list[dict[str, Any]] = [
        {
            "id": task.id,
            "kind": task.kind,
            "state": task.state,
            "account": task.account,
            "subject": task.subject,
            "reference": task.reference,
            "amount": None if task.amount is None else f"{task.amount.normalize():f}",
            "currency": task.currency,
            "opened_at": task.opened_at.isoformat(timespec="seconds"),
        }
        for task in found
    ]
    lines = ["  ".join(str(value) for value in row.values() if value is not None) for row in rows]
    say(arguments, rows, "\n".join(lines) or "nothing waits for a person")
    return FOUND if any(row["state"] == "open" for row in rows) else FINE


def refund_overcharge(arguments: argparse.Namespace) -> int:
    """Give back what was charged above the agreed price, and close the matter."""
    from service.billing import tasks
    from service.billing.money import refunds
    from service.cardguard import formats
    from service.errors import Refusal
    from service.store import tasks as rows

    our = tools()
    origin = operator(our)
    known = formats.matches(formats.OUR_ID, arguments.id)
    with our.engine.connect() as connection:
        task = rows.get(connection, arguments.id) if known else None
    if task is None or task.state != "open" or task.kind != "overcharge" or task.subject is None:
        say(arguments, {"refunded": False}, "no such open task of kind overcharge")
        return FOUND
    key = uuid.uuid5(uuid.NAMESPACE_OID, task.id)  # once for this matter, however often it is ordered
    order = refunds.Order(task.amount, "other", cancel_subscription=False, currency=task.currency, key=key)
    try:
        refund = refunds.order(our, origin, task.subject, order)
    except Refusal as refused:
        return complain(f"not refunded: {refused.code.value}")
    with our.engine.begin() as connection:
        tasks.close(connection, task.id, "done", origin)
    say(arguments, {"refunded": True, "refund": refund.id, "status": refund.status}, f"{refund.id} {refund.status}")
    return FINE


def done(arguments: argparse.Namespace) -> int:
    """Say that a matter has been settled."""
    return _close(arguments, "done")


def dismiss(arguments: argparse.Namespace) -> int:
    """Say that nothing is to be done about a matter."""
    return _close(arguments, "dismissed")


def _close(arguments: argparse.Namespace, state: str) -> int:
    from service.billing import tasks
    from service.cardguard import formats

    known = formats.matches(formats.OUR_ID, arguments.id)
    our = tools()
    with our.engine.begin() as connection:
        closed = tasks.close(connection, arguments.id, state, operator(our)) if known else None
    say(arguments, {"closed": closed is not None}, state if closed else "no such open task")
    return FINE if closed is not None else FOUND
