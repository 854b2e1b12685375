"""Look at BlueSnap and make our record what it shows. Notices say when to look; the look settles the state, in whatever order they came."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from service.billing import rounds
from service.billing.life import cancellation, intents, terms
from service.billing.life.following import follow
from service.billing.life.intents import Order
from service.billing.life.truth import PAST
from service.billing.money import charges, disputes, refunds
from service.billing.outcomes import LONGEST_WAIT_SECONDS
from service.billing.tasks import open_task
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.errors import BlueSnapError, Refusal
from service.store import changes, database, notices, subscriptions
from service.store import charges as charge_rows
from service.store import disputes as dispute_rows
from service.store.journal import Act, Origin
from service.store.models import Subscription

log = structlog.get_logger()
WORKER = Origin("worker")
BATCH = 100
#: Looks at a time; each takes a connection. A round ends after so many seconds, so that a worker that is told to stop does.
AT_ONCE, ROUND_SECONDS = 4, 20
LONGEST_PAUSE_SECONDS = 3_600
#: How often a half-made change is finished in vain before a person is asked too.
FINISHED_IN_VAIN = 5


@dataclass(frozen=True)
class Reading:
    """What BlueSnap showed of a subscription: itself, its charges, and the transactions of those that something was given back of.

    `whole` is false where one of those could not be read.
    """

    found: payloads.Subscription
    paid: Sequence[payloads.Charge]
    reversed: Sequence[payloads.Transaction]
    begun: datetime
    whole: bool


def look_due(tools: Tools) -> int:
    """Look at every subscription that is due: those that a notice spoke of, and those whose paid period is over. The number looked at.

    Several at a time, and on and on while many are due: where a billing day begins, thousands are, and a look mostly waits for BlueSnap.
    """
    until, looked = time.monotonic() + ROUND_SECONDS, 0
    with ThreadPoolExecutor(min(AT_ONCE, tools.settings.threads)) as pool:
        while True:
            with tools.engine.begin() as connection:
                subscriptions.expect_renewals(connection, tools.clock())
                due = subscriptions.LEASE.due(connection, BATCH)
            shares = [due[place::AT_ONCE] for place in range(min(AT_ONCE, len(due)))]
            rounds_of = [
                pool.submit(rounds.each, tools, "look", subscriptions.LEASE, share, act=look) for share in shares
            ]
            looked += sum(one.result() for one in rounds_of)
            if len(due) < BATCH or time.monotonic() > until:
                return looked


def look(tools: Tools, subscription_id: str) -> None:
    """Look at one subscription, if nobody else is just doing it, and do what the plan rules ask of us then."""
    with tools.engine.begin() as connection:
        taken = subscriptions.LEASE.take(connection, subscription_id, tools.settings.lease_seconds)
    if taken is None or taken.provider_subscription is None:
        return
    moment = tools.clock()
    then = replace(tools, clock=lambda: moment)  # what BlueSnap shows is judged by the time at which it was asked
    try:
        reading = read(then, taken)
    except BlueSnapError as error:
        log.warning("look.failed", subscription=taken.id, account=taken.account, cause=error.cause)
        with tools.engine.begin() as connection:
            _again(connection, tools, taken)
        return
    with tools.engine.begin() as connection:
        settled = _settle(connection, then, taken, reading)
    if settled is None:
        return
    try:
        _act(tools, settled, reading.found)
    except Refusal as refused:
        log.info("look.not_ordered", subscription=settled.id, account=settled.account, code=refused.code.value)


def read(tools: Tools, subscription: Subscription) -> Reading:
    """Ask BlueSnap. Raises BlueSnapError."""
    begun, provider = tools.clock(), subscription.provider_subscription or ""
    found = tools.bluesnap.get_subscription(provider)
    paid = tools.bluesnap.list_charges(provider)
    known = {charge.transaction_id for charge in paid}
    with tools.engine.connect() as connection:
        given_back = {charge.transaction_id for charge in paid if refunds.differs(connection, charge)}
        given_back |= set(notices.reversals(connection, provider, known))
    wanted = sorted(given_back & known)
    shown = [one for one in (_transaction(tools, subscription, reference) for reference in wanted) if one is not None]
    return Reading(found, paid, shown, begun, whole=len(shown) == len(wanted))


def _transaction(tools: Tools, subscription: Subscription, reference: str) -> payloads.Transaction | None:
    """None if it cannot be read: what was given back is found out later, and the paid period does not wait for it."""
    try:
        return tools.bluesnap.get_transaction(reference)
    except BlueSnapError as error:
        log.warning("look.incomplete", subscription=subscription.id, account=subscription.account, cause=error.cause)
        return None


def record(connection: Connection, subscription: Subscription, reading: Reading, *, source: str, tools: Tools) -> None:
    """Record what was paid, given back and disputed. Call with the row held."""
    now = tools.clock()
    for charge in reading.paid:
        if charge.amount:
            payment = charges.Payment(
                charge.transaction_id, charge.amount, charge.currency, source,
                charged_on=charge.charge_date, kind=charge.kind.lower() if charge.kind else None,
            )  # fmt: skip
            charges.record(connection, subscription, payment, now=now, origin=WORKER)
    for transaction in reading.reversed:
        known = charge_rows.by_reference(connection, transaction.transaction_id)
        if known is not None:
            refunds.follow(connection, tools, known, transaction, origin=WORKER)
            disputes.follow(connection, known, transaction, subscription, now=now, origin=WORKER)


def _settle(connection: Connection, tools: Tools, taken: Subscription, reading: Reading) -> Subscription | None:
    """Take every move that has happened, and say when to look again. None if what was read is older than the record."""
    subscription = subscriptions.locked(connection, taken.id) or taken
    record(connection, subscription, reading, source="look", tools=tools)
    if subscription.version != taken.version or _is_overtaken(connection, subscription, taken):  # what we read is old
        subscriptions.look_again(connection, subscription.id, seconds=0, looked=taken.looked)
        return None
    subscription = follow(connection, tools, subscription, found=reading.found, origin=WORKER)
    if reading.whole:
        notices.looked(connection, reading.found.subscription_id, reading.begun, WORKER)
    if subscriptions.is_settled(connection, subscription):
        subscription = _settle_change(connection, tools, subscription, reading.found)
    present = subscriptions.locked(connection, subscription.id) or subscription
    if present.look_at != taken.look_at:
        return subscription  # something was heard while we were reading, or just now: that look is still to come
    if reading.whole:
        _plan_next(connection, tools, subscription)
    else:
        _again(connection, tools, subscription)
    return subscription


def _is_overtaken(connection: Connection, subscription: Subscription, taken: Subscription) -> bool:
    """Whether somebody else has looked since, or is looking now: a process that stood still must not write what it read long ago."""
    present = subscription.look_at
    return present != taken.look_at and (present is None or present > database.now(connection))


def _settle_change(
    connection: Connection, tools: Tools, subscription: Subscription, found: payloads.Subscription
) -> Subscription:
    """An ordered change cannot be under way any more: what BlueSnap shows is how it ended. Half-made ones are finished after this transaction."""
    if subscription.pending_change == Order.CHANGE:
        if subscription.status != "ended" and terms.is_half_way(tools, subscription, found):
            return subscription
        subscription = terms.judge(connection, tools, subscription, found=found, origin=WORKER) or subscription
    if subscription.pending_change == Order.RESUME and subscription.renews:
        dispute_rows.forget_stop(connection, subscription.id, WORKER)
    return changes.change(connection, subscription, Act.CHANGE_SETTLED, WORKER, **intents.SETTLED)


def _plan_next(connection: Connection, tools: Tools, subscription: Subscription) -> None:
    over = subscription.paid_until is not None and tools.clock() >= subscription.paid_until
    if subscription.pending_change is not None and not subscriptions.is_settled(connection, subscription):
        subscriptions.look_when_settled(connection, subscription)
    elif subscription.pending_change is not None or (
        over and subscription.status in {"active", "past_due", "disputed"}
    ):
        _again(connection, tools, subscription)
    else:
        subscriptions.looked_enough(connection, subscription.id)


def _act(tools: Tools, subscription: Subscription, found: payloads.Subscription) -> None:
    """What is ours to order: finish a half-made change, end what is out of grace, stop the renewal of what is disputed. Raises Refusal."""
    if subscription.pending_change == Order.CHANGE:
        _finish(tools, subscription, found)
    elif subscription.pending_change is not None or subscription.status in PAST:
        return
    elif cancellation.is_out_of_grace(tools, subscription):
        cancellation.end_after_grace(tools, WORKER, subscription.account)
    elif subscription.status == "disputed":
        _stop_renewal(tools, subscription)
    elif not subscription.renews:
        _resume_renewal(tools, subscription)


def _finish(tools: Tools, subscription: Subscription, found: payloads.Subscription) -> None:
    with tools.engine.begin() as connection:
        settled = subscriptions.is_settled(connection, subscription)
        if settled and subscription.looked >= FINISHED_IN_VAIN:
            open_task(connection, "change_stuck", WORKER, subject=subscription.id, account=subscription.account)
    if settled and terms.is_half_way(tools, subscription, found):
        terms.finish(tools, subscription, WORKER, found=found, begun=True)


def _stop_renewal(tools: Tools, subscription: Subscription) -> None:
    """A disputed subscription is not charged again, unless the setting gives it full access (DESIGN section 3, chargeback)."""
    if subscription.renews and tools.settings.dispute_access != "full":
        cancellation.change_renewal(tools, WORKER, subscription.account, Order.CANCEL, for_dispute=True)


def _resume_renewal(tools: Tools, subscription: Subscription) -> None:
    """A won dispute restores what it stopped."""
    with tools.engine.begin() as connection:
        won = dispute_rows.won_after_stop(connection, subscription.id)
    if won:
        cancellation.change_renewal(tools, WORKER, subscription.account, Order.RESUME, for_dispute=True)


def _again(connection: Connection, tools: Tools, subscription: Subscription) -> None:
    """Later and later, but at least once an hour; far sooner while nobody knows how an ordered change ended."""
    first, longest = tools.settings.look_seconds, LONGEST_PAUSE_SECONDS
    if subscription.pending_change is not None:
        first, longest = tools.settings.quiet_seconds, LONGEST_WAIT_SECONDS
    seconds = min(first * 2 ** min(subscription.looked, 10), longest)
    subscriptions.look_again(connection, subscription.id, seconds=seconds, looked=subscription.looked + 1)
