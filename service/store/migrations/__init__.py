"""Alembic's scripts: numbered, one head."""
