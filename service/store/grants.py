"""Grants of a look at one account. They are written with their entries by changes.py, and whether one may be given is not decided here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, or_, select

from service.store.database import many, one
from service.store.journal import Act
from service.store.models import ACCESS_GRANTS, ENTRIES, AccessGrant, Entry

#: From the moment at which a grant became live until somebody who had no part in it must have looked at what was done with it.
REVIEW_WITHIN = timedelta(days=7)
BREAK_GLASS_REVIEW_WITHIN = timedelta(hours=24)
G, E = ACCESS_GRANTS.c, ENTRIES.c


def get(connection: Connection, grant_id: str, *, lock_row: bool = False) -> AccessGrant | None:
    """A grant, held until the transaction ends if asked."""
    statement = select(ACCESS_GRANTS).where(G.id == grant_id)
    return one(connection, statement.with_for_update(key_share=True) if lock_row else statement, AccessGrant)


def page(connection: Connection, *, person: str, approves: bool, after: str | None, limit: int) -> list[AccessGrant]:
    """The grants of a person, and where that person approves those of others that wait for it, in the order in which they were asked for."""
    own = G.requested_by == person
    statement = select(ACCESS_GRANTS).where(or_(own, G.state == "requested") if approves else own)
    if after is not None:
        statement = statement.where(G.id > after)
    return many(connection, statement.order_by(G.id).limit(limit), AccessGrant)


def unended(connection: Connection, person: str) -> list[AccessGrant]:
    """What a person has asked for and nobody has ended, held until the transaction ends."""
    statement = select(ACCESS_GRANTS).where(G.requested_by == person, G.state.in_(("requested", "live")))
    return many(connection, statement.order_by(G.id).with_for_update(key_share=True), AccessGrant)


def listed(
    connection: Connection, *, account: str | None = None, to_review: bool = False, most: int
) -> list[AccessGrant]:
    """So many of the newest, oldest first: all, those of an account, or those that were live and that nobody has reviewed."""
    statement = select(ACCESS_GRANTS)
    if account is not None:
        statement = statement.where(G.account == account)
    if to_review:
        statement = statement.where(G.approved_at.is_not(None), G.reviewed_at.is_(None))
    return many(connection, statement.order_by(G.id.desc()).limit(most), AccessGrant)[::-1]


def looks(connection: Connection, grant_ids: Sequence[str]) -> list[Entry]:
    """Every look that was taken under these grants, the first one first."""
    statement = select(ENTRIES).where(E.act == Act.GRANT_LOOKED.value, E.subject.in_(grant_ids))
    return many(connection, statement.order_by(E.number), Entry)
