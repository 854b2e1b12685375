"""Disputes of charges (chargebacks): what was heard of each, in whatever order. Must never let an older word overwrite a newer one, nor guess how one ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import structlog
from sqlalchemy import Connection

from service.billing.tasks import close, open_task
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.store import changes, disputes, subscriptions, tasks
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import Charge, Dispute, Notice, Subscription

log = structlog.get_logger()
#: BlueSnap's words (bluesnap/webhooks.md section 3). `closed` is not here: it does not say who won.
MEANS = {
    "new": "open",
    "working": "open",
    "completed_pending": "open",
    "completed_won": "won",
    "completed_lost": "lost",
}
#: Of two words with the same time, by the minute, the one further on is the newer.
FURTHER = {"open": 0, "won": 1, "lost": 2}
#: When something was heard of that has no time of its own: every word that has one is newer.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
CLOSED_TASK = "dispute_closed"


@dataclass(frozen=True)
class Word:
    """What was heard of a dispute: open, won or lost, or None where nothing says which. `at` is BlueSnap's time of it."""

    reference: str
    charge_reference: str
    status: str | None
    at: datetime
    amount: Decimal | None
    currency: str | None


def word_of(row: Notice) -> Word | None:
    """What a notice says of a dispute, as new where it says no status at its opening. None: too little to know which, or what."""
    status = row.dispute_status or ("new" if row.type == "CHARGEBACK" else None)
    if row.reversal_reference is None or row.reference is None or status is None:
        return None
    amount = row.reversal_amount or row.amount
    return Word(
        row.reversal_reference, row.reference, MEANS.get(status), row.provider_time or row.received_at,
        abs(amount) if amount else None, row.currency,
    )  # fmt: skip


def told(connection: Connection, row: Notice, subscription: Subscription, *, now: datetime, origin: Origin) -> bool:
    """Record what a notice says. False if it says nothing new: it is known, or older than what is known."""
    word = word_of(row)
    if word is None:
        return False
    subscriptions.locked(
        connection, subscription.id
    )  # a look that is just writing down the same dispute comes before or after
    known = disputes.by_reference(connection, word.reference, lock_row=True)
    if known is None:
        kept: Dispute | None = _add(connection, subscription, word, now=now, origin=origin)
    else:
        kept = _move(connection, known, word, origin)
    if word.status is None:
        _ask_a_person(connection, kept or known, origin)
    return kept is not None


def follow(
    connection: Connection, charge: Charge, seen: payloads.Transaction, subscription: Subscription, *, now: datetime, origin: Origin
) -> None:  # fmt: skip
    """Record the chargebacks that a charge's transaction shows. Call with the subscription's row held.

    No source shows how BlueSnap fills them in (bluesnap/api.md section 8), so an answer may open a dispute or end an open one, and
    never reopens one that has ended. One without an id goes to a person, unless a dispute of this charge is known.
    """
    minute = now.replace(second=0, microsecond=0)
    for shown in seen.chargebacks:
        status = MEANS.get((shown.status or "").lower())
        if shown.chargeback_id is None:
            _ask_about_unnamed(connection, charge, subscription, origin)
            continue
        ended = status in {"won", "lost"}
        word = Word(
            shown.chargeback_id, charge.reference, status or "open", minute if ended else LONG_AGO, shown.amount,
            charge.currency if shown.amount is not None else None,
        )  # fmt: skip
        known = disputes.by_reference(connection, word.reference, lock_row=True)
        if known is None:
            _add(connection, subscription, word, now=now, origin=origin)
        elif known.status == "open":
            _move(connection, known, word, origin)


def decide(tools: Tools, origin: Origin, dispute_id: str, status: str) -> Dispute | None:
    """A person says how an open dispute ended, won or lost, where BlueSnap's notices do not. None: no such open dispute."""
    with tools.engine.begin() as connection:
        seen = disputes.get(connection, dispute_id)
        subscription = subscriptions.locked(connection, seen.subscription_id) if seen is not None else None
        known = disputes.get(connection, dispute_id, lock_row=True)
        if subscription is None or known is None or known.status != "open":
            return None
        decided = _changed(connection, known, origin, status=status, told_at=max(tools.clock(), known.told_at))
        subscriptions.ask_soon(connection, subscription.provider_subscription or "")
    return decided


def _add(connection: Connection, subscription: Subscription, word: Word, *, now: datetime, origin: Origin) -> Dispute:
    dispute = Dispute(
        id=new_id("dp"), reference=word.reference, charge_reference=word.charge_reference, subscription_id=subscription.id,
        account=subscription.account, status=word.status or "open", amount=word.amount, currency=word.currency,
        stopped_renewal=False, told_at=word.at if word.status else LONG_AGO, created_at=now,
    )  # fmt: skip
    log.warning("dispute.opened", subscription=subscription.id, account=subscription.account, state=dispute.status)
    return changes.add(connection, dispute, Act.DISPUTE_OPENED, origin)


def _move(connection: Connection, known: Dispute, word: Word, origin: Origin) -> Dispute | None:
    """Take over what is newer. The largest amount that was told counts: that much may be gone. None: nothing is new."""
    values: dict[str, object] = {}
    if word.status and (word.at, FURTHER[word.status]) > (known.told_at, FURTHER[known.status]):
        values = {"status": word.status, "told_at": word.at}
    if word.amount is not None and (known.amount is None or word.amount > known.amount):
        values |= {"amount": word.amount, "currency": word.currency}
    return _changed(connection, known, origin, **values) if values else None


def _changed(connection: Connection, known: Dispute, origin: Origin, **values: object) -> Dispute:
    dispute = changes.change(connection, known, Act.DISPUTE_MOVED, origin, **values)
    if dispute.status != known.status:
        log.info("dispute.moved", subscription=known.subscription_id, account=known.account, state=dispute.status)
    waiting = tasks.of_matter(connection, CLOSED_TASK, dispute.id, dispute.reference)
    if waiting is not None and dispute.status != "open":
        close(connection, waiting.id, "done", origin)
    return dispute


def _ask_a_person(connection: Connection, dispute: Dispute | None, origin: Origin) -> None:
    """Closed, and nobody said how: it stays open, so nothing of it is given back, until BlueSnap or a person says more."""
    if dispute is not None and dispute.status == "open":
        open_task(
            connection, CLOSED_TASK, origin, subject=dispute.id, reference=dispute.reference, account=dispute.account,
            amount=dispute.amount, currency=dispute.currency,
        )  # fmt: skip


def _ask_about_unnamed(connection: Connection, charge: Charge, subscription: Subscription, origin: Origin) -> None:
    known = disputes.of_subscription(connection, subscription.id)
    if all(dispute.charge_reference != charge.reference for dispute in known):
        open_task(
            connection, "dispute_unnamed", origin, subject=charge.id, reference=charge.reference, account=subscription.account,
            amount=charge.amount, currency=charge.currency,
        )  # fmt: skip
