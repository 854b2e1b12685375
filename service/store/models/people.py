"""Who may come in as a person: staff and auditors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Table

from service.cardguard.domains import Domain
from service.store.models.columns import DIGEST, METADATA, MOMENT, OUR_ID, WORD, column, table


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody of the staff, or an auditor. Of who they are at the issuer only the SHA-256 is kept; their scopes are rows of their own."""

    id: str = column(OUR_ID, primary_key=True)
    identity: bytes = column(DIGEST, unique=True)
    environment: str = column(WORD)
    created_at: datetime = column(MOMENT)
    left_at: datetime | None = column(MOMENT, null=True)
    #: The database login that this person has, as the journal names it: `login:anna`.
    login: str | None = column(Domain("actor_ref"), null=True, unique=True)


PEOPLE = table(Person, "people")
PEOPLE_SCOPES = Table(
    "people_scopes",
    METADATA,
    Column("person_id", OUR_ID, ForeignKey("people.id"), primary_key=True),
    Column("scope", Domain("scope_word"), primary_key=True),
)
