"""The tables of moves that signups and subscriptions may make, and what an account may use. Pure: no clock, no database, no network."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from service.billing.catalogue import FREE
from service.errors import PanlessError
from service.store.journal import Act
from service.store.models import Subscription


class Step(enum.StrEnum):
    """What can happen to a signup."""

    VAULTED = "vaulted"
    REQUESTED = "requested"
    LOST = "lost"
    POSTPONED = "postponed"
    DECLINED = "declined"
    RELEASED = "released"
    STUCK = "stuck"
    ACTIVATED = "activated"


#: (state, step): (next state, the entry that it leaves). What is not here cannot happen.
SIGNUP_MOVES: dict[tuple[str, Step], tuple[str, Act]] = {
    ("shopper_requested", Step.VAULTED): ("shopper_vaulted", Act.SHOPPER_VAULTED),
    ("shopper_requested", Step.LOST): ("shopper_unknown", Act.OUTCOME_UNKNOWN),
    ("shopper_requested", Step.DECLINED): ("declined", Act.SIGNUP_DECLINED),
    ("shopper_requested", Step.RELEASED): ("released", Act.SIGNUP_RELEASED),
    ("shopper_unknown", Step.VAULTED): ("shopper_vaulted", Act.SHOPPER_VAULTED),
    ("shopper_unknown", Step.RELEASED): ("released", Act.SIGNUP_RELEASED),
    ("shopper_vaulted", Step.REQUESTED): ("subscription_requested", Act.SUBSCRIPTION_REQUESTED),
    ("shopper_vaulted", Step.ACTIVATED): ("active", Act.SIGNUP_ACTIVE),
    ("shopper_vaulted", Step.STUCK): ("stuck", Act.SIGNUP_STUCK),
    ("subscription_requested", Step.LOST): ("subscription_unknown", Act.OUTCOME_UNKNOWN),
    ("subscription_requested", Step.POSTPONED): ("shopper_vaulted", Act.SIGNUP_POSTPONED),
    ("subscription_requested", Step.DECLINED): ("declined", Act.SIGNUP_DECLINED),
    ("subscription_requested", Step.RELEASED): ("released", Act.SIGNUP_RELEASED),
    ("subscription_requested", Step.STUCK): ("stuck", Act.SIGNUP_STUCK),
    ("subscription_requested", Step.ACTIVATED): ("active", Act.SIGNUP_ACTIVE),
    ("subscription_unknown", Step.REQUESTED): ("subscription_requested", Act.SUBSCRIPTION_REQUESTED),
    ("subscription_unknown", Step.STUCK): ("stuck", Act.SIGNUP_STUCK),
    ("subscription_unknown", Step.ACTIVATED): ("active", Act.SIGNUP_ACTIVE),
}


class Event(enum.StrEnum):
    """What can happen to a subscription."""

    ACTIVATED = "activated"
    VOIDED = "voided"
    CHARGED = "charged"


#: (status, event): next status. Charging an active subscription again is a renewal, which comes with the subscriptions' own life.
SUBSCRIPTION_MOVES: dict[tuple[str, Event], tuple[str, Act]] = {
    ("incomplete", Event.ACTIVATED): ("active", Act.SUBSCRIPTION_ACTIVATED),
    ("incomplete", Event.VOIDED): ("void", Act.SUBSCRIPTION_VOIDED),
    ("active", Event.CHARGED): ("active", Act.CHARGE_RECORDED),
}


class MoveNotAllowedError(PanlessError):
    """The table has no such move."""


def signup_move(state: str, step: Step) -> tuple[str, Act]:
    """Where a step leads. Raises MoveNotAllowedError."""
    try:
        return SIGNUP_MOVES[state, step]
    except KeyError:
        raise MoveNotAllowedError from None


def subscription_move(status: str, event: Event) -> tuple[str, Act]:
    """Where an event leads. Raises MoveNotAllowedError."""
    try:
        return SUBSCRIPTION_MOVES[status, event]
    except KeyError:
        raise MoveNotAllowedError from None


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Midnight at the beginning of a billing day, in the billing zone (DESIGN section 3)."""
    return datetime.combine(day, time(), zone)


@dataclass(frozen=True)
class Access:
    """What an account may use at a moment, and why: free, paid or renewing."""

    plan: str
    members: int | None
    until: datetime | None
    reason: str


def access_at(subscription: Subscription | None, now: datetime) -> Access:
    """Access is not status: past the paid period with renewal on and nothing heard, it stays while BlueSnap is asked."""
    if subscription is None or subscription.status != "active":
        return Access(FREE, None, None, "free")
    renewing = subscription.paid_until is not None and now >= subscription.paid_until
    return Access(
        subscription.plan,
        subscription.members,
        None if renewing else subscription.paid_until,
        "renewing" if renewing else "paid",
    )
