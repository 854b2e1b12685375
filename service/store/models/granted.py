"""What people are allowed for a while: grants of a look at one account. Holds no name of anybody, only our ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, text

from service.cardguard.domains import Domain
from service.store.models.columns import ACCOUNT, MOMENT, OUR_ID, WORD, column, table


@dataclass(frozen=True, kw_only=True)
class AccessGrant:
    """One person's right to see one account for some minutes: of `requested_by`. Each `…_by` is a person.

    `state` is requested, live, refused, withdrawn, ended or reviewed; *lapsed* and *over* are derived. All moments are database time.
    """

    id: str = column(OUR_ID, primary_key=True)
    account: str = column(ACCOUNT)
    purpose: str = column(WORD)
    ticket: str = column(Domain("ticket_ref"))
    minutes: int = column(Integer)
    break_glass: bool = column(Boolean)
    state: str = column(WORD)
    requested_by: str = column(OUR_ID, ForeignKey("people.id"))
    requested_at: datetime = column(MOMENT)
    approved_by: str | None = column(OUR_ID, ForeignKey("people.id"), null=True)
    approved_at: datetime | None = column(MOMENT, null=True)
    ends_at: datetime | None = column(MOMENT, null=True)
    ended_by: str | None = column(OUR_ID, ForeignKey("people.id"), null=True)
    ended_at: datetime | None = column(MOMENT, null=True)
    reviewed_by: str | None = column(OUR_ID, ForeignKey("people.id"), null=True)
    reviewed_at: datetime | None = column(MOMENT, null=True)


ACCESS_GRANTS = table(
    AccessGrant,
    "access_grants",
    Index("grants_by_person", "requested_by", "id"),
    Index("grants_requested", "id", postgresql_where=text("state = 'requested'")),
    Index("grants_live", "requested_by", "account", "ends_at", postgresql_where=text("state = 'live'")),
    Index("grants_to_review", "approved_at", postgresql_where=text("approved_at IS NOT NULL AND reviewed_at IS NULL")),
)
