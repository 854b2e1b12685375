"""Reviews that people have done: of rights, of people and keys.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

UP = """
CREATE TABLE reviews (
    id our_id NOT NULL PRIMARY KEY, name word NOT NULL, done_at timestamp with time zone NOT NULL, by actor_ref NOT NULL
);
CREATE INDEX reviews_by_name ON reviews (name, done_at);
"""
DOWN = """
DROP TABLE reviews;
"""


def upgrade() -> None:
    """Make the table."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Drop it."""
    op.get_bind().exec_driver_sql(DOWN)
