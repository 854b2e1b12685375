"""Days and moments of billing: which day it is in the billing zone, and when a subscription's next charge is due. It must never change anything."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from simulator.clock import local_start

if TYPE_CHECKING:
    from simulator.entities import Subscription
    from simulator.world import World


def today(world: World) -> date:
    """The billing day."""
    return world.clock.now().astimezone(world.behaviour.billing_zone).date()


def moment_on(world: World, subscription: Subscription, day: date) -> datetime:
    """When a charge of that day happens, in UTC: the start of the billing day, or the time of day of the signup."""
    zone = world.behaviour.billing_zone
    seconds = 0
    if world.behaviour.renewal_time == "signup":
        signed_up = subscription.created_at.astimezone(zone)
        seconds = signed_up.hour * 3600 + signed_up.minute * 60 + signed_up.second
    return local_start(day, zone, seconds).astimezone(UTC)


def due_moment(world: World, subscription: Subscription) -> datetime | None:
    """When the next charge is tried, in UTC; None when none will be."""
    day = subscription.attempt_on or subscription.next_charge
    return moment_on(world, subscription, day) if day else None


def period_end(world: World, subscription: Subscription) -> datetime | None:
    """When the paid period ends, in UTC; while a failed renewal is being retried that lies in the past."""
    return moment_on(world, subscription, subscription.next_charge) if subscription.next_charge else None
