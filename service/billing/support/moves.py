"""The table of moves that a grant may make, and who may make them. Pure: no clock, no database, no network."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

from service.billing.lifecycle import MoveNotAllowedError
from service.store.grants import BREAK_GLASS_REVIEW_WITHIN, REVIEW_WITHIN
from service.store.journal import Act
from service.store.models import AccessGrant

#: A request that nobody has answered for so long cannot be approved any more: its reason is past.
REQUEST_LASTS = timedelta(hours=24)


class Step(enum.StrEnum):
    """What can happen to a grant."""

    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    REVIEWED = "reviewed"


#: How a grant begins, by whether the glass is broken: then nobody is asked first.
BEGINNINGS: dict[bool, tuple[str, Act]] = {
    False: ("requested", Act.GRANT_REQUESTED),
    True: ("live", Act.GRANT_BREAK_GLASS),
}
#: (status, step): (next state, the entry that it leaves). What is not here cannot happen. Live grants are over, and requests lapse, by themselves.
GRANT_MOVES: dict[tuple[str, Step], tuple[str, Act]] = {
    ("requested", Step.APPROVED): ("live", Act.GRANT_APPROVED),
    ("requested", Step.REFUSED): ("refused", Act.GRANT_REFUSED),
    ("requested", Step.WITHDRAWN): ("withdrawn", Act.GRANT_WITHDRAWN),
    ("live", Step.ENDED): ("ended", Act.GRANT_ENDED),
    ("over", Step.REVIEWED): ("reviewed", Act.GRANT_REVIEWED),
    ("ended", Step.REVIEWED): ("reviewed", Act.GRANT_REVIEWED),
}
STATUSES = ("requested", "live", "refused", "withdrawn", "ended", "reviewed", "lapsed", "over")


def grant_move(status: str, step: Step) -> tuple[str, Act]:
    """Where a step leads. Raises MoveNotAllowedError."""
    try:
        return GRANT_MOVES[status, step]
    except KeyError:
        raise MoveNotAllowedError from None


def status_at(grant: AccessGrant, now: datetime, *, left: bool = False) -> str:
    """What a grant is at a moment of database time. Of somebody who has `left`, a live one is over and a request lapsed."""
    if grant.state == "live" and (left or grant.ends_at is None or now >= grant.ends_at):
        return "over"
    if grant.state == "requested" and (left or now >= grant.requested_at + REQUEST_LASTS):
        return "lapsed"
    return grant.state


def took_part(grant: AccessGrant) -> set[str]:
    """The persons who have asked for a grant and approved it, neither of whom can review it."""
    return {person for person in (grant.requested_by, grant.approved_by) if person is not None}


def review_due(grant: AccessGrant) -> datetime | None:
    """Until when a grant that became live must have been reviewed; None for one that never did, or has been."""
    if grant.approved_at is None or grant.reviewed_at is not None:
        return None
    return grant.approved_at + (BREAK_GLASS_REVIEW_WITHIN if grant.break_glass else REVIEW_WITHIN)
