"""What waits, how much and for how long, for the gauges: one statement over partial indexes, which counts no further than a bound. Only reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from service.store import grants

#: Of one kind no more is counted than this, the longest waiting first: a long queue must not make its own reading slow.
MOST = 10_000
STATEMENT_MS = 2_000

# Each condition is written as its index has it (store/models), so that the planner knows it; the reviews and their days are those of
# store/reviews.py. Moments are database time, but those of notices,
# which are business time and come with :now. Without an address for events (:told) nobody waits for the feed.
_READ = """
SELECT 'signups' AS what, state::text AS label, count(*) AS number, extract(epoch FROM clock_timestamp() - min(called_at)) AS seconds FROM (
    SELECT state, called_at FROM signups WHERE state NOT IN ('active', 'declined', 'released', 'stuck', 'replaced')
    ORDER BY lease_until LIMIT :most) AS one GROUP BY state
UNION ALL SELECT 'signups', 'stuck', count(*), extract(epoch FROM clock_timestamp() - min(called_at)) FROM (
    SELECT called_at FROM signups WHERE state = 'stuck' ORDER BY called_at LIMIT :most) AS one
UNION ALL SELECT 'refunds', CASE WHEN lease_until IS NULL THEN 'stuck' ELSE status::text END AS label, count(*),
    extract(epoch FROM clock_timestamp() - min(called_at)) FROM (
    SELECT status, lease_until, called_at FROM refunds WHERE status IN ('requested', 'unknown', 'pending')
    ORDER BY lease_until NULLS LAST LIMIT :most) AS one GROUP BY 2
UNION ALL SELECT 'changes', '', count(*), extract(epoch FROM clock_timestamp() - min(pending_until)) FROM (
    SELECT pending_until FROM subscriptions WHERE pending_change IS NOT NULL ORDER BY pending_until LIMIT :most) AS one
UNION ALL SELECT 'looks', '', count(*), extract(epoch FROM clock_timestamp() - min(look_at)) FROM (
    SELECT look_at FROM subscriptions WHERE look_at IS NOT NULL AND look_at <= clock_timestamp() ORDER BY look_at LIMIT :most) AS one
UNION ALL SELECT 'notices', wanted.outcome, count(one.received_at), extract(epoch FROM :now - min(one.received_at)) FROM (
    VALUES ('waiting'), ('hint'), ('failed')) AS wanted (outcome) LEFT JOIN LATERAL (
    SELECT received_at FROM notices WHERE notices.outcome = wanted.outcome AND notices.outcome IN ('waiting', 'hint', 'failed')
    ORDER BY id LIMIT :most) AS one ON true GROUP BY wanted.outcome
UNION ALL SELECT 'events', 'pending', count(*), extract(epoch FROM clock_timestamp() - min(created_at)) FROM (
    SELECT created_at FROM events WHERE state = 'pending' ORDER BY next_at LIMIT :most) AS one
UNION ALL SELECT 'events', 'failed', count(*), extract(epoch FROM clock_timestamp() - min(created_at)) FROM (
    SELECT created_at FROM events WHERE state = 'failed' ORDER BY created_at LIMIT :most) AS one
UNION ALL SELECT 'feed', '', count(*), extract(epoch FROM clock_timestamp() - min(at)) FROM (
    SELECT entries.at FROM entries, event_cursor WHERE :told AND (entries.xid, entries.number) > (event_cursor.xid, event_cursor.number)
    ORDER BY entries.xid, entries.number LIMIT :most) AS one
UNION ALL SELECT 'unsigned', '', count(*), extract(epoch FROM clock_timestamp() - min(at)) FROM (
    SELECT entries.at FROM entries WHERE entries.number > (SELECT coalesce(max(checkpoints.number), 0) FROM checkpoints)
    ORDER BY entries.number LIMIT :most) AS one
UNION ALL SELECT 'uncopied', '', count(*), extract(epoch FROM clock_timestamp() - min(at)) FROM (
    SELECT at FROM checkpoints WHERE :archived AND state = 'signed' ORDER BY number LIMIT :most) AS one
UNION ALL SELECT 'unproven', '', count(*), extract(epoch FROM clock_timestamp() - min(at)) FROM (
    SELECT entries.at FROM entries WHERE :archived AND entries.number > (SELECT coalesce(max(c.number), 0) FROM checkpoints c WHERE c.state = 'copied')
    ORDER BY entries.number LIMIT 1) AS one
UNION ALL SELECT 'tasks', kind::text, count(*), extract(epoch FROM clock_timestamp() - min(opened_at)) FROM (
    SELECT kind, opened_at FROM tasks WHERE state = 'open' LIMIT :most) AS one GROUP BY kind
UNION ALL SELECT 'jobs', '', count(*), extract(epoch FROM clock_timestamp() - min(at)) FROM (
    SELECT coalesce(job.scheduled_at, min(event.at)) AS at FROM jobs.procrastinate_jobs AS job
    LEFT JOIN jobs.procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred'
    WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= clock_timestamp())
    GROUP BY job.id LIMIT :most) AS one
UNION ALL SELECT 'reviews', wanted.name, 1, extract(epoch FROM clock_timestamp() - coalesce(
    (SELECT max(done_at) FROM reviews WHERE reviews.name = wanted.name), (SELECT at FROM entries ORDER BY number LIMIT 1), clock_timestamp()))
    - 180 * 86400 FROM (VALUES ('rights'), ('people_and_keys')) AS wanted (name)
UNION ALL SELECT 'keys', '', count(*), extract(epoch FROM min(ends_at) - clock_timestamp()) FROM api_keys
    WHERE revoked_at IS NULL AND ends_at > clock_timestamp()
UNION ALL SELECT 'hand', '', count(*), 0 FROM (
    SELECT FROM entries WHERE act IN ('hand.created', 'hand.changed', 'hand.deleted') AND at > clock_timestamp() - interval '1 day' LIMIT :most) AS one
UNION ALL SELECT 'grants_live', CASE WHEN break_glass THEN 'break_glass' ELSE 'approved' END, count(*), 0 FROM (
    SELECT break_glass FROM access_grants JOIN people ON people.id = requested_by
    WHERE state = 'live' AND ends_at > clock_timestamp() AND left_at IS NULL LIMIT :most) AS one GROUP BY 2
UNION ALL SELECT 'grants_review', '', count(*), extract(epoch FROM clock_timestamp() - min(due)) FROM (
    SELECT approved_at + CASE WHEN break_glass THEN :day ELSE :week END AS due FROM access_grants
    WHERE approved_at IS NOT NULL AND reviewed_at IS NULL ORDER BY approved_at LIMIT :most) AS one WHERE due <= clock_timestamp()
UNION ALL SELECT 'rounds', name::text, coalesce(found, 0), extract(epoch FROM clock_timestamp() - ended_at) FROM jobs.rounds
"""


_REVIEWS = {"day": grants.BREAK_GLASS_REVIEW_WITHIN, "week": grants.REVIEW_WITHIN}


@dataclass(frozen=True)
class Standing:
    """So many of one kind wait, the longest for so many seconds: since its call, its order or its arrival, or beyond the moment at which it was due.

    Of `rounds` the label is the kind of round, `number` what it found, `seconds` the time since one ended well. Of `keys`, those that are
    good, the seconds are those until the first of them ends. Of `hand` the number is that of changes by hand within a day.
    """

    what: str
    label: str
    number: int
    seconds: float


def read(connection: Connection, *, now: datetime, told: bool, archived: bool) -> list[Standing]:
    """All of it. `now` is business time; `told`: the platform is told of events; `archived`: there is an archive. Raises what PostgreSQL raises, after two seconds at the latest."""
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
    rows = connection.execute(text(_READ), {"now": now, "told": told, "archived": archived, "most": MOST, **_REVIEWS})
    return [Standing(row.what, row.label, row.number, max(0.0, float(row.seconds or 0))) for row in rows]
