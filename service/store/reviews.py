"""Reviews that people owe: which there are, how often each is due, when it was done last. Appended, never altered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from service.cardguard.formats import REVIEWS as REVIEWS_DUE
from service.store import database
from service.store.ids import new_id
from service.store.journal import Act, Origin, append
from service.store.models import ENTRIES, REVIEWS, Review

#: After so many days each is due again: "every six months" (PCI DSS 7.2.4, 7.2.5.1), which are 181 days at the least.
DAYS = 180


@dataclass(frozen=True)
class Due:
    """How one of them stands: when it was done last, if ever, and when it is due."""

    name: str
    done_at: datetime | None
    due_at: datetime
    overdue: bool


def standing(connection: Connection) -> list[Due]:
    """All of them. One that was never done is counted from the first entry of the journal: a young deployment owes none yet."""
    now = database.now(connection)
    began = connection.execute(select(ENTRIES.c.at).order_by(ENTRIES.c.number).limit(1)).scalar_one_or_none()
    last = select(REVIEWS.c.name, func.max(REVIEWS.c.done_at)).group_by(REVIEWS.c.name)
    done: dict[str, datetime] = dict(list(connection.execute(last)))
    found = []
    for name in REVIEWS_DUE:
        due = (done.get(name) or began or now) + timedelta(days=DAYS)
        found.append(Due(name, done.get(name), due, due < now))
    return found


def record(connection: Connection, name: str, origin: Origin) -> Review:
    """A person has done it now."""
    review = Review(id=new_id("rv"), name=name, done_at=database.now(connection), by=origin.actor)
    connection.execute(insert(REVIEWS).values(**vars(review)))
    append(connection, Act.REVIEW_DONE, review, origin)
    return review
