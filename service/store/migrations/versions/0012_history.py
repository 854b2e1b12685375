"""The rows of an account or of a record are found one by one, and of each its last version: however often it was changed.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

UP = """
DROP INDEX versions_by_subject, versions_by_account;
CREATE INDEX versions_by_subject ON versions (subject, kind, id);
CREATE INDEX versions_by_account ON versions (account, kind, subject, id) WHERE account IS NOT NULL;
"""
DOWN = """
DROP INDEX versions_by_subject, versions_by_account;
CREATE INDEX versions_by_subject ON versions (subject, id);
CREATE INDEX versions_by_account ON versions (account, id) WHERE account IS NOT NULL;
"""


def upgrade() -> None:
    """Make them anew."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """As they were."""
    op.get_bind().exec_driver_sql(DOWN)
