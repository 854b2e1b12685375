"""One round of the worker over rows that are due. A row that cannot be handled must not stop the others, and must never pass for handled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from service.billing.tools import Tools
from service.store.leases import Lease
from service.telemetry import metrics

log = structlog.get_logger()
#: So many in a row are not the rows' fault.
FAILURES = 5


def each(tools: Tools, name: str, lease: Lease[Any], due: Sequence[str], *, act: Callable[[Tools, str], object]) -> int:
    """Handle every row, one after the other; the number of rows. One that fails is told, counted and left until its lease is over.

    The failure decides nothing: whatever was under way has its state in the row, as after the death of a process. Raises it where the
    rows seem not to be the reason.
    """
    failures = 0
    for row_id in due:
        try:
            act(tools, row_id)
        except Exception:
            failures += 1
            metrics.ROWS_FAILED.labels(round=name).inc()
            log.exception("round.row_failed", reason=name, subject=row_id)
            with tools.engine.begin() as connection:
                lease.put_off(connection, row_id, tools.settings.lease_seconds)
            if failures >= FAILURES:
                raise
        else:
            failures = 0
    return len(due)
