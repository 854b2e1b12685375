"""Grants as tests want them: people who ask and approve, a live grant, and the end of one without a wait."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, update

from service.billing.support import grants
from service.store.ids import new_id
from service.store.journal import Origin
from service.store.models import ACCESS_GRANTS
from tests.support.people import add_person

ALL = ("grants:request", "grants:approve", "support:read")


def acting(staff):
    """The person as the journal names them, in a request of their own."""
    return Origin(f"person:{staff.id}", new_id("req"))


def move(engine, grant_id, **values):
    """Change a row past the triggers that keep its versions."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.execute(update(ACCESS_GRANTS).where(ACCESS_GRANTS.c.id == grant_id).values(**values))


class Granting:
    """`anna` asks, `bert` approves, `cleo` has no part in it."""

    def __init__(self, tools, issuer):
        self.tools = tools
        self.anna, self.bert, self.cleo = (
            add_person(tools.engine, issuer, name, *ALL) for name in ("anna", "bert", "cleo")
        )

    def ask(self, account="acct-a", *, by=None, purpose="payment_problem", ticket="SUP-1234", **wish):
        who = by or self.anna
        return grants.ask(self.tools, acting(who), who.id, grants.Wish(account, purpose, ticket, **wish))

    def approve(self, grant_id, *, by=None):
        who = by or self.bert
        return grants.approve(self.tools, acting(who), who.id, grant_id)

    def end(self, grant_id, *, by=None, approves=True):
        who = by or self.bert
        return grants.end(self.tools, acting(who), who.id, grant_id, approves=approves)

    def review(self, grant_id, *, by=None):
        who = by or self.cleo
        return grants.review(self.tools, acting(who), who.id, grant_id)

    def status(self, grant_id):
        return grants.show(self.tools, grant_id).status

    def live(self, account="acct-a", **wish):
        """The id of a grant of Anna's that Bert has approved."""
        return self.approve(self.ask(account, **wish).grant.id).grant.id

    def move(self, grant_id, **values):
        """Change a grant as time would: without a wait, and without anybody who did it."""
        move(self.tools.engine, grant_id, **values)

    def let_end(self, grant_id, *, seconds=0.0):
        """It ends so many seconds from now, by the database's clock."""
        self.move(grant_id, ends_at=func.clock_timestamp() + timedelta(seconds=seconds))

    def long_ago(self, grant_id, *, hours):
        """It began, and ended, so many hours ago."""
        moment = func.clock_timestamp() - timedelta(hours=hours)
        self.move(grant_id, approved_at=moment, ends_at=moment)
