"""Whether the database still guards itself: each domain is asked with a test card number, in a SELECT that stores nothing; and are there columns without a domain?"""

from __future__ import annotations

from typing import Any, cast

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from service.cardguard.domains import DOMAINS
from service.evidence import columns
from service.evidence.canaries import NUMBERS

#: What a domain of bytes takes otherwise: as long as it must be, and no digit in the rest.
_LONG = {"digest": 32, "sealed": 40, "signature": 64}


def open_domains(engine: Engine) -> dict[str, str]:
    """The domains that take a card number, each with the statement that puts its guard back. PostgreSQL refuses that while a row still breaks it."""
    found = {}
    for name, (base, check) in DOMAINS.items():
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(f"SELECT CAST(%s AS {name}) IS NULL", (_value(name, base),))
        except IntegrityError:
            continue
        found[name] = f"ALTER DOMAIN {name} ADD CONSTRAINT {name}_format CHECK ({check})"
    return found


def unguarded(engine: Engine) -> list[str]:
    """Columns that could hold a text and are of none of our domains: somebody made them by hand."""
    with engine.connect() as connection:
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        return [one.place for one in columns.listed(driver) if not one.guard]


def _value(name: str, base: str) -> str | bytes:
    if base == "bytea":
        return NUMBERS[0].encode().ljust(_LONG[name], b"\xff")
    return f'"{NUMBERS[0]}"' if base == "jsonb" else NUMBERS[0]
