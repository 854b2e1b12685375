"""The daily work on the archived log. The review reads yesterday out of the archive, counts by rules, checks that nothing was changed there, writes a report, and puts before a
person what is above a limit. It sees listed fields only, so a report can hold nothing private.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any

import structlog

from service.archive import Archive, checking, logs, pruning, reading
from service.audit import signing
from service.billing.repair.log_rules import ENTRY, Count, counts
from service.billing.tasks import open_task
from service.billing.tools import Tools
from service.errors import ArchiveError
from service.store import entries
from service.store.journal import Origin

NAME = "review_logs"
#: Each hour, so that a worker that was not there at midnight does it later; a day is reviewed once.
CRON = "17 * * * *"
#: A worker that was away for longer leaves the days before unread: the review says so by its age.
DAYS = 7
WORKER = Origin("worker")
log = structlog.get_logger()


def review_due(tools: Tools) -> bool:
    """Review the days that nobody has, the oldest first. Whether one was, and the last is done."""
    archive, today = tools.archive, tools.machine_clock().date()
    if archive is None:
        return False
    due = [today - timedelta(days=back) for back in range(DAYS, 0, -1)]
    try:
        done = archive.names("reviews/")
        first = done[0] if done else _name(due[-1])  # what was before the first review is nobody's any more
        days = [day for day in due if _name(day) >= first and _name(day) not in done]
        for day in days:
            _review(tools, archive, day)
    except ArchiveError as error:
        log.warning("logs.not_reviewed", error=type(error).__name__)
        return False
    return bool(days)


def prune_old(tools: Tools) -> bool:
    """Remove what is older than the setting. Whether that was done."""
    if tools.archive is None:
        return False
    before = tools.machine_clock() - timedelta(days=tools.settings.log_archive_days)
    try:
        signer = signing.of(tools.settings)
        pruning.prune(tools.archive, before.date(), signer.vouch if signer.can_sign else None)
    except ArchiveError as error:
        log.warning("logs.not_pruned", error=type(error).__name__)
        return False
    return True


def _name(day: date) -> str:
    return f"reviews/{day.isoformat()}.json"


def _review(tools: Tools, archive: Archive, day: date) -> None:
    begin = datetime.combine(day, time(), UTC)
    span = reading.Span(begin, begin + timedelta(days=1), tools.machine_clock())
    total, counted = counts(chain(reading.records(archive, span), _entries(tools, span)))
    verifier = signing.of(tools.settings).verifier
    doubt = verifier.doubts if verifier.keys else None
    checked = [checking.check(archive, host, day, span.now.date(), doubt=doubt) for host in logs.hosts(archive)]
    damaged = sum(len(one.findings) for one in checked)
    passed = [one for one in counted if one.passed]
    for one in passed:
        _put_before_a_person(tools, day, one.rule.word, one.of)
    if damaged:
        _put_before_a_person(tools, day, "log_damaged", None)
    report = {
        "day": day.isoformat(),
        "records": total,
        "counts": [_row(one) for one in counted],
        "hosts": [{"host": one.host, "head": one.head, "findings": len(one.findings)} for one in checked],
    }
    archive.put_once(_name(day), logs.written(report))
    log.info("logs.reviewed", count=total, outcome="passed" if passed or damaged else "quiet")


def _row(one: Count) -> dict[str, Any]:
    return {"rule": one.rule.word, "of": one.of, "number": one.number, "most": one.rule.most}


def _entries(tools: Tools, span: reading.Span) -> Iterator[dict[str, Any]]:
    with tools.engine.connect() as connection:
        acts = entries.acts_between(connection, span.since, span.until)
    for act, number in acts.items():
        yield from ({"event": ENTRY, "act": act} for _ in range(number))


def _put_before_a_person(tools: Tools, day: date, word: str, of: str | None) -> None:
    """Once for a rule and a day, and for each whose records they are."""
    with tools.engine.begin() as connection:
        open_task(connection, f"review_{word}", WORKER, subject=of, reference=f"{day:%Y%m%d}")
