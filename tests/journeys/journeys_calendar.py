"""Billing days, and stories told on one calendar: what a payer does, and what is so, moment by moment on BlueSnap's clock."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import requests
from journeys_stage import eventually

#: The zone of billing days.
PACIFIC = ZoneInfo("America/Los_Angeles")
#: Time enough for a look that is made again and again, on a busy machine.
PATIENCE = 40
#: How late an act on the calendar may be: less than the minute to midnight.
LATEST = timedelta(seconds=50)
NOON, FIRST_MINUTE, LAST_MINUTE = time(12), time(0, 1), time(23, 59)


def at(day, clock=NOON):
    """A moment by the wall clock of the billing zone."""
    return datetime.combine(day, clock, PACIFIC)


def starts(day):
    """The midnight at which a billing day begins, in UTC."""
    return at(day, time()).astimezone(UTC)


def before(day):
    """A minute before a billing day begins."""
    return at(day - timedelta(days=1), LAST_MINUTE)


def after(day):
    """A minute after a billing day has begun."""
    return at(day, FIRST_MINUTE)


def month_later(day):
    """The same day of the next month; of days that every month has."""
    return day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1)


def summer_time(year):
    """The days on which the billing zone's summer time begins and ends."""
    days = [date(year, 1, 1) + timedelta(days=number) for number in range(365)]
    return [day for day in days if at(day, time()).utcoffset() != at(day + timedelta(days=1), time()).utcoffset()]


@dataclass
class Life:
    """One payer on a stage; what a story is told about."""

    stage: object
    name: str

    def buys(self, plan, members):
        bought = self.stage.buy(self.name, plan, members)
        self.stage.meet(self.name)
        return bought

    def uses(self):
        """The plan and the members that the account may use now."""
        access = self.stage.account(self.name)["access"]
        return access["plan"], access["members"]

    def until(self):
        """The end of the paid period."""
        return datetime.fromisoformat(self.stage.subscription(self.name)["paid_until"])

    def paid(self):
        """The dollars that BlueSnap took, charge by charge."""
        return [float(amount) for amount in self.stage.charged(self.name)]

    def renewed(self):
        """Wait until the service knows of the renewal."""
        eventually(lambda: self.until() > self.stage.now(), within=PATIENCE)

    def change(self, **wish):
        return self.stage.change(self.name, **wish)

    def preview(self, **wish):
        return self.stage.preview(self.name, **wish)

    def cancel(self):
        return self.stage.cancel(self.name)


def told_on_one_calendar(stage, stories):
    """Tell stories, each a generator that yields the moment at which it goes on, in the order of these moments. By title: what went wrong, or None.

    Years go by on one clock, and the clock goes forward only: so they are told together.
    """
    pages, turns, outcomes = [], itertools.count(), {}
    for title, story in stories.items():
        heapq.heappush(pages, (next(story), next(turns), title, story))
    while pages:
        moment, _, title, story = heapq.heappop(pages)
        if moment > stage.now():
            stage.go_to(moment)
        try:
            assert stage.now() - moment < LATEST
            heapq.heappush(pages, (next(story), next(turns), title, story))
        except StopIteration:
            outcomes[title] = None
        except (AssertionError, LookupError, TypeError, requests.RequestException) as failed:
            outcomes[title] = failed
    return outcomes
