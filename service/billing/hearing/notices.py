"""Take in a notice: record it once, record the payment or the dispute that it tells, and look at BlueSnap for the rest.

Must never refuse an authentic notice for what it carries, nor move a subscription by itself (docs/decisions/0012).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from service import crashpoints
from service.billing.hearing.notice_effects import Told, Verdict, act, ask, try_to_apply
from service.billing.hearing.notice_rules import Does, does, meaning
from service.billing.tools import Tools
from service.bluesnap import notices as bluesnap_notices
from service.config import Environment
from service.store import notices
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import Notice, Subscription
from service.store.turns import ROLLED_BACK
from service.telemetry import metrics

log = structlog.get_logger()
BLUESNAP = Origin("bluesnap")
#: How often a notice waits for its turn, each time as long as a lock is waited for (2 s): BlueSnap would say it again only hours later.
TURNS = 6
BATCH = 100


@dataclass(frozen=True)
class Delivery:
    """An authentic notice as it arrived. `signed_at` is None if its signed timestamp could not be read."""

    body: bytes
    signed_at: datetime | None


def take_in(tools: Tools, origin: Origin, delivery: Delivery) -> Verdict:
    """Record and apply a notice in one transaction; acknowledge only after it. A repeated one changes nothing."""
    heard = bluesnap_notices.read_notice(delivery.body)
    if heard.test_mode and tools.settings.environment is Environment.PRODUCTION:
        return _counted(heard.type, Verdict("ignored", "test_mode"))
    turns = TURNS
    while True:
        try:
            return _counted(heard.type, _in_turn(tools, origin, delivery, heard=heard))
        except OperationalError as error:
            turns -= 1
            if not turns or not isinstance(error.orig, ROLLED_BACK):
                raise
            log.warning("transaction.again", error=type(error.orig).__name__)


def _in_turn(tools: Tools, origin: Origin, delivery: Delivery, *, heard: bluesnap_notices.Notice) -> Verdict:
    """One at a time for each subscription; but what is known by its bytes and has had its effect is known without waiting.

    Of many at once, one that has waited too long for its turn was not kept, and asks again, by then perhaps for what is known.
    """
    digests = tools.keyring.fingerprints(b"delivery|" + delivery.body)
    with tools.engine.connect() as connection:
        if notices.is_settled(connection, digests):
            return Verdict("repeated")
    now = tools.clock()
    with tools.engine.begin() as connection:
        row = _named(connection, _row(heard, digests[0], tools.keyring.newest, now))
        if row.provider_subscription is not None:
            notices.hold(connection, row.provider_subscription)
        delivered = notices.is_delivered(connection, digests)
        kept = notices.record(connection, row, digests)
        told = Told(kept or row, heard.linked_subscriptions)
        if kept is None:
            if does(row.type) is Does.LOOK and not delivered:
                ask(
                    connection, told
                )  # as much may have happened twice in one minute, which is as exact as BlueSnap's times are
            return Verdict("repeated")
        doubt = None if does(row.type) is Does.IGNORE else _doubt(tools, delivery, heard, now)
        verdict = Verdict("hint", doubt) if doubt else try_to_apply(connection, tools, told, origin)
        act(connection, told, verdict)
        notices.settle(connection, kept, origin, outcome=verdict.outcome, reason=verdict.reason)
    crashpoints.reach(crashpoints.NOTICE_COMMITTED)
    if doubt:
        metrics.NOTICES_DOUBTED.labels(reason=doubt).inc()
    log.info("notice.taken", notice=kept.id, notice_type=kept.type, outcome=verdict.outcome, reason=verdict.reason)
    return verdict


def try_failed_again(tools: Tools) -> int:
    """Apply again what could not be applied, each in a transaction of its own, as long as tries are left. The number of those tried."""
    with tools.engine.connect() as connection:
        due = notices.due_again(connection, tools.clock(), BATCH)
    for notice_id in due:
        with tools.engine.begin() as connection:
            row = _held(connection, notice_id)
            if row is None or row.outcome != "failed":
                continue  # BlueSnap or an operator was quicker
            verdict = _apply_again(connection, tools, Told(row), BLUESNAP, as_act=Act.NOTICE_SETTLED)
        log.info(
            "notice.tried_again", notice=row.id, notice_type=row.type, outcome=verdict.outcome, reason=verdict.reason
        )
        _counted(row.type, verdict)
    return len(due)


def replay(tools: Tools, origin: Origin, notice_id: str) -> Verdict | None:
    """Apply a kept notice as if it were fresh: a person vouches for it. What it has done already it does not do twice. None: there is none.

    A notice that was incomplete remains a hint, since nobody can vouch for what was not kept; BlueSnap is asked again.
    """
    with tools.engine.begin() as connection:
        row = _held(connection, notice_id)
        if row is None:
            return None
        told = Told(row, vouched=True)
        verdict = _apply_again(connection, tools, told, origin, as_act=Act.NOTICE_REPLAYED)
    log.info("notice.replayed", notice=row.id, notice_type=row.type, outcome=verdict.outcome, reason=verdict.reason)
    return verdict


def _held(connection: Connection, notice_id: str) -> Notice | None:
    """A kept notice in its turn, held until the transaction ends; with the subscription that it speaks of, if that is known by now."""
    seen = notices.get(connection, notice_id)
    if seen is None:
        return None
    named = _named(connection, seen)
    if named.provider_subscription is not None:
        notices.hold(connection, named.provider_subscription)
    held = notices.get(connection, notice_id, lock_row=True) or named
    return dataclasses.replace(held, provider_subscription=named.provider_subscription)


def _apply_again(connection: Connection, tools: Tools, told: Told, origin: Origin, *, as_act: Act) -> Verdict:
    """As if it were fresh, and keep what became of it."""
    broken = told.row.reason == "incomplete"
    verdict = Verdict("hint", "incomplete") if broken else try_to_apply(connection, tools, told, origin)
    act(connection, told, verdict)
    notices.settle(connection, told.row, origin, outcome=verdict.outcome, reason=verdict.reason, act=as_act)
    return verdict


def apply_waiting(connection: Connection, tools: Tools, subscription: Subscription) -> None:
    """Apply the notices that came before we knew this subscription. Call with `store.notices.hold` taken, once it is linked."""
    for row in notices.waiting(connection, subscription.provider_subscription or ""):
        verdict = try_to_apply(connection, tools, Told(row), BLUESNAP)
        if does(row.type) is Does.DISPUTE:
            ask(connection, Told(row))
        notices.settle(connection, row, BLUESNAP, outcome=verdict.outcome, reason=verdict.reason)


def _row(heard: bluesnap_notices.Notice, digest: bytes, key_id: str, now: datetime) -> Notice:
    row = Notice(
        id=new_id("nt"), delivery=digest, key_id=key_id, meaning=None, type=heard.type, reference=heard.reference,
        provider_subscription=heard.subscription_id, provider_shopper=heard.shopper_id, amount=heard.amount,
        currency=heard.currency, reversal_reference=heard.reversal_reference, reversal_amount=heard.reversal_amount,
        dispute_status=heard.dispute_status.lower() if heard.dispute_status else None,
        provider_time=heard.provider_time, outcome="waiting", reason=None, received_at=now,
    )  # fmt: skip
    return dataclasses.replace(row, meaning=meaning(row))


def _named(connection: Connection, row: Notice) -> Notice:
    """What tells that money went back may name the payment only (bluesnap/webhooks.md section 5): then it speaks of that payment's subscription."""
    if row.provider_subscription is not None or row.reference is None or row.type not in notices.REVERSALS:
        return row
    return dataclasses.replace(row, provider_subscription=notices.subscription_of_charge(connection, row.reference))


def _doubt(tools: Tools, delivery: Delivery, heard: bluesnap_notices.Notice, now: datetime) -> str | None:
    """Why a notice is a hint and no more: stale or from the future by its signed time, or a listed field failed its format."""
    window = timedelta(seconds=tools.settings.notice_window_seconds)
    if delivery.signed_at is None:
        return "undated"
    if abs(now - delivery.signed_at) > window:
        return "stale" if delivery.signed_at < now else "future"
    return None if heard.complete else "incomplete"


def _counted(notice_type: str, verdict: Verdict) -> Verdict:
    metrics.NOTICES.labels(type=notice_type, outcome=verdict.outcome).inc()
    return verdict
