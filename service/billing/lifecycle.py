"""The tables of moves that signups and subscriptions may make, and what an account may use. Pure: no clock, no database, no network."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.billing.catalogue import FREE
from service.config import Settings
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
    REPLACED = "replaced"


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
    ("shopper_vaulted", Step.RELEASED): ("released", Act.SIGNUP_RELEASED),
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
    ("stuck", Step.ACTIVATED): ("active", Act.SIGNUP_ACTIVE),
    ("stuck", Step.RELEASED): ("released", Act.SIGNUP_RELEASED),
    ("card_requested", Step.LOST): ("card_requested", Act.OUTCOME_UNKNOWN),
    ("card_requested", Step.DECLINED): ("declined", Act.SIGNUP_DECLINED),
    ("card_requested", Step.RELEASED): ("released", Act.SIGNUP_RELEASED),
    ("card_requested", Step.REPLACED): ("replaced", Act.CARD_REPLACED),
}


class Event(enum.StrEnum):
    """What can happen to a subscription. UNPAID: its billing day passed and BlueSnap could not charge; ENDING: it will not renew;
    CHANGED: other terms were confirmed; DISPUTED: a charge is disputed, until SETTLED.
    """

    ACTIVATED = "activated"
    VOIDED = "voided"
    CHARGED = "charged"
    RENEWED = "renewed"
    UNPAID = "unpaid"
    ENDING = "ending"
    RESUMED = "resumed"
    ENDED = "ended"
    CHANGED = "changed"
    DISPUTED = "disputed"
    SETTLED = "settled"


#: (status, event): next status, and the entry that it leaves. What is not here cannot happen.
SUBSCRIPTION_MOVES: dict[tuple[str, Event], tuple[str, Act]] = {
    ("incomplete", Event.ACTIVATED): ("active", Act.SUBSCRIPTION_ACTIVATED),
    ("incomplete", Event.VOIDED): ("void", Act.SUBSCRIPTION_VOIDED),
    ("active", Event.CHARGED): ("active", Act.CHARGE_RECORDED),
    ("active", Event.RENEWED): ("active", Act.SUBSCRIPTION_RENEWED),
    ("active", Event.UNPAID): ("past_due", Act.SUBSCRIPTION_PAST_DUE),
    ("active", Event.ENDING): ("active", Act.SUBSCRIPTION_ENDING),
    ("active", Event.RESUMED): ("active", Act.SUBSCRIPTION_RESUMED),
    ("active", Event.ENDED): ("ended", Act.SUBSCRIPTION_ENDED),
    ("active", Event.CHANGED): ("active", Act.SUBSCRIPTION_CHANGED),
    ("active", Event.DISPUTED): ("disputed", Act.SUBSCRIPTION_DISPUTED),
    ("past_due", Event.CHARGED): ("past_due", Act.CHARGE_RECORDED),
    ("past_due", Event.RENEWED): ("active", Act.SUBSCRIPTION_RENEWED),
    ("past_due", Event.ENDING): ("past_due", Act.SUBSCRIPTION_ENDING),
    ("past_due", Event.RESUMED): ("past_due", Act.SUBSCRIPTION_RESUMED),
    ("past_due", Event.ENDED): ("ended", Act.SUBSCRIPTION_ENDED),
    ("past_due", Event.CHANGED): ("past_due", Act.SUBSCRIPTION_CHANGED),
    ("past_due", Event.DISPUTED): ("disputed", Act.SUBSCRIPTION_DISPUTED),
    ("disputed", Event.CHARGED): ("disputed", Act.CHARGE_RECORDED),
    ("disputed", Event.RENEWED): ("disputed", Act.SUBSCRIPTION_RENEWED),
    ("disputed", Event.ENDING): ("disputed", Act.SUBSCRIPTION_ENDING),
    ("disputed", Event.RESUMED): ("disputed", Act.SUBSCRIPTION_RESUMED),
    ("disputed", Event.CHANGED): ("disputed", Act.SUBSCRIPTION_CHANGED),
    ("disputed", Event.SETTLED): ("active", Act.SUBSCRIPTION_DISPUTE_OVER),
    ("disputed", Event.ENDED): ("ended", Act.SUBSCRIPTION_ENDED),
    ("ended", Event.CHARGED): ("ended", Act.CHARGE_RECORDED),
    ("surplus", Event.CHARGED): ("surplus", Act.CHARGE_RECORDED),
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


def grace_end(paid_until: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The end of grace: so many billing days after the end of the paid period, not after the notice of the failure."""
    return start_of_day(paid_until.astimezone(zone).date() + timedelta(days=days), zone)


@dataclass(frozen=True)
class Access:
    """What an account may use at a moment, until when as far as that is known, and why.

    `reason` is free, paid, renewing, grace, canceled or disputed.
    """

    plan: str
    members: int | None
    until: datetime | None
    reason: str


FREE_ACCESS = Access(FREE, None, None, "free")


@dataclass(frozen=True)
class Rules:
    """The settings that access is derived with: days of grace, the zone of billing days, and what a disputed charge leaves (period, full or none)."""

    grace_days: int
    zone: ZoneInfo
    dispute_access: str

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Those of this deployment."""
        return cls(settings.grace_days, settings.billing_zone, settings.dispute_access)


def access_at(subscription: Subscription | None, now: datetime, rules: Rules) -> Access:
    """Access is not status. Past the paid period with renewal on and nothing heard, it stays while BlueSnap is asked (DESIGN section 3)."""
    if subscription is None or subscription.status not in {"active", "past_due", "disputed", "ended"}:
        return FREE_ACCESS
    until = subscription.paid_until
    over = until is not None and now >= until
    disputed = subscription.status == "disputed" and rules.dispute_access != "full"
    if disputed and rules.dispute_access == "none":
        return FREE_ACCESS
    if subscription.status == "ended" or not subscription.renews or disputed:
        reason = "disputed" if disputed else "canceled"
        return FREE_ACCESS if over or until is None else _granted(subscription, until, reason)
    if until is None or not over:
        return _granted(subscription, until, "paid")
    if subscription.next_plan is not None:  # the dearer plan was paid for until now
        subscription = dataclasses.replace(subscription, plan=subscription.next_plan)
    if subscription.status != "past_due":
        return _granted(subscription, None, "renewing")
    end = grace_end(until, rules.grace_days, rules.zone)
    return _granted(subscription, end, "grace") if now < end else FREE_ACCESS


def _granted(subscription: Subscription, until: datetime | None, reason: str) -> Access:
    return Access(subscription.plan, subscription.members, until, reason)
