"""Checkpoints in the archive: one write-once file each, by line, day and number. The witness: what does not go on from the last one there is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, select

from service.archive import Archive, ArchiveConflict
from service.audit import recoveries, signing
from service.audit.recoveries import FIRST, Recovery
from service.audit.signing import Verifier
from service.store import checkpoints
from service.store.models import ENTRIES, Checkpoint
from service.telemetry import metrics

#: Of one round: a minute's worth is one.
MOST = 500
#: The archive's days are the database's; a day more covers whatever they were told in.
A_DAY = timedelta(days=1)
log = structlog.get_logger()


class CopyError(ValueError):
    """A file that is no checkpoint."""


def name_of(checkpoint: Checkpoint, folder: str = FIRST) -> str:
    """Under which name it is kept in the folder of its line: of twelve digits at most, so that names sort as numbers do and none could be a card's."""
    return f"{folder}/{checkpoint.at.astimezone(UTC).date().isoformat()}/{checkpoint.number:012d}.json"


def written(checkpoint: Checkpoint) -> bytes:
    """As it stands in a file."""
    return json.dumps(
        {
            "number": checkpoint.number,
            "hash": checkpoint.hash.hex(),
            "at": checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "key_id": checkpoint.key_id,
            "signature": signing.text_of(checkpoint.signature),
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
            signature=signing.signature_of(given["signature"]),
            state=checkpoints.COPIED,
        )
    except (ValueError, KeyError, TypeError):
        raise CopyError from None


def days(archive: Archive, folder: str, since: date | None, until: date) -> Iterator[str]:
    """The names of each day's files in a folder, newest day first; of all days where it is not known since when."""
    if since is None:
        yield from sorted(archive.names(f"{folder}/"), reverse=True)
        return
    day = until
    while day >= since:
        yield from sorted(archive.names(f"{folder}/{day.isoformat()}/"), reverse=True)
        day -= A_DAY


@dataclass(frozen=True)
class Witness:
    """What lets a checkpoint into the archive, and who is told when it does not."""

    engine: Engine
    archive: Archive
    verifier: Verifier

    def copy(self) -> int:
        """One round: whatever is not there yet. The number copied. What a key has signed that is not known here is left to those who know it."""
        with self.engine.begin() as connection:
            if not checkpoints.alone(connection):
                return 0
            waiting = checkpoints.to_copy(connection, MOST)
            refused = checkpoints.last(connection, checkpoints.REFUSED)
            known = checkpoints.last(connection, checkpoints.COPIED)
            today = checkpoints.now(connection).date()
        if not waiting and refused is None:
            return 0
        recovery = recoveries.newest(self.archive, self.verifier)
        folder = recoveries.folder_of(recovery)
        newest = self.newest(known, today, folder)
        if recovery is not None and newest is None:
            with self.engine.begin() as connection:
                checkpoints.try_again(connection, recovery.at)
                waiting = checkpoints.to_copy(connection, MOST)
        copied = 0
        for checkpoint in waiting:
            if not all(self.verifier.knows(one) for one in (newest, checkpoint) if one is not None):
                log.error("checkpoint.key_unknown")
                break
            why = self._refuses(recovery, newest, checkpoint)
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

    def newest(self, known: Checkpoint | None, today: date, folder: str = FIRST) -> Checkpoint | None:
        """The last one there. Days before the one that we know of are not looked through. Raises CopyError."""
        since = known.at.astimezone(UTC).date() if known is not None else None
        name = next(days(self.archive, folder, since, today + A_DAY), None)
        if name is None and since is not None:
            name = next(days(self.archive, folder, None, today), None)
        return None if name is None else read(self.archive.read(name))

    def _refuses(self, recovery: Recovery | None, newest: Checkpoint | None, checkpoint: Checkpoint) -> str | None:
        """Why a checkpoint may not follow the last one there, or the recovery that its line begins with: a word; None if it is there now."""
        if not self._goes_on(recovery, newest, checkpoint):
            return "forked"
        name = name_of(checkpoint, recoveries.folder_of(recovery))
        if newest is not None and checkpoint.number <= newest.number and name not in self.archive.names(name):
            return "behind"
        try:
            self.archive.put_once(name, written(checkpoint))
        except ArchiveConflict:
            return "conflict"
        return None

    def _goes_on(self, recovery: Recovery | None, newest: Checkpoint | None, checkpoint: Checkpoint) -> bool:
        if newest is None:
            return (
                recovery is None
                or not 0 < recovery.after < checkpoint.number
                or self._holds(recovery.after, recovery.hash)
            )
        if checkpoint.number <= newest.number:
            return True
        return self._holds(newest.number, newest.hash) and self.verifier.refuses(newest) is None

    def _holds(self, number: int, digest: bytes) -> bool:
        """Whether the journal has what was said of that entry."""
        with self.engine.connect() as connection:
            found = connection.execute(select(ENTRIES.c.hash).where(ENTRIES.c.number == number)).scalar()
        return found == digest
