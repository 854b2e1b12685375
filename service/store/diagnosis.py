"""What the tables say about the health of a deployment: counts, for `doctor`. Only reads; what a count means is not decided here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Date, FromClause, and_, cast, func, select

from service.store.accounts import LIVE
from service.store.models import (
    CHARGES,
    DISPUTES,
    ENTRIES,
    EVENTS,
    NOTICES,
    PRICES,
    REFUNDS,
    SIGNUPS,
    SUBSCRIPTIONS,
    TASKS,
)

C, D, E, N, P, R, S = (table.c for table in (CHARGES, DISPUTES, ENTRIES, NOTICES, PRICES, REFUNDS, SUBSCRIPTIONS))
PAYMENTS = ("CHARGE", "RECURRING")
GIVEN_BACK = ("REFUND", "CANCELLATION_REFUND", "RDR")
OVER = ("CANCELLATION", "CANCELLATION_REFUND", "CANCEL_ON_RENEWAL")
NOT_UNDER_WAY = ("active", "declined", "released", "stuck", "replaced")


@dataclass(frozen=True)
class Span:
    """Business time: what happened in it should have been told by now."""

    since: datetime
    until: datetime

    def holds(self, column: ColumnElement[datetime]) -> ColumnElement[bool]:
        """Whether a moment lies in it."""
        return and_(column >= self.since, column < self.until)


def untold(connection: Connection, span: Span) -> dict[str, int]:
    """By the type of notice that should have told it: how much happened in this span that no notice has told."""
    wanted = {
        "CHARGE": (_payments(span, first=True), CHARGES.join(SUBSCRIPTIONS, S.id == C.subscription_id)),
        "RECURRING": (_payments(span, first=False), CHARGES.join(SUBSCRIPTIONS, S.id == C.subscription_id)),
        "SUBSCRIPTION_CHARGE_FAILURE": (_failures(span), SUBSCRIPTIONS),
        "CANCELLATION": (_ends(span), SUBSCRIPTIONS),
        "CANCEL_ON_RENEWAL": (_endings(span), SUBSCRIPTIONS),
        "CONTRACT_CHANGE": (_switches(span), SUBSCRIPTIONS),
        "REFUND": (_refunds(span, cancels=False), REFUNDS.join(CHARGES, C.id == R.charge_id)),
        "CANCELLATION_REFUND": (_refunds(span, cancels=True), REFUNDS.join(CHARGES, C.id == R.charge_id)),
        "CHARGEBACK": (_disputes(span), DISPUTES),
        "CHARGEBACK_STATUS_CHANGED": (_decided(span), DISPUTES),
    }
    return {kind: _count(connection, source, condition) for kind, (condition, source) in wanted.items()}


def arrived(connection: Connection, since: datetime) -> dict[str, int]:
    """How many notices of each type have arrived since then."""
    statement = select(N.type, func.count()).where(N.received_at >= since).group_by(N.type)
    return {row[0]: row[1] for row in connection.execute(statement)}


def _count(connection: Connection, source: FromClause, condition: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(source).where(condition)).scalar_one()


def _told(types: tuple[str, ...], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(N.id).where(N.type.in_(types), *conditions).exists()


def _of_subscription(types: tuple[str, ...], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return _told(types, N.provider_subscription == S.provider_subscription, *conditions)


def _payments(span: Span, *, first: bool) -> ColumnElement[bool]:
    """Payments since the subscription is ours: those before an adoption were told to somebody else, or to nobody."""
    told = _of_subscription(PAYMENTS, N.reference == C.reference)
    if first:
        return and_(span.holds(C.recorded_at), C.source == "answer", ~told)
    day = func.coalesce(C.charged_on, cast(C.recorded_at, Date))
    later = day > cast(S.created_at, Date) + 1
    return and_(span.holds(C.recorded_at), C.source.in_(("look", "sweep")), later, ~told)


def _failures(span: Span) -> ColumnElement[bool]:
    told = _of_subscription(("SUBSCRIPTION_CHARGE_FAILURE",), N.received_at >= S.paid_until - timedelta(days=1))
    return and_(S.status == "past_due", span.holds(S.paid_until), ~told)


def _ends(span: Span) -> ColumnElement[bool]:
    """Ends that were not foreseen when an adoption took the subscription over."""
    over_before = _entry("subscription.adopted", E.image.op("->>")("renews") == "false")
    return and_(S.status == "ended", span.holds(S.ended_at), ~_of_subscription(OVER), ~over_before)


def _endings(span: Span) -> ColumnElement[bool]:
    """Renewals that were switched off; the entry says since when, in database time."""
    hour = func.clock_timestamp() - timedelta(hours=1)
    switched = _entry("subscription.ending", E.at < hour)
    return and_(S.status.in_(LIVE), ~S.renews, S.paid_until >= span.since, switched, ~_of_subscription(OVER))


def _entry(act: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(E.number).where(E.account == S.account, E.subject == S.id, E.act == act, condition).exists()


def _switches(span: Span) -> ColumnElement[bool]:
    earlier = PRICES.alias("earlier")
    switch = and_(earlier.c.subscription_id == P.subscription_id, earlier.c.applies_from < P.applies_from)
    before = select(earlier.c.id).where(switch, earlier.c.plan != P.plan).exists()
    switched = select(P.id).where(P.subscription_id == S.id, span.holds(P.agreed_at), before).exists()
    return and_(switched, ~_of_subscription(("CONTRACT_CHANGE",)))


def _refunds(span: Span, *, cancels: bool) -> ColumnElement[bool]:
    # two conditions and not one with OR: each can be hashed, so that many rows cost one reading of the notices
    by_refund = _told(GIVEN_BACK, N.reversal_reference == R.provider_refund)
    by_charge = _told(GIVEN_BACK, N.reference == C.reference)
    done = and_(R.status == "succeeded", R.cancel_subscription.is_(cancels), span.holds(R.created_at))
    return and_(done, ~by_refund, ~by_charge)


def _disputes(span: Span) -> ColumnElement[bool]:
    by_dispute = _told(("CHARGEBACK",), N.reversal_reference == D.reference)
    by_charge = _told(("CHARGEBACK",), N.reference == D.charge_reference)
    return and_(span.holds(D.created_at), ~by_dispute, ~by_charge)


def _decided(span: Span) -> ColumnElement[bool]:
    told = _told(("CHARGEBACK_STATUS_CHANGED",), N.reversal_reference == D.reference)
    return and_(span.holds(D.created_at), D.status.in_(("won", "lost")), ~told)


@dataclass(frozen=True)
class Waiting:
    """What waits, and for whom. `payments_doubted` are notices of payments of the last day that were no more than hints when they came."""

    notices_waiting: int
    notices_failed: int
    payments_doubted: int
    payments_told: int
    tasks: dict[str, int]
    signups_stuck: int
    looks_overdue: int
    signups_overdue: int
    events_failed: int


def waiting(connection: Connection, now: datetime, patience: timedelta) -> Waiting:
    """Count all that waits. Leases and looks are overdue when they were due longer ago than `patience`, in database time."""
    long_ago = func.clock_timestamp() - patience
    payment = and_(N.received_at >= now - timedelta(days=1), N.type.in_(PAYMENTS))
    # a fresh notice of a payment is applied itself: what a look had to settle was stale, from the future, or incomplete
    doubted = N.reason.in_(("stale", "future", "by_look"))
    tasks = select(TASKS.c.kind, func.count()).where(TASKS.c.state == "open").group_by(TASKS.c.kind)
    signups = SIGNUPS.c

    def counted(source: FromClause, *conditions: ColumnElement[bool]) -> int:
        return _count(connection, source, and_(*conditions))

    return Waiting(
        notices_waiting=counted(NOTICES, N.outcome == "waiting", N.received_at < now - timedelta(hours=1)),
        notices_failed=counted(NOTICES, N.outcome == "failed"),
        payments_doubted=counted(NOTICES, payment, doubted),
        payments_told=counted(NOTICES, payment),
        tasks={row[0]: row[1] for row in connection.execute(tasks)},
        signups_stuck=counted(SIGNUPS, signups.state == "stuck"),
        looks_overdue=counted(SUBSCRIPTIONS, S.look_at < long_ago),
        signups_overdue=counted(SIGNUPS, signups.state.not_in(NOT_UNDER_WAY), signups.lease_until < long_ago),
        events_failed=counted(EVENTS, EVENTS.c.state == "failed"),
    )
