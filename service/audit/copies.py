"""Checkpoints in the archive: one write-once file each, by day and number. The witness: what does not go on from the last one there is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, select

from service.archive import Archive, ArchiveConflict
from service.audit.signing import Verifier
from service.store import checkpoints
from service.store.models import ENTRIES, Checkpoint
from service.telemetry import metrics

FOLDER = "checkpoints"
#: Of one round: a minute's worth is one.
MOST = 500
#: The archive's days are the database's; a day more covers whatever they were told in.
A_DAY = timedelta(days=1)
log = structlog.get_logger()


class CopyError(ValueError):
    """A file that is no checkpoint."""


def name_of(checkpoint: Checkpoint) -> str:
    """Under which name it is kept: of twelve digits at most, so that names sort as numbers do and none could be a card's."""
    return f"{FOLDER}/{checkpoint.at.astimezone(UTC).date().isoformat()}/{checkpoint.number:012d}.json"


def written(checkpoint: Checkpoint) -> bytes:
    """As it stands in a file."""
    return json.dumps(
        {
            "number": checkpoint.number,
            "hash": checkpoint.hash.hex(),
            "at": checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "key_id": checkpoint.key_id,
            "signature": checkpoint.signature.hex(),
        },
        indent=1,
    ).encode()


def read(data: bytes) -> Checkpoint:
    """What stands in a file. Raises CopyError."""
    try:
        given: dict[str, Any] = json.loads(data)
        return Checkpoint(
            number=int(given["number"]),
            hash=bytes.fromhex(given["hash"]),
            at=datetime.fromisoformat(given["at"]),
            key_id=str(given["key_id"]),
            signature=bytes.fromhex(given["signature"]),
            state=checkpoints.COPIED,
        )
    except (ValueError, KeyError, TypeError):
        raise CopyError from None


def days(archive: Archive, since: date | None, until: date) -> Iterator[str]:
    """The names of each day's files, newest day first; of all days where it is not known since when."""
    if since is None:
        yield from sorted(archive.names(f"{FOLDER}/"), reverse=True)
        return
    day = until
    while day >= since:
        yield from sorted(archive.names(f"{FOLDER}/{day.isoformat()}/"), reverse=True)
        day -= A_DAY


@dataclass(frozen=True)
class Witness:
    """What lets a checkpoint into the archive, and who is told when it does not."""

    engine: Engine
    archive: Archive
    verifier: Verifier

    def copy(self) -> int:
        """One round: whatever is not there yet. The number copied."""
        with self.engine.begin() as connection:
            if not checkpoints.alone(connection):
                return 0
            waiting = checkpoints.to_copy(connection, MOST)
            known = checkpoints.last(connection, checkpoints.COPIED)
            today = checkpoints.now(connection).date()
        if not waiting:
            return 0
        newest = self.newest(known, today)
        copied = 0
        for checkpoint in waiting:
            why = self._refuses(newest, checkpoint)
            state = checkpoints.REFUSED if why else checkpoints.COPIED
            if why:
                metrics.CHECKPOINTS.labels(outcome=state).inc()
                log.error("checkpoint.refused", reason=why)
            else:
                newest, copied = checkpoint, copied + 1
                metrics.CHECKPOINTS.labels(outcome=state).inc()
            with self.engine.begin() as connection:
                checkpoints.mark(connection, checkpoint.number, state)
        return copied

    def newest(self, known: Checkpoint | None, today: date) -> Checkpoint | None:
        """The last one there. Days before the one that we know of are not looked through. Raises CopyError."""
        since = known.at.astimezone(UTC).date() if known is not None else None
        name = next(days(self.archive, since, today + A_DAY), None)
        if name is None and since is not None:
            name = next(days(self.archive, None, today), None)
        return None if name is None else read(self.archive.read(name))

    def _refuses(self, newest: Checkpoint | None, checkpoint: Checkpoint) -> str | None:
        """Why a checkpoint may not follow the last one there: a word; None if it is there now."""
        if newest is not None and checkpoint.number > newest.number and not self._holds(newest):
            return "forked"
        if (
            newest is not None
            and checkpoint.number <= newest.number
            and name_of(checkpoint) not in self.archive.names(name_of(checkpoint))
        ):
            return "behind"
        try:
            self.archive.put_once(name_of(checkpoint), written(checkpoint))
        except ArchiveConflict:
            return "conflict"
        return None

    def _holds(self, newest: Checkpoint) -> bool:
        """Whether the journal has what the last one there says, and a key of ours has said it."""
        with self.engine.connect() as connection:
            found = connection.execute(select(ENTRIES.c.hash).where(ENTRIES.c.number == newest.number)).scalar()
        return found == newest.hash and self.verifier.refuses(newest) is None
