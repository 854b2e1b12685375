"""Notices: recorded once by delivery and once by meaning. What is kept is allow-listed; the raw body never is."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from service.store.database import many, one
from service.store.journal import Act, Origin, image_of, write
from service.store.models import CHARGES, DISPUTES, NOTICES, SUBSCRIPTIONS, Notice

N = NOTICES.c
PAYMENTS = ("CHARGE", "RECURRING")
DISPUTE_TYPES = ("CHARGEBACK", "CHARGEBACK_STATUS_CHANGED")
#: What tells that money went back, with the reference of its charge.
REVERSALS = ("REFUND", "CANCELLATION_REFUND", "PENDING_REFUND", "RDR", *DISPUTE_TYPES)

#: A notice that changed nothing yet: when BlueSnap says the same again, that is another chance.
RECONSIDERED = ("hint", "failed")
AS_FIRST_HEARD = {"id", "delivery", "key_id", "meaning", "outcome", "reason", "received_at"}
#: The reason of one that could not be applied says how often that was tried; after the last try it waits for a person.
TRIED = (
    "not_applicable",
    "not_applicable_twice",
    "not_applicable_thrice",
    "not_applicable_four_times",
    (SET_ASIDE := "set_aside"),
)
#: When the second try is due, the third and so on: so long after the notice was received.
TRIED_AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))


def record(connection: Connection, notice: Notice, deliveries: Sequence[bytes]) -> Notice | None:
    """Insert a notice. If this delivery, or another that meant the same, is known: that row, if it changed nothing yet, else None.

    `deliveries`: the digest of the delivery by every valid key.
    """
    known = (
        N.delivery.in_(deliveries)
        if notice.meaning is None
        else N.delivery.in_(deliveries) | (N.meaning == notice.meaning)
    )
    if connection.execute(select(N.id).where(known)).first() is None:
        statement = insert(NOTICES).values(**vars(notice)).on_conflict_do_nothing().returning(N.id)
        if connection.execute(statement).first() is not None:
            return notice
    again = select(NOTICES).where(known, N.outcome.in_(RECONSIDERED)).order_by(N.id).limit(1).with_for_update()
    kept = one(connection, again, Notice)
    if kept is None:
        return None
    heard = {name: value for name, value in vars(notice).items() if name not in AS_FIRST_HEARD}
    connection.execute(update(NOTICES).where(N.id == kept.id).values(**heard))
    return dataclasses.replace(kept, **heard)


def is_delivered(connection: Connection, deliveries: Sequence[bytes]) -> bool:
    """Whether these very bytes are kept."""
    return connection.execute(select(N.id).where(N.delivery.in_(deliveries))).first() is not None


def is_settled(connection: Connection, deliveries: Sequence[bytes]) -> bool:
    """Whether these very bytes are kept and have had their effect: then saying them again is no chance for anything, and no lock is needed to know."""
    known = select(N.id).where(N.delivery.in_(deliveries), N.outcome.not_in(RECONSIDERED))
    return connection.execute(known).first() is not None


def hold(connection: Connection, provider_subscription: str) -> None:
    """One at a time for each subscription at BlueSnap, until the transaction ends: else a notice waits for the very activation that overlooks it."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(provider_subscription, 0))))


def settle(
    connection: Connection, notice: Notice, origin: Origin, *, outcome: str, reason: str | None, act: Act = Act.NOTICE_SETTLED
) -> None:  # fmt: skip
    """Say what became of a notice, and which subscription it speaks of where that was found out; with its entry."""
    said: dict[str, Any] = {"outcome": outcome, "reason": reason, "provider_subscription": notice.provider_subscription}
    connection.execute(update(NOTICES).where(N.id == notice.id).values(**said))
    _write(connection, act, [dataclasses.replace(notice, **said)], origin)


def _write(connection: Connection, act: Act, settled: Sequence[Notice], origin: Origin) -> None:
    """The entries of notices that speak of one subscription, or of none."""
    account = None
    if settled and settled[0].provider_subscription is not None:
        mine = SUBSCRIPTIONS.c.provider_subscription == settled[0].provider_subscription
        account = connection.execute(select(SUBSCRIPTIONS.c.account).where(mine)).scalar_one_or_none()
    for notice in settled:
        write(connection, act, origin, subject=notice.id, account=account, image=image_of(notice))


def tried_again(reason: str | None) -> str:
    """The reason of a notice that could not be applied, by its reason before this try."""
    place = TRIED.index(reason) + 1 if reason in TRIED else 0
    return TRIED[min(place, len(TRIED) - 1)]


def due_again(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Ids of notices that could not be applied, and that are to be tried once more by now, the oldest first."""
    waits = zip(TRIED, TRIED_AGAIN_AFTER, strict=False)
    due = or_(*((N.reason == reason) & (N.received_at <= now - wait) for reason, wait in waits))
    statement = select(N.id).where(N.outcome == "failed", due).order_by(N.id).limit(limit)
    return [*connection.execute(statement).scalars()]


def waiting(connection: Connection, provider_subscription: str) -> list[Notice]:
    """Notices that came before we knew the subscription they speak of."""
    statement = select(NOTICES).where(N.provider_subscription == provider_subscription, N.outcome == "waiting")
    return many(connection, statement.order_by(N.id), Notice)


def subscription_of_charge(connection: Connection, reference: str) -> str | None:
    """BlueSnap's reference of the subscription that this payment is of: what tells of money that went back need not name it."""
    statement = select(SUBSCRIPTIONS.c.provider_subscription).join(
        CHARGES, CHARGES.c.subscription_id == SUBSCRIPTIONS.c.id
    )
    found: str | None = connection.execute(statement.where(CHARGES.c.reference == reference)).scalar_one_or_none()
    return found


def subscriptions_of_shopper(connection: Connection, provider_shopper: str) -> list[str]:
    """BlueSnap's references of the subscriptions of a shopper that we know."""
    columns = SUBSCRIPTIONS.c
    statement = select(columns.provider_subscription).where(
        columns.provider_shopper == provider_shopper, columns.provider_subscription.is_not(None)
    )
    return [*connection.execute(statement).scalars()]


def reversals(connection: Connection, provider_subscription: str, paid: Collection[str]) -> list[str]:
    """The payments of a subscription of which a notice says that money went back: their transactions are to be read.

    `paid` are the payments that BlueSnap lists of it: a notice may name one of them, and no subscription, before we know of it.
    """
    hinted = (N.provider_subscription == provider_subscription) & (N.outcome == "hint")
    unnamed = N.provider_subscription.is_(None) & (N.outcome == "waiting") & N.reference.in_(paid)
    statement = select(N.reference).where(
        hinted | unnamed,
        N.type.in_(REVERSALS),
        N.reference.is_not(None),
    )
    return [*connection.execute(statement.distinct().order_by(N.reference)).scalars()]


def looked(connection: Connection, provider_subscription: str, since: datetime, origin: Origin) -> int:
    """A look that began then has settled what hints of this subscription told until then; the number of them.

    Not settled is a hint of a payment that we have not recorded, or of a dispute that we do not know to stand like that: what a look
    does not see stays, until BlueSnap says it again or an operator replays it.
    """
    seen = case(
        (N.type.in_(PAYMENTS) & N.reference.is_not(None), exists().where(CHARGES.c.reference == N.reference)),
        (N.type.in_(DISPUTE_TYPES), _is_known_dispute()),
        else_=True,
    )
    hints = (N.provider_subscription == provider_subscription, N.outcome == "hint", N.received_at <= since, seen)
    # one that is told again at this moment is left to the look that it asks for: its transaction may wait for our subscription
    free = select(N.id).where(*hints).with_for_update(skip_locked=True)
    statement = update(NOTICES).where(N.id.in_(free)).values(outcome="applied", reason="by_look")
    settled = many(connection, statement.returning(NOTICES), Notice)
    _write(connection, Act.NOTICE_SETTLED, settled, origin)
    return len(settled)


def _is_known_dispute() -> ColumnElement[bool]:
    """Opened, if that is all that was told; ended like that, if it told an end; ended at all, if it told that it is closed."""
    stands = case(
        (N.dispute_status == "completed_won", DISPUTES.c.status == "won"),
        (N.dispute_status == "completed_lost", DISPUTES.c.status == "lost"),
        (N.dispute_status == "closed", DISPUTES.c.status != "open"),
        else_=True,
    )
    return exists().where(DISPUTES.c.reference == N.reversal_reference, stands)


@dataclass(frozen=True)
class Filter:
    """Which notices: of these outcomes and this type, received from `since` on and before `until`; None: all."""

    outcomes: Sequence[str] | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def listed(connection: Connection, wanted: Filter, limit: int, *, after: str | None = None) -> list[Notice]:
    """Such notices in the order they came, the first ones after that id."""
    statement = select(NOTICES).where(*_conditions(wanted))
    if after is not None:
        statement = statement.where(N.id > after)
    return many(connection, statement.order_by(N.id).limit(limit), Notice)


def newest(connection: Connection, wanted: Filter, limit: int) -> list[Notice]:
    """The newest of such notices, in the order they came."""
    statement = select(NOTICES).where(*_conditions(wanted)).order_by(N.id.desc()).limit(limit)
    return many(connection, statement, Notice)[::-1]


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.outcomes is not None:
        conditions.append(N.outcome.in_(wanted.outcomes))
    if wanted.type is not None:
        conditions.append(N.type == wanted.type)
    if wanted.since is not None:
        conditions.append(N.received_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(N.received_at < wanted.until)
    return conditions


def get(connection: Connection, notice_id: str, *, lock_row: bool = False) -> Notice | None:
    """A notice by our id, held until the transaction ends if asked."""
    statement = select(NOTICES).where(N.id == notice_id)
    return one(connection, statement.with_for_update() if lock_row else statement, Notice)
