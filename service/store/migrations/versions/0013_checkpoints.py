"""Checkpoints of the journal's chain, signed with a key that the database does not hold.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

UP = r"""
CREATE DOMAIN signature AS bytea CONSTRAINT signature_format CHECK (octet_length(VALUE) = 64 AND encode(VALUE, 'escape') !~ '([0-9][^0-9\\]?){13}');
CREATE TABLE checkpoints (
    number bigint NOT NULL PRIMARY KEY,
    hash digest NOT NULL,
    at timestamp with time zone NOT NULL,
    key_id word NOT NULL,
    signature signature NOT NULL,
    state word DEFAULT 'signed' NOT NULL
);
CREATE INDEX checkpoints_to_copy ON checkpoints (number) WHERE state = 'signed';
CREATE INDEX checkpoints_copied ON checkpoints (number) WHERE state = 'copied';
"""
DOWN = """
DROP TABLE checkpoints;
DROP DOMAIN signature;
"""


def upgrade() -> None:
    """Make the table."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Drop it."""
    op.get_bind().exec_driver_sql(DOWN)
