"""The sweep: every subscription of BlueSnap's against ours, in both directions. The safety net under notices and looks; it must never repair beyond its limit.

It counts first and repairs after, so that a sweep that stops has repaired nothing (docs/decisions/0014).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import structlog

from service.billing.repair.sweep_count import Charges, Count, Scope
from service.billing.repair.sweep_rules import Row
from service.billing.repair.sweep_steps import Finding, repair
from service.billing.tools import Tools
from service.errors import BlueSnapError, Refusal
from service.store import rounds, sweeps
from service.store.journal import Origin
from service.telemetry import metrics

log = structlog.get_logger()
WORKER = Origin("worker")
#: A sweep may repair so many subscriptions, or so many in a hundred of those compared, whichever is more.
FEW, PERCENT = 20, 1


@dataclass(frozen=True)
class Report:
    """How a sweep ended: clean, found (and nothing was ordered), repaired, left (not all of it), stopped at its limit, or busy (another one runs).

    `compared` counts our live subscriptions, `listed` BlueSnap's, `differing` those that a repair would write about, `unread` failed
    readings; `passed_over` counts, by the reason, subscriptions that only BlueSnap has and that are no difference.
    """

    outcome: str
    rows: list[Row] = field(default_factory=list)
    compared: int = 0
    listed: int = 0
    differing: int = 0
    limit: int = 0
    unread: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)


def sweep(
    tools: Tools, *, apply: bool, most: int | None, origin: Origin, charges: Charges = Charges.DIFFERING
) -> Report:
    """Compare and, with `apply`, repair unless more than the limit differ; `most` is another limit. Raises BlueSnapError."""
    with sweeps.alone(tools.engine) as alone:
        if not alone:
            return _told(Report("busy"))
        now = tools.clock()
        scope = Scope.at(now, tools.settings.sweep_hours, charges, dry=not apply)
        count = Count(replace(tools, clock=lambda: now), scope)
        try:
            count.run()
            report = _counted(count, most)
            if apply and report.outcome == "found":
                report = _repaired(tools, count, report, origin)
        except BlueSnapError as error:
            metrics.SWEEPS.labels(outcome="failed").inc()
            log.error("sweep.failed", cause=error.cause)  # noqa: TRY400 - the cause says it all
            raise
        return _told(report)


def sweep_on_schedule(tools: Tools) -> None:
    """What the worker does every few hours. It never raises the limit; what fails is told in the log, and comes again."""
    try:
        report = sweep(tools, apply=True, most=None, origin=WORKER, charges=Charges.IN_TURN)
    except BlueSnapError:
        return
    except Refusal as refused:
        log.warning("sweep.failed", code=refused.code.value)
        return
    if report.outcome not in {"stopped", "busy"}:
        with tools.engine.begin() as connection:
            rounds.ended(connection, rounds.SWEEP, len(report.rows))


def _counted(count: Count, most: int | None) -> Report:
    return Report(
        outcome="found" if count.findings or count.unread else "clean",
        rows=[row for finding in count.findings for row in finding.rows],
        compared=count.compared,
        listed=count.listed,
        differing=sum(finding.new for finding in count.findings),
        limit=max(FEW, count.compared * PERCENT // 100) if most is None else most,
        unread=count.unread,
        passed_over=dict(count.passed_over),
    )


def _repaired(tools: Tools, count: Count, report: Report, origin: Origin) -> Report:
    if report.differing > report.limit:
        return replace(report, outcome="stopped")
    rows = [row for finding in count.findings for row in _repair(tools, count, finding, origin)]
    left = count.unread or not all(row.repaired for row in rows)
    outcome = "left" if left else "repaired" if rows else "clean"
    return replace(report, outcome=outcome, rows=rows, unread=count.unread)


def _repair(tools: Tools, count: Count, finding: Finding, origin: Origin) -> list[Row]:
    rows = count.attempt(lambda: repair(tools, origin, finding), finding.subscription)
    return list(finding.rows) if rows is None else rows


def _told(report: Report) -> Report:
    for row in report.rows:
        metrics.SWEEP_DIFFERENCES.labels(rule=row.rule.value).inc()
    metrics.SWEEPS.labels(outcome=report.outcome).inc()
    if report.outcome == "stopped":
        log.error("sweep.stopped", count=report.differing)
    log.info("sweep.ended", outcome=report.outcome, count=report.differing)
    return report
