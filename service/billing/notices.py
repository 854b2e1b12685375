"""Take in a notice: record it once, apply what the table of moves allows, leave the rest as a hint. Must never refuse an authentic notice for what it carries."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from service.billing import charges
from service.billing.lifecycle import Event, MoveNotAllowedError, subscription_move
from service.billing.tools import Tools
from service.bluesnap import notices as bluesnap_notices
from service.config import Environment
from service.store import accounts, notices, signups, subscriptions
from service.store.ids import new_id
from service.store.journal import Origin
from service.store.models import Notice
from service.telemetry import metrics

log = structlog.get_logger()
#: One payment may be told as either, and the first to come is the only one that is applied.
PAYMENTS = {"CHARGE", "RECURRING"}
#: Types that say that a subscription has changed: reasons to look, and nothing more. What they carry is not believed.
TELLING = {
    "SUBSCRIPTION_CHARGE_FAILURE", "CANCELLATION", "CANCEL_ON_RENEWAL", "CONTRACT_CHANGE",
    "REFUND", "CANCELLATION_REFUND", "CHARGEBACK", "CHARGEBACK_STATUS_CHANGED", "RDR",
}  # fmt: skip


@dataclass(frozen=True)
class Delivery:
    """An authentic notice as it arrived. `signed_at` is None if its signed timestamp could not be read."""

    body: bytes
    signed_at: datetime | None


@dataclass(frozen=True)
class Verdict:
    """What became of a notice: applied, waiting, ignored, hint or failed, and why."""

    outcome: str
    reason: str | None = None


def take_in(tools: Tools, origin: Origin, delivery: Delivery) -> Verdict:
    """Record and apply a notice in one transaction; acknowledge only after it. A repeated one changes nothing."""
    now = tools.clock()
    heard = bluesnap_notices.read_notice(delivery.body)
    if heard.test_mode and tools.settings.environment is Environment.PRODUCTION:
        return _counted(heard.type, Verdict("ignored", "test_mode"))
    digests = tools.keyring.fingerprints(b"delivery|" + delivery.body)
    row = Notice(
        id=new_id("nt"), delivery=digests[0], meaning=meaning(heard), type=heard.type, reference=heard.reference,
        provider_subscription=heard.subscription_id, provider_shopper=heard.shopper_id, amount=heard.amount,
        currency=heard.currency, provider_time=heard.provider_time, outcome="waiting", reason=None, received_at=now,
    )  # fmt: skip
    with tools.engine.begin() as connection:
        if row.provider_subscription is not None:
            notices.hold(connection, row.provider_subscription)
        kept = notices.record(connection, row, digests)
        if kept is None:
            return _counted(heard.type, Verdict("repeated"))
        row, doubt = kept, _doubt(tools, delivery, heard, now)
        verdict = Verdict("hint", doubt) if doubt else _try_to_apply(connection, row, now=now, origin=origin)
        if verdict.outcome in {"hint", "waiting"}:
            _wake_signup(connection, row)
        if row.provider_subscription is not None and (verdict.outcome == "hint" or verdict == Verdict("applied")):
            subscriptions.ask_soon(connection, row.provider_subscription)
        notices.settle(connection, row.id, verdict.outcome, verdict.reason)
    log.info("notice.taken", notice=row.id, notice_type=row.type, outcome=verdict.outcome, reason=verdict.reason)
    return _counted(heard.type, verdict)


def meaning(heard: bluesnap_notices.Notice) -> bytes | None:
    """The digest of what a notice means: a payment by its charge reference, however it is told. None: by delivery only, as a hint."""
    if heard.type in PAYMENTS and heard.reference is not None:
        return hashlib.sha256(f"payment|{heard.reference}".encode()).digest()
    return None


def _doubt(tools: Tools, delivery: Delivery, heard: bluesnap_notices.Notice, now: datetime) -> str | None:
    """Why a notice is a hint and no more: stale or from the future by its signed time, or a listed field failed its format."""
    window = timedelta(seconds=tools.settings.notice_window_seconds)
    if delivery.signed_at is None:
        return "undated"
    if abs(now - delivery.signed_at) > window:
        return "stale" if delivery.signed_at < now else "future"
    return None if heard.complete else "incomplete"


def _try_to_apply(connection: Connection, row: Notice, *, now: datetime, origin: Origin) -> Verdict:
    """Apply under a savepoint: what cannot be applied is kept all the same, as failed, for an operator to replay."""
    try:
        with connection.begin_nested():
            return _apply(connection, row, now=now, origin=origin)
    except (IntegrityError, DataError):
        log.exception("notice.failed", notice=row.id, notice_type=row.type)
        return Verdict("failed", "not_applicable")


def _apply(connection: Connection, row: Notice, *, now: datetime, origin: Origin) -> Verdict:
    """A charge of a subscription that we know is recorded; one that we do not know yet waits. What tells of a change is a reason to look."""
    told = _by_what_it_is(row)
    if told is not None or row.reference is None or row.amount is None or row.currency is None:
        return told or Verdict("hint", "incomplete")
    subscription = accounts.subscription_of_provider(connection, row.provider_subscription or "")
    if subscription is None:
        return Verdict("waiting", "subscription_unknown")
    try:
        subscription_move(subscription.status, Event.CHARGED)
    except MoveNotAllowedError:
        return Verdict("hint", "move_not_allowed")
    payment = charges.Payment(row.reference, row.amount, row.currency, "notice")
    new = charges.record(connection, subscription, payment, now=now, origin=origin)
    return Verdict("applied", None if new else "known_already")


def _by_what_it_is(row: Notice) -> Verdict | None:
    """The verdict on a notice that is no payment of a subscription."""
    if row.type in TELLING and row.provider_subscription is not None:
        return Verdict("hint", "look")
    if row.type not in PAYMENTS:
        return Verdict("ignored", "type_not_handled")
    if row.provider_subscription is None and None not in {row.reference, row.amount, row.currency}:
        return Verdict("ignored", "no_subscription")
    return None


def _wake_signup(connection: Connection, row: Notice) -> None:
    """A notice about the shopper of an undecided signup says that BlueSnap has moved: look now rather than later."""
    signup = signups.of_shopper(connection, row.provider_shopper) if row.provider_shopper else None
    if signup is not None:
        signups.wake(connection, signup)


def _counted(notice_type: str, verdict: Verdict) -> Verdict:
    metrics.NOTICES.labels(type=notice_type, outcome=verdict.outcome).inc()
    return verdict
