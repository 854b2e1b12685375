"""The journal proven by a worker's round, or not for an hour, without a wait."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from service.archive import Archive
from service.audit.checkpointing import Checkpointing
from service.audit.signing import Signer
from service.store import checkpoints
from service.store.ids import new_id
from service.store.models import ENTRIES, Checkpoint

KEY = ("one", bytes(range(32)))


def entry_of_before(engine, *, minutes):
    """An entry that is so old, behind all others."""
    with engine.begin() as connection:
        at = func.clock_timestamp() - timedelta(minutes=minutes)
        values = {"actor": "operator", "act": "task.opened", "subject": new_id("task"), "image": {}, "at": at}
        connection.execute(ENTRIES.insert().values(**values))


def unproven(engine):
    """The journal has not come to the archive for an hour, and did before."""
    mark_copied(engine)
    entry_of_before(engine, minutes=61)


def mark_copied(engine, *, ahead=0):
    """A checkpoint of the last entry, or of one that is still to come, is said to be in the archive."""
    with engine.begin() as connection:
        last = connection.execute(select(func.max(ENTRIES.c.number))).scalar() or 0
        at = checkpoints.now(connection)
        made = Checkpoint(number=last + ahead, hash=bytes(32), at=at, key_id="one", signature=bytes(64), state="copied")
        checkpoints.add(connection, made)


def prove(engine, url, folder):
    """A round of the worker, with a key and an archive."""
    signer = Signer("simulator", [KEY], [])
    return Checkpointing(engine, url, signer, Archive.open(str(folder))).round()
