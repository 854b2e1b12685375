"""A few hundred changes in a service's life, one after the other, some made by hand; and how every row stood at moments between them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

import psycopg
from psycopg import sql

from service.billing.life.cancellation import Order, change_renewal
from service.billing.money import refunds
from service.store import database
from service.store.models import CHARGES, SESSIONS, SUBSCRIPTIONS
from tests.support.desk import PLATFORM, Desk
from tests.support.fake_bluesnap import FakeBlueSnap
from tests.support.tools import StillClock, tools_over

#: Business tables with the column that names a row.
KEYS = {
    "accounts": "account",
    "checkout_sessions": "id",
    "signups": "id",
    "subscriptions": "id",
    "charges": "id",
    "prices": "id",
    "refunds": "id",
    "disputes": "id",
    "tasks": "id",
}


@dataclass(frozen=True)
class Moment:
    """A moment by the database's clock at which nobody was writing, as text with its zone, and every row by (table, id) as it was then."""

    at: str
    rows: dict


def rows_of(url):
    """Every business row as JSON, by table and id."""
    found = {}
    with psycopg.connect(url) as connection:
        for table, key in KEYS.items():
            query = sql.SQL("SELECT {}, to_jsonb(one) FROM {} one").format(sql.Identifier(key), sql.Identifier(table))
            found |= {(table, name): row for name, row in connection.execute(query)}
    return found


class Life:
    """Customers come, buy, cancel, resume and get money back; somebody with a shell changes rows and deletes them."""

    def __init__(self, url, *, seed):
        self.url, self.chance = url, random.Random(seed)
        self.engine = database.connect(url, pool_size=2)
        self.bluesnap = FakeBlueSnap()
        self.desk = Desk(tools_over(self.engine, self.bluesnap, StillClock()), self.bluesnap)
        self.accounts, self.moments = [], []
        self.deeds = (
            [self.come] * 4 + [self.renew] * 3 + [self.turn] * 4 + [self.give_back] * 2 + [self.touch, self.lose]
        )

    def go_on(self, times):
        for _ in range(times):
            self.chance.choice(self.deeds)()
            self.moments.append(self.now())

    def now(self):
        """Nobody writes, so that the rows are those of this moment. A commit later than it has a later time."""
        with psycopg.connect(self.url) as connection:
            (at,) = connection.execute("SELECT clock_timestamp()::text").fetchone()
        return Moment(at, rows_of(self.url))

    def come(self):
        account = f"acct-{'abcdefghijklmnop'[len(self.accounts) // 16]}{'abcdefghijklmnop'[len(self.accounts) % 16]}"
        self.accounts.append(account)
        self.desk.buy(
            account=account, plan=self.chance.choice(["team", "business"]), members=self.chance.randint(1, 30)
        )

    def renew(self):
        """A session that nobody completes."""
        session = self.desk.open(account=f"acct-visitor-{'abcdefgh'[self.chance.randrange(8)]}")
        self.desk.renew(session)

    def turn(self):
        """Cancelled, or taken back."""
        found = [row for row in self.desk.subscriptions if row.status == "active"]
        if found:
            row = self.chance.choice(found)
            change_renewal(self.desk.tools, PLATFORM, row.account, Order.CANCEL if row.renews else Order.RESUME)

    def give_back(self):
        found = self.desk.rows(CHARGES)
        if found:
            wanted = refunds.Order(Decimal("1.00"), "requested_by_customer", cancel_subscription=False)
            refunds.order(self.desk.tools, PLATFORM, self.chance.choice(found).id, wanted)

    def touch(self):
        self._by_hand("UPDATE subscriptions SET members = members + 1 WHERE id = %s", self.desk.rows(SUBSCRIPTIONS))

    def lose(self):
        visited = [row for row in self.desk.rows(SESSIONS) if row.account.startswith("acct-visitor")]
        self._by_hand("DELETE FROM checkout_sessions WHERE id = %s", visited)

    def _by_hand(self, statement, rows):
        if rows:
            with psycopg.connect(self.url) as connection:
                connection.execute(statement, [self.chance.choice(rows).id])
