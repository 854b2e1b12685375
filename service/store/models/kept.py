"""What people have looked over, so that who may do what stays as few as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index

from service.cardguard.domains import Domain
from service.store.models.columns import MOMENT, OUR_ID, WORD, column, table


@dataclass(frozen=True, kw_only=True)
class Review:
    """One that a person has done. How often each is due: store/reviews.py."""

    id: str = column(OUR_ID, primary_key=True)
    name: str = column(WORD)
    done_at: datetime = column(MOMENT)
    by: str = column(Domain("actor_ref"))


REVIEWS = table(Review, "reviews", Index("reviews_by_name", "name", "done_at"))
