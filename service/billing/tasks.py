"""What only a person may decide is put before one: listed, decided, never decided by itself. A matter is opened once, for ever."""

from __future__ import annotations

from decimal import Decimal

import structlog
from sqlalchemy import Connection

from service.store import changes, database, tasks
from service.store.ids import new_id
from service.store.journal import Act, Origin, append
from service.store.models import Task
from service.telemetry import metrics

log = structlog.get_logger()


def open_task(
    connection: Connection,
    kind: str,
    origin: Origin,
    *,
    subject: str | None = None,
    reference: str | None = None,
    account: str | None = None,
    amount: Decimal | None = None,
    currency: str | None = None,
) -> bool:
    """Put a matter before a person. False if it was there already, open or closed."""
    task = Task(
        id=new_id("tk"), kind=kind, subject=subject, reference=reference, account=account, amount=amount, currency=currency,
        state="open", opened_at=database.now(connection), closed_at=None,
    )  # fmt: skip
    if not tasks.add(connection, task):
        return False
    append(connection, Act.TASK_OPENED, task, origin)
    metrics.TASKS.labels(kind=kind).inc()
    log.error("task.opened", task=task.id, account=account, reason=kind)
    return True


def close(connection: Connection, task_id: str, state: str, origin: Origin) -> Task | None:
    """A person has decided: `done` or `dismissed`. None if there is no such open task."""
    task = tasks.get(connection, task_id, lock_row=True)
    if task is None or task.state != "open":
        return None
    return changes.change(connection, task, Act.TASK_CLOSED, origin, state=state, closed_at=database.now(connection))
