"""What has done its service, and what waits for too long, is found by its age; the worker remembers when its rounds ended well.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

UP = """
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX events_delivered ON events (delivered_at) WHERE state = 'delivered';
CREATE INDEX events_failed ON events (created_at) WHERE state = 'failed';
CREATE INDEX signups_stuck ON signups (called_at) WHERE state = 'stuck';
CREATE INDEX subscriptions_changing ON subscriptions (pending_until) WHERE pending_change IS NOT NULL;
CREATE INDEX tasks_open ON tasks (kind, opened_at) WHERE state = 'open';
CREATE TABLE jobs.rounds (name word NOT NULL PRIMARY KEY, ended_at timestamp with time zone NOT NULL, found integer);
"""
DOWN = """
DROP TABLE jobs.rounds;
DROP INDEX tasks_open;
DROP INDEX subscriptions_changing;
DROP INDEX signups_stuck;
DROP INDEX events_failed;
DROP INDEX events_delivered;
DROP INDEX idempotency_keys_by_age;
"""


def upgrade() -> None:
    """Make the indexes and the table."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Drop them."""
    op.get_bind().exec_driver_sql(DOWN)
