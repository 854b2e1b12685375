"""The repair of one difference, after reading BlueSnap once more: each a transaction of its own, which leaves alone what has moved meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection

from service.billing.incidents import second_subscription
from service.billing.life import following, looks
from service.billing.repair.sweep_rules import TERMS, Row, Rule, absent, compare, compare_charges, task_of, unknown
from service.billing.tasks import open_task
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.errors import NotFound, Rejected
from service.store import accounts, signups, subscriptions, sweeps
from service.store.journal import Origin
from service.store.models import Subscription

log = structlog.get_logger()


@dataclass(frozen=True)
class Finding:
    """All that one subscription at BlueSnap differs in. `subscription` is our id; `new` says whether repairing it would write anything."""

    reference: str
    subscription: str | None
    rows: tuple[Row, ...]
    new: bool


def repair(tools: Tools, origin: Origin, finding: Finding) -> list[Row]:
    """The differences that were still there, and which of them are gone now. One moment holds for all of it. Raises BlueSnapError."""
    now = tools.clock()
    tools = replace(tools, clock=lambda: now)
    if finding.subscription is None:
        rows = _repair_unknown(tools, origin, finding.reference)
    else:
        rows = _repair_ours(tools, origin, finding.subscription)
    for row in rows:
        about = {
            "account": row.account,
            "subscription": row.subscription,
            "reason": row.difference,
            "rule": row.rule.value,
        }
        if row.repaired:
            log.info("sweep.repaired", **about)
        else:
            log.info("sweep.left", **about)
    return rows


def _repair_ours(tools: Tools, origin: Origin, subscription_id: str) -> list[Row]:
    with tools.engine.connect() as connection:
        before = accounts.subscription(connection, subscription_id)
    try:
        reading = looks.read(tools, before)
    except NotFound as error:
        if _is_there(tools, before):
            raise Rejected(error.cause) from None  # what is not shown is one of its payments, which proves nothing
        return [_put_before_a_person(tools, origin, absent(before))]
    with tools.engine.begin() as connection:
        ours = subscriptions.locked(connection, subscription_id) or before
        rows = _differences(connection, tools, ours, reading)
        if ours.version != before.version:
            return rows  # somebody changed it while we were reading: what we read is old
        return _settle(connection, tools, ours, reading, rows=rows, origin=origin) if rows else []


def _settle(
    connection: Connection, tools: Tools, ours: Subscription, reading: looks.Reading, *, rows: list[Row], origin: Origin
) -> list[Row]:
    """The one way of repairs, then a look at what is left."""
    looks.record(connection, ours, reading, source="sweep", tools=tools)
    if ours.status in accounts.LIVE and any(row.rule is not Rule.RECORD_CHARGE for row in rows):
        ours = following.follow(connection, tools, ours, found=reading.found, origin=origin)
    still = {(row.reference, row.difference) for row in _differences(connection, tools, ours, reading)}
    repaired = [replace(row, repaired=(row.reference, row.difference) not in still) for row in rows]
    for row in repaired:
        if not row.repaired and row.rule is not Rule.OURS_WINS and row.difference not in TERMS:
            _ask(connection, origin, row, reading.found)
    return repaired


def _differences(connection: Connection, tools: Tools, ours: Subscription, reading: looks.Reading) -> list[Row]:
    return compare(connection, tools, ours, reading.found) + compare_charges(connection, ours, reading.paid)


def _repair_unknown(tools: Tools, origin: Origin, reference: str) -> list[Row]:
    try:
        found = tools.bluesnap.get_subscription(reference)
    except NotFound:
        return []
    with tools.engine.begin() as connection:
        signup = sweeps.expecting(connection, [found.shopper_id or ""]).get(found.shopper_id or "")
        if accounts.subscription_of_provider(connection, reference) is not None:
            return []
        _, row = unknown(connection, tools, found, signup)
        if row is None:
            return []
        if row.rule is Rule.ASK_A_PERSON or signup is None:
            _ask(connection, origin, row, found)
            return [row]
        if sweeps.is_held(connection, signup):
            signups.wake(connection, signup)
        return [replace(row, repaired=True)]


def _is_there(tools: Tools, ours: Subscription) -> bool:
    try:
        tools.bluesnap.get_subscription(ours.provider_subscription or "")
    except NotFound:
        return False
    return True


def _put_before_a_person(tools: Tools, origin: Origin, row: Row) -> Row:
    with tools.engine.begin() as connection:
        _ask(connection, origin, row)
    return row


def _ask(connection: Connection, origin: Origin, row: Row, found: payloads.Subscription | None = None) -> None:
    """Once and for all; with what BlueSnap would charge. A second live subscription is an incident."""
    attempt = signups.get(connection, row.signup) if row.signup is not None else None
    if attempt is not None and found is not None:
        second_subscription(connection, attempt, [found], by="sweep", origin=origin)
        return
    priced = found is not None and None not in {found.amount, found.currency}
    open_task(
        connection, task_of(row), origin, subject=row.subscription, reference=row.reference, account=row.account,
        amount=found.amount if found is not None and priced else None,
        currency=found.currency if found is not None and priced else None,
    )  # fmt: skip
