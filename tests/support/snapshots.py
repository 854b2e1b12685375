"""Every row of ours as it lies in the database, with who wrote it last: two readings are equal only if nothing was written between them."""

from __future__ import annotations

from service.store.models import METADATA


def row_versions(engine):
    """By table, each row with its place and the transaction that wrote it."""
    with engine.connect() as connection:
        return {
            name: connection.exec_driver_sql(f"SELECT ctid::text, xmin::text, one::text FROM {name} one").all()
            for name in METADATA.tables
        }
