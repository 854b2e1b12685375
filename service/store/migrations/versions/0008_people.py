"""Staff and auditors come in as people, and every key ends; whoever acts may be a person, or a login of the database. A key that is there already ends 365 days after this.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

UP = """
CREATE TABLE people (
    id our_id NOT NULL,
    identity digest NOT NULL,
    environment word NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    left_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (identity)
);
CREATE TABLE people_scopes (
    person_id our_id NOT NULL,
    scope scope_word NOT NULL,
    PRIMARY KEY (person_id, scope),
    FOREIGN KEY(person_id) REFERENCES people (id)
);
ALTER TABLE api_keys ADD ends_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp() + interval '365 days';
ALTER DOMAIN actor_ref DROP CONSTRAINT actor_ref_format;
ALTER DOMAIN actor_ref ADD CONSTRAINT actor_ref_format CHECK (VALUE ~ '^((key|session|worker|bluesnap|operator|person)(:[a-z]{2,4}_[bcdfghjklmnpqrstvwxz]{30})?|login:[a-z_]{1,24}([0-9]{1,6}[a-z_]{0,24})?)$');
"""
DOWN = """
ALTER DOMAIN actor_ref DROP CONSTRAINT actor_ref_format;
ALTER DOMAIN actor_ref ADD CONSTRAINT actor_ref_format CHECK (VALUE ~ '^(key|session|worker|bluesnap|operator)(:[a-z]{2,4}_[bcdfghjklmnpqrstvwxz]{30})?$');
ALTER TABLE api_keys DROP ends_at;
DROP TABLE people_scopes;
DROP TABLE people;
"""


def upgrade() -> None:
    """Make the tables and the column, and widen the domain."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Drop them; entries of people must be gone before."""
    op.get_bind().exec_driver_sql(DOWN)
