"""What an account may use at a moment, reckoned from BlueSnap's ledger by the plan rules (DESIGN section 3). Must never ask the service, nor use its code.

The rules: a payment gives access to the next billing day; where renewal is on and the billing day brought no payment, 60 days of grace follow the paid
period; what was cancelled, or has ended, ends with the paid period.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")
GRACE_DAYS = 60
PLANS = {"2340001": "team", "2340002": "business"}
FREE = "community"


def day_of(moment):
    """The billing day of a moment."""
    return moment.astimezone(PACIFIC).date()


def midnight(day):
    """The moment at which a billing day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=PACIFIC)


def billing_day_after(first, day):
    """The first billing day after a day, of what was first paid on `first`: monthly, cut to the end of a short month."""
    months = (day.year - first.year) * 12 + day.month - first.month
    found = _months_later(first, months)
    return found if found > day else _months_later(first, months + 1)


def _months_later(first, months):
    years, month = divmod(first.month - 1 + months, 12)
    last = calendar.monthrange(first.year + years, month + 1)[1]
    return date(first.year + years, month + 1, min(first.day, last))


@dataclass
class Sold:
    """A subscription as the ledger tells it. `terms` are (moment, plan, amount of the next charge), `life` (moment, renews, over)."""

    id: str
    shopper: str
    paid: list = field(default_factory=list)
    terms: list = field(default_factory=list)
    life: list = field(default_factory=list)
    over: bool = False

    def paid_until(self, moment):
        """The end of what was paid by then."""
        payments = [at for at, _ in self.paid if at <= moment]
        return midnight(billing_day_after(day_of(self.paid[0][0]), day_of(payments[-1]))) if payments else None

    def renews(self, moment):
        """Whether BlueSnap would charge again."""
        return next((renews for at, renews in reversed(self.life) if at <= moment), True)

    def began(self):
        return self.paid[0][0]

    def plan(self, moment):
        """The dearer of the plan that this period was paid for and the one that is agreed now; after the period, the one agreed."""
        agreed = self._agreed(moment)
        end = self.paid_until(moment)
        if end is None or moment >= end:
            return agreed
        last = [at for at, _ in self.paid if at <= moment][-1]
        return max(self._agreed(last), agreed, key=["team", "business"].index)

    def _agreed(self, moment):
        return next(plan for at, plan, _ in reversed(self.terms) if at <= moment)

    def standing(self, moment):
        """`paid`, `grace` (overdue, renewal on), `canceled` (paid, will end) or `over`."""
        end, renews = self.paid_until(moment), self.renews(moment)
        if moment < end:
            return "paid" if renews else "canceled"
        return "grace" if renews and moment < midnight(day_of(end) + timedelta(days=GRACE_DAYS)) else "over"


class Book:
    """The ledger, read on and on: subscriptions by number and by shopper, money by subscription."""

    def __init__(self):
        self.read_to = 0
        self.sold, self.of_shopper = {}, defaultdict(list)
        self.taken, self.given = {}, {}
        self._subscription_of = {}

    def feed(self, entries):
        """What happened since."""
        for entry in entries:
            self.read_to = entry["n"]
            kind = entry["kind"] if entry["kind"] != "change" else f"change of {entry['of']}"
            act = getattr(self, f"_{kind.replace(' ', '_')}", None)
            if act is not None:
                act(entry, datetime.fromisoformat(entry["at"]))

    def _subscription(self, entry, at):
        made = self.sold[entry["id"]] = Sold(entry["id"], entry["shopper_id"])
        self.of_shopper[entry["shopper_id"]].append(made)
        made.terms.append((at, PLANS[entry["plan_id"]], Decimal(entry["amount"])))

    def _charge(self, entry, at):
        of = self.sold[entry["subscription_id"]]
        self.taken[entry["id"]] = Decimal(entry["amount"])
        self._subscription_of[entry["id"]] = of.id
        if entry["type"] != "SWITCH":
            of.paid.append((at, Decimal(entry["amount"])))

    def _refund(self, entry, _at):
        self.given[entry["id"]] = (entry["transaction_id"], Decimal(entry["amount"]))

    def _change_of_subscription(self, entry, at):
        of = self.sold[entry["id"]]
        if "status" in entry:
            of.life.append((at, False))
            of.over = True
        if "auto_renew" in entry:
            of.life.append((at, entry["auto_renew"]))
        if "plan_id" in entry:
            of.terms.append((at, PLANS[entry["plan_id"]], Decimal(entry["amount"])))

    def current(self, shopper):
        """The last subscription of a shopper."""
        return self.of_shopper[shopper][-1]

    def access(self, shopper, moment):
        """The plan that a shopper may use then."""
        sold = [one for one in self.of_shopper[shopper] if one.paid and one.began() <= moment]
        if not sold or sold[-1].standing(moment) == "over":
            return FREE
        return sold[-1].plan(moment)

    def wrong_amounts(self):
        """Renewals that took another amount than was agreed before them."""
        return [
            (one.id, at.isoformat(), str(amount))
            for one in self.sold.values()
            for at, amount in one.paid[1:]
            if amount != [agreed for since, _, agreed in one.terms if since <= at][-1]
        ]
