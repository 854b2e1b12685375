"""The only way to what support may see of an account: functions of the database that belong to its owner. Must never read a table itself.

First a look is written down and committed (`look`); then, and only under that entry and a grant that is live by the database's clock, there are
rows (`view`). An entry that was rolled back shows nothing, because nothing could be read before it was committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, column, func, select

from service.store import deeds, seeing
from service.store.database import many
from service.store.journal import Act, Origin
from service.store.models import CHARGES, DISPUTES, REFUNDS, SUBSCRIPTIONS, Charge, Dispute, Refund, Subscription

#: By the table that a function answers rows of.
RECORDS: dict[str, tuple[Table, type]] = {
    "subscriptions": (SUBSCRIPTIONS, Subscription),
    "charges": (CHARGES, Charge),
    "refunds": (REFUNDS, Refund),
    "disputes": (DISPUTES, Dispute),
}


@dataclass(frozen=True)
class Look:
    """One look of one person at one account, under a grant: one request."""

    account: str
    grant: str
    person: str
    request: str


@dataclass(frozen=True)
class Seen:
    """All that we have of an account and that support may see: of charges and what belongs to them the newest fifty."""

    subscriptions: list[Subscription]
    charges: list[Charge]
    refunds: list[Refund]
    disputes: list[Dispute]


def look(connection: Connection, account: str, person: str, origin: Origin) -> Look | None:
    """Write down that this person looks at this account now; None, and nothing is written, without a live grant. Commit it before `view`."""
    grant = connection.execute(select(func.support_look(account, person, origin.request))).scalar_one()
    if grant is None or origin.request is None:
        return None
    deeds.remember(
        connection,
        act=Act.GRANT_LOOKED.value,
        actor=origin.actor,
        subject=grant,
        account=account,
        request_id=origin.request,
    )
    return Look(account, grant, person, origin.request)


def holds(connection: Connection, look: Look) -> bool:
    """Whether anything may be read under this look, still."""
    held = func.support_holds(look.account, look.grant, look.person, look.request)
    return bool(connection.execute(select(held)).scalar_one())


def unproven(connection: Connection) -> bool:
    """Whether nothing may be looked at by anybody, because the journal has not been proven for an hour."""
    return bool(connection.execute(select(func.journal_unproven())).scalar_one())


def view(connection: Connection, look: Look) -> Seen:
    """What is to be seen; nothing at all without a committed look and a live grant."""
    return Seen(*(_rows(connection, look, function) for function in seeing.SEEN))


def _rows(connection: Connection, look: Look, function: str) -> list[Any]:
    """The columns are named, so that one that a later schema adds is no surprise."""
    table, record = RECORDS[seeing.SEEN[function][0]]
    call = getattr(func, function)(look.account, look.grant, look.person, look.request)
    seen = call.table_valued(*(column(one.name, one.type) for one in table.c))
    return many(connection, select(seen).order_by(seen.c.id), record)
