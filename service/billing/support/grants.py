"""Ask for a grant, approve it, end it, review it. One person asks, another one approves, and who took part does not review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from service.billing import tasks
from service.billing.lifecycle import MoveNotAllowedError
from service.billing.support import moves
from service.billing.support.moves import Step
from service.billing.tools import Tools
from service.errors import Code, FieldError, Refusal
from service.store import changes, database, grants, people
from service.store import tasks as matters
from service.store.ids import new_id
from service.store.journal import Origin
from service.store.models import AccessGrant, Entry
from service.telemetry import metrics

#: The kind of task that a broken glass puts before people; its review closes it.
BREAK_GLASS = "break_glass"
log = structlog.get_logger()


@dataclass(frozen=True)
class Wish:
    """What somebody asks for. `minutes` None: as many as is usual."""

    account: str
    purpose: str
    ticket: str
    minutes: int | None = None
    break_glass: bool = False


@dataclass(frozen=True)
class GrantView:
    """A grant, and what it is now by the database's clock; `review_due` until when it must be reviewed, if it must."""

    grant: AccessGrant
    status: str
    review_due: datetime | None
    overdue: bool


@dataclass(frozen=True)
class Page:
    """Some grants. `following` is the place after the last of them, None if there are no more."""

    grants: list[GrantView]
    following: str | None


def ask(tools: Tools, origin: Origin, person: str, wish: Wish) -> GrantView:
    """A grant for this person, which waits for somebody else; with the glass broken it is live at once, and people are told. Raises Refusal."""
    minutes = _minutes(tools, wish)
    state, act = moves.BEGINNINGS[wish.break_glass]
    with tools.engine.begin() as connection:
        if people.has_left(connection, person):
            raise Refusal(Code.GRANT_NOT_OPEN)
        now = database.now(connection)
        lives = state == "live"
        grant = AccessGrant(
            id=new_id("gr"), account=wish.account, purpose=wish.purpose, ticket=wish.ticket, minutes=minutes,
            break_glass=wish.break_glass, state=state, requested_by=person, requested_at=now,
            approved_at=now if lives else None, ends_at=now + timedelta(minutes=minutes) if lives else None,
        )  # fmt: skip
        changes.add(connection, grant, act, origin)
        if wish.break_glass:
            tasks.open_task(connection, BREAK_GLASS, origin, subject=grant.id, account=grant.account)
    if wish.break_glass:
        metrics.GLASS_BROKEN.inc()
        log.warning(
            "grant.glass_broken", subject=grant.id, account=grant.account, actor=origin.actor, reason=grant.purpose
        )
    return _view(grant, now)


def approve(tools: Tools, origin: Origin, person: str, grant_id: str) -> GrantView:
    """Let it begin now. Raises Refusal: for whoever asked for it, and for one that does not wait any more."""
    with tools.engine.begin() as connection:
        grant = _held(connection, grant_id)
        if person == grant.requested_by:
            raise Refusal(Code.SECOND_PERSON_NEEDED)
        now = database.now(connection)
        changed = _moved(
            connection, grant, Step.APPROVED, origin,
            approved_by=person, approved_at=now, ends_at=now + timedelta(minutes=grant.minutes),
        )  # fmt: skip
        return _view(changed, database.now(connection))


def end(tools: Tools, origin: Origin, person: str, grant_id: str, *, approves: bool) -> GrantView:
    """Take it back at once: what was only asked for is withdrawn, or by somebody else who `approves` refused. Raises Refusal."""
    with tools.engine.begin() as connection:
        grant = _held(connection, grant_id)
        own = person == grant.requested_by
        if not own and not approves:
            raise Refusal(Code.GRANT_NOT_FOUND)
        not_begun = Step.WITHDRAWN if own else Step.REFUSED
        step = Step.ENDED if grant.state == "live" else not_begun
        changed = _moved(connection, grant, step, origin, ended_by=person, ended_at=database.now(connection))
        return _view(changed, database.now(connection))


def stop_all(connection: Connection, person: str, origin: Origin) -> int:
    """Whoever leaves takes no grant along, and finds none if they come back; how many were ended or withdrawn."""
    stopped = 0
    for grant in grants.unended(connection, person):
        step = Step.ENDED if grant.state == "live" else Step.WITHDRAWN
        if (moves.status_at(grant, database.now(connection)), step) in moves.GRANT_MOVES:
            _moved(connection, grant, step, origin, ended_at=database.now(connection))
            stopped += 1
    return stopped


def review(tools: Tools, origin: Origin, person: str, grant_id: str) -> GrantView:
    """Somebody who had no part in it has looked at what was done with it. Raises Refusal."""
    with tools.engine.begin() as connection:
        grant = _held(connection, grant_id)
        if person in moves.took_part(grant):
            raise Refusal(Code.SECOND_PERSON_NEEDED)
        changed = _moved(
            connection, grant, Step.REVIEWED, origin, reviewed_by=person, reviewed_at=database.now(connection)
        )
        matter = matters.of_matter(connection, BREAK_GLASS, grant.id, None)
        if matter is not None:
            tasks.close(connection, matter.id, "done", origin)
        return _view(changed, database.now(connection))


def show(tools: Tools, grant_id: str) -> GrantView:
    """A grant as it is now. Raises Refusal."""
    with tools.engine.connect() as connection:
        grant = grants.get(connection, grant_id)
        if grant is None:
            raise Refusal(Code.GRANT_NOT_FOUND)
        return _viewed(connection, [grant])[0]


def looks(tools: Tools, grant_id: str) -> list[Entry]:
    """Every look that was taken under a grant, the first one first."""
    with tools.engine.connect() as connection:
        return grants.looks(connection, [grant_id])


def own_and_open(tools: Tools, person: str, *, approves: bool, after: str | None, limit: int) -> Page:
    """A person's own grants and, for one who approves, those that wait for approval."""
    with tools.engine.connect() as connection:
        found = grants.page(connection, person=person, approves=approves, after=after, limit=limit + 1)
        viewed = _viewed(connection, found[:limit])
    return Page(viewed, found[limit - 1].id if len(found) > limit else None)


def listed(tools: Tools, *, account: str | None = None, to_review: bool = False, most: int = 200) -> list[GrantView]:
    """The newest grants, oldest first, for an operator."""
    with tools.engine.connect() as connection:
        return _viewed(connection, grants.listed(connection, account=account, to_review=to_review, most=most))


def _viewed(connection: Connection, found: list[AccessGrant]) -> list[GrantView]:
    now = database.now(connection)
    gone = {person for person in {grant.requested_by for grant in found} if people.has_left(connection, person)}
    return [_view(grant, now, left=grant.requested_by in gone) for grant in found]


def _view(grant: AccessGrant, now: datetime, *, left: bool = False) -> GrantView:
    due = moves.review_due(grant)
    return GrantView(grant, moves.status_at(grant, now, left=left), due, due is not None and now >= due)


def _minutes(tools: Tools, wish: Wish) -> int:
    settings = tools.settings
    most = settings.break_glass_minutes if wish.break_glass else settings.grant_most_minutes
    minutes = wish.minutes if wish.minutes is not None else min(settings.grant_minutes, most)
    if minutes > most:
        raise Refusal(Code.FIELD_MALFORMED, errors=(FieldError("/minutes", Code.FIELD_MALFORMED),))
    return minutes


def _held(connection: Connection, grant_id: str) -> AccessGrant:
    grant = grants.get(connection, grant_id, lock_row=True)
    if grant is None:
        raise Refusal(Code.GRANT_NOT_FOUND)
    return grant


def _moved(connection: Connection, grant: AccessGrant, step: Step, origin: Origin, **values: object) -> AccessGrant:
    """The grant after a step of the table, by what it is at this moment. Raises Refusal."""
    [viewed] = _viewed(connection, [grant])
    try:
        state, act = moves.grant_move(viewed.status, step)
    except MoveNotAllowedError:
        raise Refusal(Code.GRANT_NOT_OPEN) from None
    return changes.change(connection, grant, act, origin, state=state, **values)
