"""Background work: procrastinate's own tables, in a schema of their own. Arguments of jobs are ids only.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Install procrastinate's schema where it cannot meet our tables."""
    op.execute("CREATE SCHEMA jobs")
    op.execute("SET LOCAL search_path TO jobs")
    # exec_driver_sql without parameters: the script is full of percent signs and of several statements
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    op.execute("SET LOCAL search_path TO public")


def downgrade() -> None:
    """Drop it all."""
    op.execute("DROP SCHEMA jobs CASCADE")
