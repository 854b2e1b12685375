"""The first half of a sweep: what differs between BlueSnap's whole list and ours. Asks BlueSnap and reads our records; changes nothing.

What is held of BlueSnap's list is one page, and a number for each subscription of ours that it showed.
"""

from __future__ import annotations

import enum
import zlib
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from service.billing.repair.sweep_rules import (
    AFTERMATH,
    Row,
    absent,
    alarm_of,
    compare,
    compare_charges,
    is_new,
    unknown,
)
from service.billing.repair.sweep_steps import Finding
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.errors import BlueSnapError, NotFound
from service.store import sweeps
from service.store.accounts import LIVE
from service.store.models import Subscription
from service.telemetry import metrics

log = structlog.get_logger()
PAGE = 500
#: A reading may fail; so many in a row mean that BlueSnap does not answer.
FAILURES = 5
ALARMS = {
    "paid_there_inactive_here": metrics.PAID_THERE_INACTIVE_HERE,
    "active_here_unpaid_there": metrics.ACTIVE_HERE_UNPAID_THERE,
}
T = TypeVar("T")


class Charges(enum.Enum):
    """Whose charges are compared: of those that differ, besides of those whose turn it is, or of all."""

    DIFFERING = "differing"
    IN_TURN = "in_turn"
    ALL = "all"


@dataclass(frozen=True)
class Scope:
    """What one sweep reads. `turn` is the number of this one and how many make a day; `dry`: nothing will be repaired, so nothing is read twice."""

    charges: Charges
    turn: tuple[int, int]
    dry: bool

    @classmethod
    def at(cls, now: datetime, hours: int, charges: Charges, *, dry: bool) -> Scope:
        """The scope of a sweep at that moment, when one begins every so many hours: each subscription's turn comes once a day."""
        turns = max(1, 24 // hours)
        return cls(charges, (int(now.timestamp() // 3_600 // hours) % turns, turns), dry)

    def lists_charges(self, ours: Subscription, *, differs: bool) -> bool:
        """Whether this subscription's charges are read while counting. The repair reads those of what differs."""
        if differs:
            return self.dry
        if self.charges is not Charges.IN_TURN:
            return self.charges is Charges.ALL
        turn, turns = self.turn
        return zlib.crc32(ours.id.encode()) % turns == turn


@dataclass
class Count:
    """What is found. `compared` counts ours, `listed` BlueSnap's, `unread` failed readings, `passed_over` what only BlueSnap has and is no difference."""

    tools: Tools
    scope: Scope
    compared: int = 0
    listed: int = 0
    unread: int = 0
    findings: list[Finding] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    _seen: set[int] = field(default_factory=set)
    _failures: int = 0

    def run(self) -> None:
        """Compare everything, in both directions. Raises BlueSnapError."""
        listed = self.tools.bluesnap.iterate_subscriptions()
        while page := list(islice(listed, PAGE)):
            self.listed += len(page)
            for ours, rows in self._compare_page(page):
                self._add(ours, rows)
        after = ""
        while batch := self._live_after(after):
            after = batch[-1].id
            for ours in batch:
                if int(ours.provider_subscription or 0) not in self._seen:
                    self._compare_one(ours)

    def attempt(self, read: Callable[[], list[T]], ours: str | None) -> list[T] | None:
        """What was read, None if that failed. Raises BlueSnapError once too many failed in a row."""
        try:
            answer = read()
        except BlueSnapError as error:
            self._failures += 1
            self.unread += 1
            log.warning("sweep.unread", subscription=ours, cause=error.cause)
            if self._failures >= FAILURES:
                raise
            return None
        self._failures = 0
        return answer

    def _live_after(self, after: str) -> list[Subscription]:
        with self.tools.engine.connect() as connection:
            return sweeps.live_after(connection, after, PAGE)

    def _compare_page(self, page: Collection[payloads.Subscription]) -> list[tuple[Subscription, list[Row]]]:
        pairs = []
        with self.tools.engine.connect() as connection:
            # signups first: one that becomes a subscription between the two readings is then seen as either
            signups = sweeps.expecting(connection, {found.shopper_id for found in page if found.shopper_id})
            known = sweeps.of_providers(connection, {found.subscription_id for found in page})
            for found in page:
                ours = known.get(found.subscription_id)
                if ours is None:
                    word, row = unknown(connection, self.tools, found, signups.get(found.shopper_id or ""))
                    self._add_unknown(connection, found.subscription_id, word, row)
                elif int(found.subscription_id) not in self._seen:
                    self._seen.add(int(found.subscription_id))
                    pairs.append((ours, compare(connection, self.tools, ours, found)))
                    self._raise_alarm(ours, found)
        return pairs

    def _compare_one(self, ours: Subscription) -> None:
        """One that the list did not show."""
        shown = self.attempt(lambda: _shown(self.tools, ours), ours.id)
        if shown is None:
            return
        rows = [] if shown else [absent(ours)]
        for found in shown:
            with self.tools.engine.connect() as connection:
                rows = compare(connection, self.tools, ours, found)
            self._raise_alarm(ours, found)
        self._add(ours, rows)

    def _add(self, ours: Subscription, rows: list[Row]) -> None:
        """What one of ours differs in, with its charges if it is to be known now."""
        live = ours.status in LIVE
        self.compared += live
        recent = live or (ours.ended_at is not None and ours.ended_at > self.tools.clock() - AFTERMATH)
        paid: list[payloads.Charge] | None = []
        if recent and self.scope.lists_charges(ours, differs=bool(rows)):
            reference = ours.provider_subscription or ""
            paid = self.attempt(lambda: self.tools.bluesnap.list_charges(reference), ours.id)
        with self.tools.engine.connect() as connection:
            rows += compare_charges(connection, ours, paid or [])
            if rows:
                new = any(is_new(connection, row) for row in rows)
                self.findings.append(Finding(ours.provider_subscription or "", ours.id, tuple(rows), new))

    def _add_unknown(self, connection: Connection, reference: str, word: str, row: Row | None) -> None:
        if row is None:
            self.passed_over[word] += 1
        else:
            self.findings.append(Finding(reference, None, (row,), is_new(connection, row)))

    def _raise_alarm(self, ours: Subscription, found: payloads.Subscription) -> None:
        alarm = alarm_of(self.tools, ours, found)
        if alarm is not None:
            ALARMS[alarm].inc()
            log.error("sweep.alarm", subscription=ours.id, account=ours.account, reason=alarm)


def _shown(tools: Tools, ours: Subscription) -> list[payloads.Subscription]:
    """The subscription at BlueSnap, if it is there."""
    try:
        return [tools.bluesnap.get_subscription(ours.provider_subscription or "")]
    except NotFound:
        return []
