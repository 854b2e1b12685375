"""Accept a recovery of the whole database: whoever has the checkpoint key says that the journal goes on from an earlier moment than the archive has seen. Decides nothing by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Engine

from service.audit import recoveries
from service.audit.findings import Kind
from service.audit.recoveries import Recovery
from service.audit.signing import Signer
from service.audit.verify import Audit
from service.store import checkpoints, journal, proofs
from service.store.ids import new_id
from service.store.journal import Act, Origin

#: What an audit finds after a recovery; anything else has another cause.
OF_A_RECOVERY = {Kind.OLD_BACKUP, Kind.FORKED, Kind.REWRITTEN}


@dataclass(frozen=True)
class Prospect:
    """What would be accepted: the last checkpoint in the archive that the journal still agrees with (0: none), and the last of those that would be given up. `refused` is a word."""

    after: int
    hash: bytes
    lost: int
    refused: str | None = None


@dataclass(frozen=True)
class Accepting:
    """What it takes: an audit that has an archive, and a signer that has a key."""

    engine: Engine
    audit: Audit
    signer: Signer

    def look(self) -> Prospect:
        """What the archive and the journal say of each other. Raises ArchiveAway."""
        report = self.audit.verify()
        with proofs.connect(self.audit.url) as connection:
            copies = self.audit.held(connection)
        first = min((one.number for one in copies.held if one.number not in copies.agreed), default=0)
        after = max((one for one in copies.held if one.number < first), key=lambda one: one.number, default=None)
        found = Prospect(
            after=after.number if after is not None else 0,
            hash=after.hash if after is not None else b"",
            lost=max((one.number for one in copies.held), default=0),
        )
        kinds = {one.kind for one in report.findings}
        if not kinds:
            return replace(found, refused="nothing_to_accept")
        if not kinds <= OF_A_RECOVERY or replace(self.audit, archive=None).verify().findings:
            return replace(found, refused="journal_unsound")
        return found

    def accept(self, origin: Origin, ticket: str, found: Prospect) -> Recovery:
        """Write the entry, then the signed file that begins the new line. Cut off in between, it is done again. Raises ArchiveAway, ArchiveConflict."""
        archive = self.audit.archive
        assert archive is not None  # noqa: S101 - told to the type checker: look() has read it
        line = 1 + max(recoveries.used(archive), default=0)
        subject = new_id("rcv")
        image = {"line": line, "after": found.after, "lost": found.lost, "ticket": ticket}
        with self.engine.begin() as connection:
            at = checkpoints.now(connection)
            journal.write(connection, Act.RECOVERY_ACCEPTED, origin, subject=subject, image=image)
        said = Recovery(
            line=line, after=found.after, hash=found.hash, lost=found.lost, entry=subject, ticket=ticket, at=at
        )
        made = recoveries.signed(said, self.signer)
        archive.put_once(made.name, made.written())
        return made
