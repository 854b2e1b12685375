"""When a private copy is at rest: no job, no transaction, no notice on its way, and nothing that grows. Must never take a pause of fixed length for rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg

#: What our own connections call themselves: they are no work of the service.
OURS = "evidence"
SETTLE_SECONDS = 60.0
#: Between two looks at what grows: longer than a line takes from a process to its file.
_LOOK_SECONDS = 0.15
_UNDER_WAY = """
SELECT (SELECT count(*) FROM jobs.procrastinate_jobs
         WHERE status = 'doing' OR (status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()))),
       (SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND backend_type = 'client backend'
           AND application_name <> %(ours)s AND state <> 'idle'),
       (SELECT coalesce(max(defer_timestamp), 0) > %(since)s FROM jobs.procrastinate_periodic_defers)
"""
Lever = Callable[[str], Mapping[str, Any]]


class StandError(Exception):
    """A private copy did not start, or does not come to rest; the text says which part, and why."""


def until(missing: Callable[[], str], seconds: float) -> None:
    """Wait until `missing` has nothing to say. Raises StandError with what it still says at the end of the time."""
    deadline = time.monotonic() + seconds
    while what := missing():
        if time.monotonic() > deadline:
            raise StandError(f"still waited for after {seconds:.0f} s: {what}")
        time.sleep(_LOOK_SECONDS)


def settle(
    connection: psycopg.Connection[Any],
    lever: Lever,
    logs: Path,
    *,
    whole_round: bool = False,
    seconds: float = SETTLE_SECONDS,
) -> None:
    """Wait until nothing is under way, twice in a row; with `whole_round` the worker has also looked for work once more since the call.

    Raises StandError with what does not end within so many seconds.
    """
    since = connection.execute("SELECT extract(epoch FROM now())").fetchone() if whole_round else None
    values = {"ours": OURS, "since": since[0] if since else -1}
    before: object = None

    def moving() -> str:
        nonlocal before
        notices = lever("notices?last=1000")["notices"]
        sizes = {file.name: file.stat().st_size for file in logs.iterdir()}
        last, before = before, (sizes, [(notice["id"], len(notice["deliveries"])) for notice in notices])
        return _under_way(connection, values) or _queued(notices) or ("" if last == before else "logs or notices grow")

    until(moving, seconds)


def _under_way(connection: psycopg.Connection[Any], values: Mapping[str, object]) -> str:
    jobs, transactions, rounds = connection.execute(_UNDER_WAY, values).fetchone() or (0, 0, True)
    if not rounds:
        return "the worker's next round"
    return f"{jobs} jobs, {transactions} transactions" if jobs or transactions else ""


def _queued(notices: list[Mapping[str, Any]]) -> str:
    queued = sum(notice["state"] == "queued" for notice in notices)
    return f"{queued} notices" if queued else ""
