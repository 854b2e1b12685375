"""What is made with one of our secret keys says with which. Rows that are there already do not, and are compared by all of them.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

UP = """
CREATE DOMAIN secret_id AS text CONSTRAINT secret_id_format CHECK (VALUE ~ '^[A-Za-z]{1,8}$');
ALTER TABLE checkout_sessions ADD key_id secret_id;
ALTER TABLE idempotency_keys ADD key_id secret_id;
ALTER TABLE notices ADD key_id secret_id;
SELECT keep_versions('checkout_sessions');
SELECT keep_versions('notices');
"""
DOWN = """
DROP TRIGGER keep_changes ON checkout_sessions;
DROP TRIGGER keep_changes ON notices;
ALTER TABLE notices DROP key_id;
ALTER TABLE idempotency_keys DROP key_id;
ALTER TABLE checkout_sessions DROP key_id;
DROP DOMAIN secret_id;
SELECT keep_versions('checkout_sessions');
SELECT keep_versions('notices');
"""


def upgrade() -> None:
    """Add the columns, empty: no row is rewritten."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Drop them: all keys are tried again."""
    op.get_bind().exec_driver_sql(DOWN)
