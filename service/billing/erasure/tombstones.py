"""Tombstones off the host: one write-once file each, so that no recovery forgets what was forgotten. Holds no name of an account, nor anything that gives one away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from service.archive import Archive
from service.billing.erasure import erasing as forgetting
from service.billing.tools import Tools
from service.store import erasing
from service.store.journal import Origin
from service.store.models import Tombstone

FOLDER = "tombstones"
BATCH = 200


@dataclass(frozen=True)
class Revived:
    """An account that is here again though it was erased, by its pseudonym, and what became of it: due, erased, or a word that speaks against it."""

    pseudonym: str
    outcome: str


def copy(tools: Tools) -> int:
    """Put those into the archive that it does not have. The number put there."""
    if tools.archive is None:
        return 0
    with tools.engine.connect() as connection:
        waiting = erasing.to_copy(connection, BATCH)
    for one in waiting:
        tools.archive.put_once(f"{FOLDER}/{one.id}.json", _written(one))
        with tools.engine.begin() as connection:
            erasing.mark_copied(connection, one.id)
    return len(waiting)


def unknown_here(tools: Tools) -> list[str]:
    """Names of tombstones in the archive that the database does not have: it was recovered from before them."""
    if tools.archive is None:
        return []
    with tools.engine.connect() as connection:
        known = erasing.known(connection)
    return [name for name in tools.archive.names(f"{FOLDER}/") if _id_of(name) not in known]


def again(tools: Tools, origin: Origin, *, apply: bool) -> list[Revived]:
    """Erase anew what a recovery has brought back, under the pseudonyms that it had."""
    found = []
    for one, account in _unknown(tools):
        if account is not None:
            done = forgetting.erase(tools, origin, account, again=one) if apply else "due"
            found.append(Revived(one.account, done if isinstance(done, str) else "erased"))
        elif apply:
            with tools.engine.begin() as connection:
                erasing.remember(connection, one)
    return found


def revived(tools: Tools) -> set[str]:
    """Accounts that a recovery has brought back, and that are to be erased again before anything is restored of them."""
    return {account for _, account in _unknown(tools) if account is not None}


def _unknown(tools: Tools) -> list[tuple[Tombstone, str | None]]:
    """Tombstones that only the archive has, each with the account here that it speaks of."""
    if tools.archive is None:
        return []
    with tools.engine.connect() as connection:
        known, here = erasing.known(connection), _digests(tools, connection)
    return [(one, here.get((one.key_id, one.digest))) for one in _held(tools.archive, known)]


def _digests(tools: Tools, connection: Connection) -> dict[tuple[str, bytes], str]:
    """Every account that is here, by what a tombstone would say of it."""
    return {
        (key_id, forgetting.digest_of(key, account, created_at)): account
        for account, created_at in erasing.accounts(connection)
        for key_id, key in tools.settings.erasure_keys
    }


def _held(archive: Archive, known: set[str]) -> Iterator[Tombstone]:
    for name in (one for one in archive.names(f"{FOLDER}/") if _id_of(one) not in known):
        given = json.loads(archive.read(name))
        yield Tombstone(
            id=_id_of(name),
            account=given["account"],
            digest=bytes.fromhex(given["digest"]),
            key_id=given["key_id"],
            erased_at=datetime.fromisoformat(given["erased_at"]),
            state=erasing.NEW,
        )


def _id_of(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".json")


def _written(one: Tombstone) -> bytes:
    kept = {
        "account": one.account,
        "digest": one.digest.hex(),
        "key_id": one.key_id,
        "erased_at": one.erased_at.isoformat(timespec="microseconds"),
    }
    return json.dumps(kept, indent=1).encode()
