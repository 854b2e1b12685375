"""How far this machine's clock is from the database's. It measures and tells; it must never correct a time, nor be asked for one.

Leases, grants and the journal are on the database's clock, periods and the freshness of notices on this machine's: apart they contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from service.billing.tools import Tools
from service.store import database
from service.telemetry import metrics

#: From so far apart a person must know; and from so far apart a process is not ready (decision 0025).
APART, REFUSED = timedelta(seconds=2), timedelta(seconds=30)
log = structlog.get_logger()


@dataclass(frozen=True)
class Offset:
    """By how much another clock is ahead of this machine's, and how far that may be wrong."""

    ahead: timedelta
    uncertain: timedelta

    @property
    def at_least(self) -> timedelta:
        """How far they are apart for certain."""
        return max(abs(self.ahead) - self.uncertain, timedelta(0))


def measured(tools: Tools, connection: Connection) -> Offset:
    """How far the database's clock is ahead, shown among the metrics as well. It is read somewhen between question and answer: the middle is the best guess."""
    database.now(connection)  # the first statement of a connection may wait for it to be made
    before = tools.machine_clock()
    told = database.now(connection)
    half = (tools.machine_clock() - before) / 2
    offset = Offset(told - (before + half), abs(half))
    metrics.CLOCK_SKEW.set(offset.at_least.total_seconds())
    return offset


def compare(tools: Tools) -> None:
    """A part of the worker's round: say it where they are apart."""
    with tools.engine.connect() as connection:
        offset = measured(tools, connection)
    if offset.at_least > APART:
        log.error("clock.apart", count=round(offset.at_least.total_seconds()))
