"""The reckoning that judges a year says itself what the plan rules say, on made-up ledgers. It needs no stack."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from tests.faults.faults_reckoning import PACIFIC, Book, billing_day_after, midnight


class Ledger:
    """Entries of one customer, in order."""

    def __init__(self, plan="2340001", on=date(2027, 6, 5), amount="29.00"):
        self.book, self._number = Book(), 0
        self.tell(on, "subscription", "1", shopper_id="9", plan_id=plan, amount=amount)
        self.pay(on, amount, "INITIAL")

    def tell(self, day, kind, number, **facts):
        self._number += 1
        at = datetime(day.year, day.month, day.day, 10, tzinfo=PACIFIC).isoformat()
        self.book.feed([{"n": self._number, "at": at, "kind": kind, "id": number, **facts}])

    def pay(self, day, amount="29.00", kind="RECURRING"):
        self.tell(day, "charge", f"c{self._number}", subscription_id="1", amount=amount, type=kind)

    def change(self, day, **facts):
        self.tell(day, "change", "1", of="subscription", **facts)

    def access(self, moment):
        return self.book.access("9", moment)

    def around(self, day):
        """A minute before and a minute after a midnight."""
        minute = timedelta(minutes=1)
        return self.access(midnight(day) - minute), self.access(midnight(day) + minute)


def test_canceled_plan_lasts_to_the_end_of_what_was_paid():
    ledger = Ledger()
    ledger.change(date(2027, 6, 10), auto_renew=False)
    assert ledger.around(date(2027, 7, 5)) == ("team", "community")


def test_overdue_plan_has_sixty_days_of_grace():
    ledger = Ledger()
    assert ledger.around(date(2027, 7, 5)) == ("team", "team")
    assert ledger.around(date(2027, 9, 3)) == ("team", "community")


def test_payment_in_grace_counts_to_the_next_billing_day():
    ledger = Ledger()
    ledger.pay(date(2027, 7, 19))
    assert ledger.book.current("9").paid_until(midnight(date(2027, 7, 30))) == midnight(date(2027, 8, 5))


def test_cancellation_in_grace_ends_the_plan_at_once():
    ledger = Ledger()
    ledger.change(date(2027, 7, 10), auto_renew=False)
    assert ledger.access(midnight(date(2027, 7, 10))) == "team"
    assert ledger.access(midnight(date(2027, 7, 11))) == "community"


def test_dearer_plan_counts_at_once_and_a_cheaper_one_with_the_next_period():
    up, down = Ledger(), Ledger(plan="2340002", amount="49.00")
    up.change(date(2027, 6, 17), plan_id="2340002", amount="49.00", auto_renew=True)
    down.change(date(2027, 6, 17), plan_id="2340001", amount="29.00", auto_renew=True)
    later = midnight(date(2027, 6, 18))
    assert (up.access(later), down.access(later)) == ("business", "business")
    assert down.around(date(2027, 7, 5)) == ("business", "team")


@pytest.mark.parametrize(
    ("first", "day", "following"),
    [
        (date(2027, 1, 31), date(2027, 1, 31), date(2027, 2, 28)),
        (date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31)),
        (date(2027, 1, 31), date(2027, 2, 27), date(2027, 2, 28)),
        (date(2027, 12, 15), date(2027, 12, 20), date(2028, 1, 15)),
        (date(2027, 12, 15), date(2028, 1, 14), date(2028, 1, 15)),
    ],
)
def test_billing_days_return_to_the_day_of_the_first(first, day, following):
    assert billing_day_after(first, day) == following
