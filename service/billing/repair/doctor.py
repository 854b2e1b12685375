"""Looks for what is wrong with a deployment: gathers the facts, here and at BlueSnap, and has them judged. Changes nothing, here or there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from service.billing import plans
from service.billing.repair import doctor_checks
from service.billing.repair.doctor_checks import Finding, Offset, Severity, Silent
from service.billing.tools import Tools
from service.bluesnap.payloads import NotificationConfig
from service.errors import BlueSnapError
from service.store import database, diagnosis

#: What was to be told in these days should have been, an hour after it happened.
DAYS, PATIENCE = timedelta(days=62), timedelta(hours=1)
#: A worker that is behind by so much does not work.
OVERDUE = timedelta(minutes=15)
HALF_A_SECOND = timedelta(seconds=0.5)
ORDER = [*Severity]


def examine(tools: Tools, machine_clock: Callable[[], datetime]) -> list[Finding]:
    """Everything that is wrong, the worst first. `machine_clock` reads the time of this machine, whatever clock business runs on."""
    settings, now = tools.settings, tools.clock()
    config = _config(tools)
    problems = plans.check(tools)
    bluesnap = _bluesnap_offset(tools, machine_clock)
    with tools.engine.connect() as connection:
        untold = diagnosis.untold(connection, diagnosis.Span(now - DAYS, now - PATIENCE))
        arrived = diagnosis.arrived(connection, now - DAYS)
        waiting = diagnosis.waiting(connection, now, OVERDUE)
    found = [
        *doctor_checks.signing_keys(settings.webhook_keys, settings.environment),
        *doctor_checks.destinations(config, settings.public_url, settings.environment),
        *doctor_checks.never_arrived(untold, arrived),
        *doctor_checks.clocks(
            bluesnap, _database_offset(tools, machine_clock), timedelta(seconds=settings.notice_window_seconds)
        ),
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


def _bluesnap_offset(tools: Tools, machine_clock: Callable[[], datetime]) -> Offset | Silent:
    """BlueSnap tells whole seconds, and somewhen between question and answer: the middle of both is the best guess."""
    before = machine_clock()
    try:
        told = tools.bluesnap.get_clock()
    except BlueSnapError as error:
        return Silent(error.cause)
    half = (machine_clock() - before) / 2
    return Offset(told + HALF_A_SECOND - (before + half), half + HALF_A_SECOND)


def _database_offset(tools: Tools, machine_clock: Callable[[], datetime]) -> Offset:
    with tools.engine.connect() as connection:
        database.now(connection)  # the first statement of a connection may wait for it to be made
        before = machine_clock()
        told = database.now(connection)
        half = (machine_clock() - before) / 2
    return Offset(told - (before + half), half)
