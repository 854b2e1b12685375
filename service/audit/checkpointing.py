"""The worker's round that signs what the journal has become: once a minute, or every thousand entries. Signs nothing that it has not recomputed."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

import structlog
from sqlalchemy import Engine

from service.archive import Archive
from service.audit import walk
from service.audit.copies import Witness
from service.audit.signing import Signer
from service.store import checkpoints, proofs
from service.store.checkpoints import Unsigned
from service.store.models import Checkpoint
from service.telemetry import metrics

#: Due at so many entries, or when the first of them is so old; the round comes every five seconds, and a checkpoint is due within a minute.
ENTRIES, SECONDS = 1_000, 50
#: What one checkpoint covers at most, and how many a round makes: after an outage, or at the first start over an old journal.
LONGEST, MOST = 10_000, 50
#: Between two tries at what cannot be signed.
PAUSE_SECONDS = 60
log = structlog.get_logger()


@dataclass
class Checkpointing:
    """The rounds of one process."""

    engine: Engine
    url: str
    signer: Signer
    archive: Archive | None
    _not_before: float = field(default=0.0, init=False)

    def round(self) -> int:
        """Sign what is due, then copy what is not in the archive yet. The number signed."""
        signed = self._sign() if self.signer.can_sign and monotonic() >= self._not_before else 0
        if self.archive is not None:
            Witness(self.engine, self.archive, self.signer.verifier).copy()
        return signed

    def _sign(self) -> int:
        with self.engine.connect() as connection:
            waiting = checkpoints.unsigned(connection)
        if waiting.count < ENTRIES and (waiting.count <= 0 or waiting.age < SECONDS):
            return 0
        with proofs.connect(self.url) as reading:
            signed = 0
            while signed < MOST and (made := self._next(reading, waiting)) is not None:
                signed += made
        return signed

    def _next(self, reading: proofs.Connection, waiting: Unsigned) -> int | None:
        """Sign the next stretch; None when there is none, somebody else is at it, or what there is does not fit."""
        with self.engine.begin() as connection:
            if not checkpoints.alone(connection):
                return None
            last = checkpoints.last(connection)
            first = last.number + 1 if last is not None else waiting.first
            until = min(waiting.number, first + LONGEST - 1)
            if first > until:
                return None
            digest = self._recomputed(reading, last, (first, until))
            if digest is None:
                return None
            checkpoints.add(connection, self.signer.sign(until, digest, checkpoints.now(connection)))
        metrics.CHECKPOINTS.labels(outcome=checkpoints.SIGNED).inc()
        return 1

    def _recomputed(self, reading: proofs.Connection, last: Checkpoint | None, reach: tuple[int, int]) -> bytes | None:
        """The hash of the entry up to which everything behind the last checkpoint fits; None where it does not, which is told."""
        why = "checkpoint" if last is not None and self.signer.verifier.refuses(last) else None
        if last is not None and not self.signer.verifier.knows(last):
            why = "key_unknown"
        before = last.hash if last is not None else walk.NOTHING
        if why is None and last is not None and proofs.hash_of(reading, last.number) != before:
            why = "forked"
        if why is None and walk.recompute(reading, *reach, before).broken:
            why = "broken"
        if why is None:
            return proofs.hash_of(reading, reach[1])
        self._not_before = monotonic() + PAUSE_SECONDS
        metrics.CHECKPOINTS.labels(outcome="unsound").inc()
        log.error("checkpoint.unsound", reason=why)
        return None
