"""Forget an account: its links become a pseudonym's, its contents go out of the journal, its shoppers are to be deleted at BlueSnap. Leaves a tombstone."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from service.billing.tools import Tools
from service.store import database, erasing, journal
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import ShopperDeletion, Tombstone

#: What a pseudonym begins with; no platform's account may.
PSEUDONYM = "erased-"
#: BlueSnap deletes no shopper who has bought within twelve months (bluesnap/errors.md section 5, 14110); a day more, for its zones.
BOUGHT = timedelta(days=367)
Keys = Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Prospect:
    """What an erasure would do: how many rows of each table name the account, and how many shoppers BlueSnap is to delete. `refused` says why not."""

    refused: str | None
    rows: dict[str, int]
    shoppers: int


def look(tools: Tools, account: str) -> Prospect | None:
    """What would happen; None if there is no such account."""
    with tools.engine.begin() as connection:
        if erasing.created_at(connection, account) is None:
            return None
        refused = erasing.undecided(connection, account)
        return Prospect(refused, erasing.counts(connection, account), len(erasing.shoppers(connection, account)))


def digest_of(key: bytes, account: str, created_at: datetime) -> bytes:
    """What a tombstone knows of an account: nobody without the key can try names, and a new account of the same name is another."""
    micros = int(created_at.timestamp()) * 1_000_000 + created_at.microsecond
    return hmac.digest(key, f"{account}|{micros}".encode(), "sha256")


def erase(tools: Tools, origin: Origin, account: str, *, again: Tombstone | None = None) -> Tombstone | str | None:
    """Forget it. The tombstone; a word if something speaks against it; None if there is no such account. `again`: as it was forgotten before a recovery."""
    with tools.engine.begin() as connection:
        created_at = erasing.created_at(connection, account)
        if created_at is None:
            return None
        refused = erasing.undecided(connection, account)
        if refused is not None:
            return refused
        made = again or _tombstone(tools.settings.erasure_keys, account, created_at, database.now(connection))
        waiting = list(_deletions(tools, connection, account, made))
        emptied = erasing.erase(connection, account, made)
        image = {"entries": emptied.entries, "numbers": emptied.numbers}
        journal.write(connection, Act.ACCOUNT_ERASED, origin, subject=made.id, account=made.account, image=image)
        for deletion in waiting:
            erasing.queue(connection, deletion)
    return made


def _tombstone(keys: Keys, account: str, created_at: datetime, now: datetime) -> Tombstone:
    key_id, key = keys[0]
    tombstone_id = new_id("tb")
    return Tombstone(
        id=tombstone_id,
        account=PSEUDONYM + tombstone_id.partition("_")[2],
        digest=digest_of(key, account, created_at),
        key_id=key_id,
        erased_at=now,
        state=erasing.NEW,
    )


def _deletions(tools: Tools, connection: Connection, account: str, made: Tombstone) -> Sequence[ShopperDeletion]:
    """One for each shopper; the first try is when BlueSnap may allow it."""
    paid, now = erasing.last_charge(connection, account), database.now(connection)
    wait = max(paid + BOUGHT - tools.clock(), timedelta(0)) if paid is not None else timedelta(0)
    return [
        ShopperDeletion(
            id=new_id("sd"), account=made.account, provider_shopper=shopper, state=erasing.WAITING, attempts=0,
            next_at=now + wait, created_at=now,
        )
        for shopper in erasing.shoppers(connection, account)
    ]  # fmt: skip
