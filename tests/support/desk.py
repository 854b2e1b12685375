"""A platform, its signup page and the worker in one pair of hands, in process: opens sessions, completes them, lets time pass, looks into the tables."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from service.billing import accounts
from service.billing.buying import cards, checkout, reactivation, settle, signup
from service.bluesnap.payloads import Payer
from service.store.journal import Origin
from service.store.models import CHARGES, ENTRIES, NOTICES, SESSIONS, SIGNUPS, SUBSCRIPTIONS

PLATFORM = Origin("operator")
PAGE = Origin("session")
PAYER = Payer("Mira", "Okafor", "us", zip="02451")


class Desk:
    """`account` in every call may be left out: then it is the same one."""

    def __init__(self, tools, bluesnap):
        self.tools, self.bluesnap = tools, bluesnap

    def open(self, account="acct-a", plan="team", members=10, address=None, **order):
        """A new session; answers its id."""
        order = checkout.Order(account, plan, members, address, **order)
        return checkout.open_session(self.tools, PLATFORM, order).session.id

    def complete(self, session_id, **how):
        return signup.complete(self.tools, PAGE, session_id, signup.Completion(PAYER, **how))

    def open_for_card(self, account="acct-a", **order):
        """A new session that replaces the card; answers its id."""
        return checkout.open_session(self.tools, PLATFORM, checkout.Order(account, **order)).session.id

    def replace_card(self, session_id, **how):
        return cards.replace(self.tools, PAGE, session_id, cards.Replacement(**how))

    def reactivate(self, account="acct-a", **order):
        return reactivation.reactivate(self.tools, PLATFORM, reactivation.Order(account, **order))

    def renew(self, session_id):
        return checkout.renew_fields(self.tools, PAGE, session_id)

    def buy(self, **order):
        """Open and complete; answers the session's id."""
        session_id = self.open(**order)
        self.complete(session_id)
        return session_id

    def access(self, account="acct-a"):
        return accounts.read(self.tools, account).access

    def view(self, session_id):
        return checkout.read_session(self.tools, session_id)

    def status(self, session_id):
        return self.view(session_id).status

    def settle(self):
        """What the worker does when the quiet period is over."""
        self.let_leases_end()
        return settle.settle_due(self.tools)

    def let_leases_end(self):
        self._change_signups(lease_until=func.clock_timestamp())

    def age(self, **span):
        """Everything about signups happened that much earlier, by the database's clock."""
        back = timedelta(**span)
        self._change_signups(
            lease_until=SIGNUPS.c.lease_until - back,
            called_at=SIGNUPS.c.called_at - back,
        )

    @property
    def seconds_left(self):
        """Of the lease of the one signup there is."""
        with self.tools.engine.connect() as connection:
            left = connection.execute(select(SIGNUPS.c.lease_until - func.clock_timestamp())).scalar_one()
        return left.total_seconds()

    def _change_signups(self, **values):
        with self.tools.engine.begin() as connection:
            connection.execute(update(SIGNUPS).values(**values))

    def rows(self, table):
        """All rows of a table, in the order they were made."""
        order = table.c.number if table is ENTRIES else table.c.id
        with self.tools.engine.connect() as connection:
            return connection.execute(select(table).order_by(order)).all()

    @property
    def sessions(self):
        return self.rows(SESSIONS)

    @property
    def signups(self):
        return self.rows(SIGNUPS)

    @property
    def states(self):
        return [row.state for row in self.signups]

    @property
    def subscriptions(self):
        return self.rows(SUBSCRIPTIONS)

    @property
    def charges(self):
        return self.rows(CHARGES)

    @property
    def notices(self):
        return self.rows(NOTICES)

    @property
    def acts(self):
        """The story so far, from the journal. What became of notices is not in it; `notices` shows that."""
        return [row.act for row in self.rows(ENTRIES) if row.act != "notice.settled"]
