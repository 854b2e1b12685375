"""Digests and sealed values, too, refuse what somebody writes by hand: bytes that are a run of digits.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

UP = r"""
ALTER DOMAIN digest DROP CONSTRAINT digest_format;
ALTER DOMAIN digest ADD CONSTRAINT digest_format CHECK (octet_length(VALUE) = 32 AND encode(VALUE, 'escape') !~ '([0-9][^0-9\\]?){13}');
ALTER DOMAIN sealed DROP CONSTRAINT sealed_format;
ALTER DOMAIN sealed ADD CONSTRAINT sealed_format CHECK (octet_length(VALUE) BETWEEN 37 AND 2400 AND encode(VALUE, 'escape') !~ '([0-9][^0-9\\]?){13}');
"""
DOWN = """
ALTER DOMAIN sealed DROP CONSTRAINT sealed_format;
ALTER DOMAIN sealed ADD CONSTRAINT sealed_format CHECK (octet_length(VALUE) BETWEEN 37 AND 2400);
ALTER DOMAIN digest DROP CONSTRAINT digest_format;
ALTER DOMAIN digest ADD CONSTRAINT digest_format CHECK (octet_length(VALUE) = 32);
"""


def upgrade() -> None:
    """Narrow the two domains of bytes."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Let any bytes of their lengths in again."""
    op.get_bind().exec_driver_sql(DOWN)
