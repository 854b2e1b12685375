"""Whose a shopper at BlueSnap is, for linking what BlueSnap has already. Only reads."""

from __future__ import annotations

from sqlalchemy import Connection, select

from service.store.models import SIGNUPS


def is_anothers(connection: Connection, provider_shopper: str, account: str) -> bool:
    """Whether a signup of another account made this shopper, however it ended: then what he pays for is that account's affair."""
    made = (SIGNUPS.c.provider_shopper == provider_shopper, SIGNUPS.c.account != account)
    return connection.execute(select(SIGNUPS.c.id).where(*made).limit(1)).first() is not None
