"""Telling the platform what has happened: an event for each entry that it should know of, sent until it is taken. Must never hold a transaction open while it waits for the platform."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog
from sqlalchemy import Connection

from service import crashpoints
from service.billing.tools import Tools
from service.platform.client import PlatformClient
from service.platform.outcomes import Outcome
from service.store import entries, events
from service.store.database import now
from service.store.journal import Act
from service.store.models import Entry, Event
from service.telemetry import metrics

log = structlog.get_logger()
BATCH = 500
ROUND_SECONDS = 10.0
#: A process that died has its event tried again this long after the platform's time to answer.
LEASE_SECONDS = 30.0
#: Seconds after each attempt that was not taken until the next; after the last the event is failed. The Standard Webhooks
#: specification ("Deliverability and reliability") asks for a schedule such as this one: at once, then for about 28 hours.
PAUSES = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0)
#: What the platform is told of, each once: what an account may use, its money, its card, and how its sessions ended. Steps towards
#: these, such as `signup.*`, `subscription.change_requested` or `refund.requested`, can be read in the feed.
TOLD: tuple[Act, ...] = (
    Act.SESSION_COMPLETED,
    Act.SESSION_FAILED,
    Act.CARD_REPLACED,
    Act.SUBSCRIPTION_ACTIVATED,
    Act.SUBSCRIPTION_RENEWED,
    Act.SUBSCRIPTION_PAST_DUE,
    Act.SUBSCRIPTION_ENDING,
    Act.SUBSCRIPTION_RESUMED,
    Act.SUBSCRIPTION_CHANGED,
    Act.SUBSCRIPTION_DISPUTED,
    Act.SUBSCRIPTION_DISPUTE_OVER,
    Act.SUBSCRIPTION_ENDED,
    Act.SUBSCRIPTION_ADOPTED,
    Act.CHANGE_SETTLED,
    Act.CHARGE_RECORDED,
    Act.REFUND_SUCCEEDED,
    Act.REFUND_FAILED,
    Act.REFUND_FOUND,
    Act.DISPUTE_OPENED,
    Act.DISPUTE_MOVED,
)


def tell(tools: Tools) -> int:
    """One round of the worker: make events of what is new, and send what is due. The number of attempts."""
    collect(tools)
    return deliver_due(tools)


def collect(tools: Tools) -> int:
    """Read the feed on and make an event of every entry that is told. The number made.

    Does nothing while no address is set. The first time it begins at the present end of the feed; after a pause without an address
    it goes on where it was.
    """
    if tools.platform is None:
        return 0
    with tools.engine.begin() as connection:
        events.start(connection)
    made = 0
    more = True
    while more:
        with tools.engine.begin() as connection:
            read, new = _collect_page(connection)
        made += new
        more = read == BATCH
    return made


def _collect_page(connection: Connection) -> tuple[int, int]:
    """How many entries were read, and how many events made of them; none if another process is reading."""
    place = events.hold_cursor(connection)
    if place is None:
        return 0, 0
    found, after = entries.page(connection, place, BATCH)
    made = events.add(connection, [entry for entry in found if entry.act in TOLD])
    if after is not None and after != place:
        events.advance(connection, after)
    return len(found), made


def deliver_due(tools: Tools) -> int:
    """Send the events that are due, the longest waiting first, for about ten seconds. The number of attempts.

    Events of one account may overtake each other: one that is tried again later comes after those that were taken meanwhile. Each
    has the record's version and the entry's number, by which a receiver puts them in order. A platform that does not answer at all
    ends the round, so that it is not asked for every one of a long queue.
    """
    if tools.platform is None:
        return 0
    attempts = 0
    until = monotonic() + ROUND_SECONDS
    while monotonic() < until:
        outcome = _deliver_one(tools, tools.platform)
        if outcome is None:
            break
        attempts += 1
        if outcome.status is None:
            break
    return attempts


def _deliver_one(tools: Tools, platform: PlatformClient) -> Outcome | None:
    with tools.engine.begin() as connection:
        taken = events.take(connection, tools.settings.events_seconds + LEASE_SECONDS)
        moment = now(connection)
    if taken is None:
        return None
    event, entry = taken
    outcome = platform.tell(event.id, body_of(entry), moment=moment)
    crashpoints.reach(crashpoints.EVENT_ANSWERED)
    with tools.engine.begin() as connection:
        _record(connection, event, outcome)
    crashpoints.reach(crashpoints.EVENT_MARKED)
    return outcome


def _record(connection: Connection, event: Event, outcome: Outcome) -> None:
    if outcome.cause is None:
        events.delivered(connection, event, outcome.status)
        metrics.EVENTS.labels(outcome="delivered").inc()
        log.info("event.delivered", event_id=event.id, account=event.account, attempt=event.attempts)
        return
    pause = PAUSES[event.attempts - 1] if event.attempts <= len(PAUSES) else None
    cause = outcome.cause.value
    events.not_delivered(connection, event, cause=cause, status=outcome.status, pause=pause)
    metrics.EVENTS.labels(outcome="failed" if pause is None else "postponed").inc()
    known = {"event_id": event.id, "account": event.account, "attempt": event.attempts}
    if pause is None:
        log.error("event.failed", cause=cause, status=outcome.status, **known)
    else:
        log.warning("event.postponed", cause=cause, status=outcome.status, **known)


def body_of(entry: Entry) -> bytes:
    """What is sent of an entry, byte for byte the same each time."""
    data: dict[str, Any] = {
        **entry.image,
        "account": entry.account,
        "subject": entry.subject,
        "version": entry.version,
        "entry": entry.number,
    }
    told = {"type": entry.act, "timestamp": _text(entry.at), "data": data}
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
