"""What BlueSnap shows against what we have: the events that bring our record there. Pure. For statuses and dates BlueSnap wins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from service.billing.lifecycle import Event, start_of_day
from service.store.models import Subscription

OVER = {"CANCELED", "FINISHED", "DELETED"}
#: BlueSnap charges some time on the billing day; only a day later is silence a failure.
PATIENCE = timedelta(days=1)
DISPUTABLE = {"active", "past_due"}
#: Nothing that BlueSnap shows moves these any more.
PAST = {"ended", "surplus"}


@dataclass(frozen=True)
class Seen:
    """A subscription as a look showed it. `told_unpaid`: a notice has told of a failed renewal of this period; `disputed`: one of a dispute."""

    status: str
    renews: bool | None
    next_charge_on: date | None
    told_unpaid: bool
    disputed: bool = False


Difference = tuple[Event, dict[str, Any]]


def differences(ours: Subscription, seen: Seen, *, now: datetime, zone: ZoneInfo) -> list[Difference]:
    """Every event that has happened, in the order in which it happened. None for a status that we do not understand: a person looks."""
    if ours.status in PAST:
        return []
    found: list[Difference] = []
    later = seen.next_charge_on is not None and (
        ours.next_charge_on is None or seen.next_charge_on > ours.next_charge_on
    )
    if later and seen.next_charge_on is not None:
        found.append((Event.RENEWED, _renewed(ours, seen.next_charge_on, zone)))
    over = not later and ours.paid_until is not None and now >= ours.paid_until
    if seen.status in OVER or (over and seen.renews is False):
        # whoever takes it up again goes on with the plan that was agreed last, not with the dearer one that was paid for until now
        return [*found, (Event.ENDED, {"ended_at": now, "renews": False, **_plan_that_waited(ours), **NO_NEXT})]
    if seen.renews is not None and seen.renews != ours.renews:
        found.append((Event.RESUMED if seen.renews else Event.ENDING, {"renews": seen.renews}))
    waited = ours.paid_until is not None and now >= ours.paid_until + PATIENCE
    if over and ours.status == "active" and (seen.told_unpaid or waited):
        found.append((Event.UNPAID, {}))
    if seen.disputed and ours.status in DISPUTABLE:
        found.append((Event.DISPUTED, {}))
    if not seen.disputed and ours.status == "disputed":
        found.append((Event.SETTLED, {}))
    return found


NO_NEXT: dict[str, Any] = {"next_plan": None, "next_plan_version": None, "applies_from": None}


def _renewed(ours: Subscription, day: date, zone: ZoneInfo) -> dict[str, Any]:
    """A new period: with it the plan that waited for it, and the price that applied from its first day."""
    values = {"next_charge_on": day, "paid_until": start_of_day(day, zone), **_plan_that_waited(ours)}
    return values | (NO_NEXT if ours.next_plan is not None or ours.applies_from is not None else {})


def _plan_that_waited(ours: Subscription) -> dict[str, Any]:
    return {"plan": ours.next_plan, "plan_version": ours.next_plan_version} if ours.next_plan is not None else {}


def is_understood(seen: Seen) -> bool:
    """Whether this status means something to us."""
    return seen.status == "ACTIVE" or seen.status in OVER


def other_terms(
    ours: Subscription, provider_plan: str, *, plan_id: str | None, amount: Decimal | None, currency: str | None
) -> str | None:
    """What BlueSnap would charge by that is not agreed: a word, or None. An answer's silence proves nothing."""
    compared = {
        "plan": (plan_id, provider_plan),
        "amount": (amount, ours.amount),
        "currency": (currency, ours.currency),
    }
    return next((word for word, (seen, agreed) in compared.items() if seen is not None and seen != agreed), None)
