"""What BlueSnap shows against what we have: the events that bring our record there. Pure. For statuses and dates BlueSnap wins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service.billing.lifecycle import Event, start_of_day
from service.store.models import Subscription

OVER = {"CANCELED", "FINISHED", "DELETED"}
#: BlueSnap charges some time on the billing day; only a day later is silence a failure.
PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Seen:
    """A subscription as a look showed it. `told_unpaid`: a notice has told of a failed renewal of this period."""

    status: str
    renews: bool | None
    next_charge_on: date | None
    told_unpaid: bool


Difference = tuple[Event, dict[str, Any]]


def differences(ours: Subscription, seen: Seen, *, now: datetime, zone: ZoneInfo) -> list[Difference]:
    """Every event that has happened, in the order in which it happened. None for a status that we do not understand: a person looks."""
    found: list[Difference] = []
    later = seen.next_charge_on is not None and (
        ours.next_charge_on is None or seen.next_charge_on > ours.next_charge_on
    )
    if later and seen.next_charge_on is not None:
        until = start_of_day(seen.next_charge_on, zone)
        found.append((Event.RENEWED, {"next_charge_on": seen.next_charge_on, "paid_until": until}))
    over = not later and ours.paid_until is not None and now >= ours.paid_until
    if seen.status in OVER or (over and seen.renews is False):
        return [*found, (Event.ENDED, {"ended_at": now, "renews": False})]
    if seen.renews is not None and seen.renews != ours.renews:
        found.append((Event.RESUMED if seen.renews else Event.ENDING, {"renews": seen.renews}))
    waited = ours.paid_until is not None and now >= ours.paid_until + PATIENCE
    if over and ours.status == "active" and (seen.told_unpaid or waited):
        found.append((Event.UNPAID, {}))
    return found


def is_understood(seen: Seen) -> bool:
    """Whether this status means something to us."""
    return seen.status == "ACTIVE" or seen.status in OVER
