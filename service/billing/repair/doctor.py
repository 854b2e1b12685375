"""Looks for what is wrong with a deployment: gathers the facts, here and at BlueSnap, and has them judged. Changes nothing, here or there."""

from __future__ import annotations

from datetime import timedelta

from service.billing import clocks, plans
from service.billing.clocks import Offset
from service.billing.erasure import tombstones
from service.billing.repair import doctor_checks
from service.billing.repair.doctor_checks import Finding, Severity, Silent
from service.billing.tools import Tools
from service.bluesnap.payloads import NotificationConfig
from service.errors import BlueSnapError
from service.store import diagnosis

#: What was to be told in these days should have been, an hour after it happened.
DAYS, PATIENCE = timedelta(days=62), timedelta(hours=1)
#: A worker that is behind by so much does not work.
OVERDUE = timedelta(minutes=15)
HALF_A_SECOND = timedelta(seconds=0.5)
ORDER = [*Severity]


def examine(tools: Tools) -> list[Finding]:
    """Everything that is wrong, the worst first."""
    settings, now = tools.settings, tools.clock()
    config = _config(tools)
    problems = plans.check(tools)
    unknown_here = len(tombstones.unknown_here(tools))
    bluesnap = _bluesnap_offset(tools)
    with tools.engine.connect() as connection:
        untold = diagnosis.untold(connection, diagnosis.Span(now - DAYS, now - PATIENCE))
        arrived = diagnosis.arrived(connection, now - DAYS)
        waiting = diagnosis.waiting(connection, now, OVERDUE)
        database_clock = clocks.measured(tools, connection)
    found = [
        *doctor_checks.signing_keys(settings.webhook_keys, settings.environment),
        *doctor_checks.destinations(config, settings.public_url, settings.environment),
        *doctor_checks.never_arrived(untold, arrived),
        *doctor_checks.clocks(bluesnap, database_clock, timedelta(seconds=settings.notice_window_seconds)),
        *doctor_checks.erasures(unknown_here),
        *doctor_checks.log_archive(settings.log_folder, settings.archive_url),
        *doctor_checks.notice_zone(waiting),
        *doctor_checks.backlog(waiting),
        *doctor_checks.catalogue(problems, len(tools.catalogue.paid)),
        *doctor_checks.environment_sanity(
            settings.environment,
            settings.public_url,
            settings.trusted_hosts,
            idempotency_proven=settings.idempotency_proven,
        ),
    ]
    return sorted(found, key=lambda finding: ORDER.index(finding.severity))


def _config(tools: Tools) -> NotificationConfig | Silent:
    try:
        return tools.bluesnap.get_notification_config()
    except BlueSnapError as error:
        return Silent(error.cause)


def _bluesnap_offset(tools: Tools) -> Offset | Silent:
    """BlueSnap tells whole seconds, and somewhen between question and answer: the middle of both is the best guess."""
    before = tools.machine_clock()
    try:
        told = tools.bluesnap.get_clock()
    except BlueSnapError as error:
        return Silent(error.cause)
    half = (tools.machine_clock() - before) / 2
    return Offset(told + HALF_A_SECOND - (before + half), half + HALF_A_SECOND)
