"""What records are declared with: columns of our domains, and the table that a record makes."""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Numeric, Table

from service.cardguard.domains import Domain

METADATA = MetaData()
OUR_ID = Domain("our_id")
ACCOUNT = Domain("account_ref")
PROVIDER_REF = Domain("provider_ref")
WORD = Domain("word")
DIGEST = Domain("digest")
#: Which of PANLESS_SECRET_KEYS made something.
SECRET_ID = Domain("secret_id")
MOMENT = DateTime(timezone=True)
MONEY = Numeric(12, 3)


def column(column_type: Any, *arguments: Any, null: bool = False, **options: Any) -> Any:
    """A column that may be empty is None unless a record says otherwise."""
    metadata = {"column": lambda name: Column(name, column_type, *arguments, nullable=null, **options)}
    return field(default=None, metadata=metadata) if null else field(metadata=metadata)


def table(record: type, name: str, *extra: Any) -> Table:
    """The table of a record: its columns in the order of its fields."""
    return Table(name, METADATA, *(item.metadata["column"](item.name) for item in fields(record)), *extra)
