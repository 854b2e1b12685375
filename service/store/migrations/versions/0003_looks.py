"""Looks and changes: a subscription remembers when BlueSnap is to be asked about it, whether it renews, when it ended, and what was ordered.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

# Every new column has a default or may be empty, so that code of the schema before can go on inserting.
UP = """
ALTER TABLE subscriptions
    ADD COLUMN renews boolean DEFAULT true NOT NULL,
    ADD COLUMN ended_at timestamp with time zone,
    ADD COLUMN look_at timestamp with time zone,
    ADD COLUMN looked integer DEFAULT 0 NOT NULL,
    ADD COLUMN pending_change word,
    ADD COLUMN pending_until timestamp with time zone;
DROP INDEX one_purchase_per_account;
CREATE UNIQUE INDEX one_purchase_per_account ON subscriptions (account) WHERE status IN ('incomplete', 'active', 'past_due');
CREATE INDEX subscriptions_to_look_at ON subscriptions (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX subscriptions_by_period ON subscriptions (paid_until) WHERE status IN ('active', 'past_due');
"""
DOWN = """
DROP INDEX subscriptions_by_period;
DROP INDEX subscriptions_to_look_at;
DROP INDEX one_purchase_per_account;
CREATE UNIQUE INDEX one_purchase_per_account ON subscriptions (account) WHERE status IN ('incomplete', 'active');
ALTER TABLE subscriptions DROP COLUMN pending_until, DROP COLUMN pending_change, DROP COLUMN looked, DROP COLUMN look_at, DROP COLUMN ended_at, DROP COLUMN renews;
"""


def upgrade() -> None:
    """Add what looks need."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Take it away."""
    op.get_bind().exec_driver_sql(DOWN)
