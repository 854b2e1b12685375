"""Alembic's entry: runs the scripts on the connection it is given, one transaction for all."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="alembic_version", transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
