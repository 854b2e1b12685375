"""Months in the life of many accounts, on the simulator's clock: renewals, failures, changes and refunds, with lost notices, a failing BlueSnap and dying processes.

What comes of it is compared with BlueSnap's ledger and with an own reckoning of the plan rules (faults_reckoning.py), never with the service's word.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg

from tests.faults.faults_customers import CALLERS, Customer, Customers, path_of
from tests.faults.faults_reckoning import FREE, day_of, midnight
from tests.journeys.journeys_stage import PRICES

PLAN_IDS = {"team": 2340001, "business": 2340002}
#: A look that BlueSnap refused is made again within seconds; who is wrong for longer is wrong.
PATIENCE = 60.0
#: What goes through ten thousand accounts, one after the other, takes as long as it takes.
HOURS = 4 * 3_600
#: How notices leave in the weeks of a month, again and again.
MODES = ("send", "duplicate", "shuffle", "hold", "send", "drop", "duplicate", "hold")
FAULTS = (
    {"call": "get_subscription", "mode": "status", "times": 5},
    {"call": "list_charges", "mode": "drop_before", "times": 3},
    {"call": "get_subscription", "mode": "garbage", "times": 2},
    {"call": "update_subscription", "mode": "drop_after", "times": 2},
    {"call": "update_subscription", "mode": "drop_before"},
    {"call": "refund", "mode": "drop_after"},
    {"call": "create_subscription", "mode": "drop_after"},
)


class Year(Customers):
    """One run. `wrong` says what should not have happened."""

    def __init__(self, stage, accounts, *, seed=1, calm_weeks=0):
        """`calm_weeks`: of so many weeks between two, nobody is killed."""
        super().__init__(stage, seed)
        self.accounts, self.calm_weeks, self.wrong, self._kills = accounts, calm_weeks, [], []
        self.books = self.ledger = Decimal(0)

    # the beginning

    def begin(self):
        """Accounts that BlueSnap has already, with billing days over the whole month, and their adoption."""
        today = day_of(self.now())
        lines, wanted = [], []
        for number in range(self.accounts):
            plan, members = self.chance.choice(("team", "team", "business")), self.chance.randint(1, 20)
            paid_on = today - timedelta(days=number % 28)
            wanted.append(
                {"plan_id": PLAN_IDS[plan], "amount": f"{PRICES[plan] * members}.00", "paid_on": str(paid_on)}
            )
            lines.append((plan, members))
        made = self.lever("seed", {"subscriptions": wanted})["subscriptions"]
        rows = ["account,subscription"]
        for number, (one, (plan, members)) in enumerate(zip(made, lines, strict=True)):
            customer = Customer(
                f"acct-{number}", one["shopper_id"], [(datetime.min.replace(tzinfo=UTC), plan, members)]
            )
            self.customers[customer.account] = customer
            rows.append(f"{customer.account},{one['subscription_id']}")
        listed = self.stage.holds / "adopt.csv"
        listed.write_text("\n".join(rows))
        done = self.stage.command("adopt", str(listed), "--apply", within=HOURS)
        assert done.returncode == 0, (done.stdout[-500:], done.stderr[-500:])
        self.calm()
        self.read_ledger()

    # one month

    def month(self, number, everybody):
        """Days one by one; acts on four of them; the check on the 15th, of everybody each third month; the minutes around two midnights. The sweep."""
        begun = time.monotonic()
        first = day_of(self.now()) + timedelta(days=1)
        days = [first + timedelta(days=ahead) for ahead in range(30)]
        edges = set(self.chance.sample(days[2:], 2))
        for place, day in enumerate(days):
            if place % 7 == 1:
                self._week(number * 5 + place // 7)
            if day in edges:
                self.edge(day)
            else:
                self.go_to(midnight(day) + timedelta(hours=12))
            if place % 7 == 3:
                self.act()
            if day.day == 15:
                self.check(self.some(everybody if number % 3 == 2 else everybody // 10))
        self.sweep()
        spent = time.monotonic() - begun
        say(
            f"month {number + 1} in {spent:.0f} s: {len(self.book.taken)} charges, {self.figures['kills']} kills, {len(self.wrong)} wrong"
        )

    def _week(self, number):
        """The weather of a week: how notices leave, what BlueSnap does not answer, who is killed."""
        self._revive()
        self.lever("notices", {"mode": MODES[number % len(MODES)]})
        self.figures[f"weeks of {MODES[number % len(MODES)]}"] += 1
        fault = FAULTS[number % len(FAULTS)]
        self.lever("fail", fault)
        self.figures["faults of BlueSnap"] += fault.get("times", 1)
        if number % (self.calm_weeks + 1):
            return
        name = ("worker", "one of gunicorn's", "service")[number // (self.calm_weeks + 1) % 3]
        timer = threading.Timer(self.chance.uniform(0.05, 1.0), self._kill, (name,))
        self._kills.append((timer, name))
        timer.start()

    def _kill(self, name):
        """A whole part of the stack, or one of gunicorn's workers, of which it starts another at once."""
        if name == "one of gunicorn's":
            workers = self.stage.workers()
            if workers:
                self.stage.kill(self.chance.choice(workers))
        else:
            self.stage.kill_group(name)
        self.figures["kills"] += 1

    def _revive(self):
        """What was killed starts again. On this thread: a part ends with the thread that started it."""
        while self._kills:
            timer, name = self._kills.pop()
            timer.join()
            if name in self.stage.stack.children:
                self.stage.start_again(name)

    def edge(self, day):
        """A minute before and a minute after a midnight, those above all whose period ends there."""
        self.go_to(midnight(day) - timedelta(minutes=30))
        self.calm()  # the clock goes on meanwhile
        self.read_ledger()
        self.go_to(midnight(day) - timedelta(minutes=1))
        touched = [one for one in self.customers.values() if self._ends(one) == midnight(day)][:50]
        others = self.chance.sample(list(self.customers.values()), min(20, len(self.customers)))
        self.check([*touched, *others])
        self.go_to(midnight(day) + timedelta(minutes=1))
        self.check([*touched, *others])

    def _ends(self, customer):
        return self.book.current(customer.shopper).paid_until(self.now())

    def go_to(self, moment):
        """Let everything happen until then; who was killed on the way starts again."""
        self.lever("clock", {"set": moment.astimezone(UTC).isoformat()})
        self._revive()

    def calm(self):
        """Wait until nobody is killed any more, and every look that is asked for, every change and every refund under way is done."""
        self._revive()
        with psycopg.connect(self.stage.direct_url, autocommit=True) as connection:
            begun, left = time.monotonic(), None
            while left != (0,):
                assert time.monotonic() - begun < 900, f"not settled: {left} left"
                left = connection.execute(
                    "SELECT (SELECT count(*) FROM subscriptions WHERE look_at IS NOT NULL AND looked = 0 OR pending_change IS NOT NULL)"
                    " + (SELECT count(*) FROM signups WHERE state LIKE '%requested' OR state LIKE '%unknown' OR state = 'shopper_vaulted')"
                    " + (SELECT count(*) FROM refunds WHERE status IN ('requested', 'unknown'))"
                ).fetchone()
                time.sleep(0.05)

    # judging

    def check(self, customers):
        """Each has what the ledger says that he may have now. Who has not is asked again while the worker still looks."""
        self.calm()
        self.read_ledger()
        begun, wrong = time.monotonic(), self._differing(customers)
        while wrong and time.monotonic() - begun < PATIENCE:
            self.figures["asked again"] += len(wrong)
            time.sleep(0.5)
            wrong = self._differing([one for one, *_ in wrong])
        self.figures["access checked"] += len(customers)
        for one, given, due in wrong:
            kind = (
                "a paid account is locked out"
                if given == FREE
                else "access beyond the rules"
                if due == FREE
                else "another plan"
            )
            self.wrong.append(f"{kind}: {one.account} has {given}, due is {due}, at {self.now()}")

    def _differing(self, customers):
        now = self.now()

        def compared(one):
            said = self.persist("GET", path_of(one)).json()
            return one, said["access"]["plan"], self.book.access(one.shopper, now)

        with ThreadPoolExecutor(CALLERS) as pool:
            return [found for found in pool.map(compared, customers) if found[1] != found[2]]

    def sweep(self, *more):
        """As the worker does every few hours, by the wall clock."""
        self.calm()
        done = self.stage.command("sweep", "--apply", *more, within=HOURS)
        assert done.returncode in {0, 1}, (done.stdout[-300:], done.stderr[-300:])
        self.figures["sweeps"] += 1
        self.calm()

    def end(self, everybody):
        """Everything is said and done: the books of both sides, and everybody's access."""
        self.lever("notices", {"mode": "send"})
        for _ in range(2):
            self.sweep("--charges")
        self.check(self.some(everybody))
        self.compare_books()
        self._compare_amounts()
        for kind, number in self.stage.sql("SELECT kind, count(*) FROM tasks WHERE state = 'open' GROUP BY kind"):
            self.figures[f"task {kind}"] += number
        say(self.table())

    def table(self):
        """All figures, one a line."""
        money = {"books": self.books, "BlueSnap's ledger": self.ledger, "difference": self.books - self.ledger}
        wrong = {"wrong": len(self.wrong)}
        return "\n".join(
            f"{name:32} {number:>14}"
            for name, number in {**dict(sorted(self.figures.items())), **money, **wrong}.items()
        )

    def compare_books(self):
        """The payments and refunds of both sides, one by one and in sum."""
        ours = dict(self.stage.sql("SELECT reference, amount FROM charges"))
        back = dict(self.stage.sql("SELECT provider_refund, amount FROM refunds WHERE status = 'succeeded'"))
        given = {number: amount for number, (_, amount) in self.book.given.items()}
        for name, here, there in (("charge", ours, self.book.taken), ("refund", back, given)):
            for number in here.keys() | there.keys():
                if here.get(number) != there.get(number):
                    self.wrong.append(
                        f"books: {name} {number} is {here.get(number)} here and {there.get(number)} at BlueSnap"
                    )
        self.figures["charges"], self.figures["refunds"] = len(self.book.taken), len(given)
        self.books = sum(ours.values(), Decimal(0)) - sum(back.values(), Decimal(0))
        self.ledger = sum(self.book.taken.values(), Decimal(0)) - sum(given.values(), Decimal(0))
        if self.books != self.ledger:
            self.wrong.append(f"books: {self.books} here, {self.ledger} at BlueSnap")

    def _compare_amounts(self):
        """Every payment took what the platform had last been told that it would."""
        for one in self.customers.values():
            for sold in self.book.of_shopper[one.shopper]:
                for at, amount in sold.paid[1:]:
                    _, plan, members = [order for order in one.orders if order[0] <= at][-1]
                    if amount != PRICES[plan] * members:
                        self.wrong.append(
                            f"amount: {one.account} paid {amount} on {at}, agreed was {PRICES[plan] * members}"
                        )


def say(text):
    """Progress, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
