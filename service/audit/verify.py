"""The audit: recomputes the whole journal in two processes, and compares it with what was signed, here and in the archive. Reads one state of the database, and changes nothing."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from service.archive import Archive, ArchiveMissing
from service.audit import copies, recoveries, rows, walk
from service.audit.findings import Finding, Kind
from service.audit.judging import Copies, Facts, judge
from service.audit.signing import Verifier
from service.audit.walk import Range, Walked
from service.store import checkpoints, proofs
from service.store.journal import Act
from service.store.models import Checkpoint
from service.store.proofs import Shape

PROCESSES = 2
#: Below so many entries another process takes longer to start than it helps.
WORTH = 20_000
#: Of the newest days every copy is read; of older ones the last of each, which speaks for all before it, unless it disagrees.
DAYS_WHOLE = 2
END = 2**62


@dataclass(frozen=True)
class Report:
    """What was seen, what was found, and what could not be shown."""

    first: int
    last: int
    entries: int
    checkpoints: int
    copies: int
    findings: tuple[Finding, ...]
    not_shown: tuple[str, ...]
    recoveries: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        listed = {"findings": [one.as_json() for one in self.findings], "not_shown": list(self.not_shown)}
        return {**vars(self), **listed, "recoveries": list(self.recoveries)}

    def as_text(self) -> str:
        """For a person."""
        seen = (
            f"entries {self.first} to {self.last}, {self.checkpoints} checkpoints, {self.copies} copies in the archive"
        )
        told = [one.as_text() for one in self.findings] or [f"{seen}: nothing is wrong"]
        return "\n".join([*told, *self.recoveries, *(f"not shown: {text}" for text in self.not_shown)])


@dataclass(frozen=True)
class Audit:
    """What an audit reads, and how."""

    url: str
    verifier: Verifier
    archive: Archive | None
    processes: int = PROCESSES
    worth: int = WORTH

    def verify(self, first: int = 1) -> Report:
        """Everything from an entry on."""
        with proofs.connect(self.url) as connection:
            shape = proofs.shape(connection)
            first = max(first, shape.first)
            held = self.held(connection) if self.archive is not None else Copies()
            erased = proofs.erasures(connection)
            walked, others = self._recompute(connection, shape, first, erased)
            beyond = list(checkpoints.beside_entries(connection, shape.last + 1, END))
            signed = [one.number for one, _ in beyond if self.verifier.refuses(one) is None]
            facts = Facts(
                shape, first, walked, max(signed, default=0), proofs.hash_of(connection, shape.last), held, erased
            )
            findings = [*judge(connection, facts), *others]
        agreed = sum(len(one.agreed) for one in walked)
        return Report(
            first=first,
            last=shape.last,
            entries=sum(one.count for one in walked),
            checkpoints=agreed + len(signed) + sum(len(one.denied) for one in walked),
            copies=len(held.held),
            findings=tuple(findings),
            not_shown=tuple(self._not_shown(facts)),
            recoveries=held.recoveries,
        )

    def _recompute(
        self, connection: proofs.Connection, shape: Shape, first: int, erased: Mapping[str, tuple[int, str]]
    ) -> tuple[list[Walked], list[Finding]]:
        """The chain by ranges, each in a process, while this one compares the rows."""
        snapshot = proofs.snapshot(connection)
        parts = self.processes if shape.last - first >= self.worth else 1
        halves = walk.halves(first, shape.last, parts)
        ranges = [Range(self.url, snapshot, *half, self.verifier, shape.first, erased) for half in halves]
        if parts == 1:
            return [walk.walk(one) for one in ranges], list(rows.compare(connection))
        with ProcessPoolExecutor(parts, mp_context=multiprocessing.get_context("spawn")) as pool:
            waiting = [pool.submit(walk.walk, one) for one in ranges]
            others = list(rows.compare(connection))
            return [one.result() for one in waiting], others

    def _not_shown(self, facts: Facts) -> Iterator[str]:
        last = facts.shape.last
        if facts.first > facts.shape.first:
            yield f"entries before {facts.first} were not recomputed"
        if self.archive is None:
            yield (
                "no archive is set (PANLESS_ARCHIVE_URL): whoever may write the database and has its end, its checkpoints and its head "
                "removed together, or puts an old backup in its place, is not found"
            )
        if not self.verifier.keys:
            yield "no checkpoint key is known (PANLESS_CHECKPOINT_KEYS, PANLESS_CHECKPOINT_PUBLIC_KEYS): a journal made anew is not found"
        covered = max((number for one in facts.walked for number in one.agreed), default=0)
        covered = max(covered, *facts.copies.agreed, 0)
        if self.verifier.keys and covered < last:
            yield f"entries {max(covered + 1, facts.first)} to {last} have no checkpoint yet: made anew as a whole they would fit"

    def held(self, connection: proofs.Connection) -> Copies:
        """The archive's checkpoints, each believed only if it is signed, but for those that were given up when a recovery was accepted."""
        assert self.archive is not None  # noqa: S101 - told to the type checker
        accepted, odd = recoveries.accepted(self.archive, self.verifier)
        odd += recoveries.orphans(self.archive, accepted)
        if accepted and not proofs.has_entry(connection, Act.RECOVERY_ACCEPTED, accepted[-1].entry):
            odd.append(Finding(Kind.RECOVERY_FORGED, None, f"no entry says that {accepted[-1].name} was accepted"))
        held: list[Checkpoint] = []
        agreed: set[int] = set()
        places: set[str] = set()
        for folder, until in recoveries.lines(accepted):
            names = self.archive.names(f"{folder}/")
            found, strange, fitting = self._line(connection, folder, names)
            held += [one for one in found if one.number <= until]
            odd += strange
            agreed |= {number for number in fitting if number <= until}
            places |= {name.removeprefix(f"{folder}/") for name in names}
        missing = list(self._gone(connection, places))
        return Copies(held, [*odd, *missing], frozenset(agreed), tuple(one.told() for one in accepted))

    def _line(
        self, connection: proofs.Connection, folder: str, names: Sequence[str]
    ) -> tuple[list[Checkpoint], list[Finding], set[int]]:
        """One line's: of the newest days all, of older ones as few as will do."""
        days = [list(group) for _, group in groupby(names, key=lambda name: name.rpartition("/")[0])]
        chosen = [name for day in days[:-DAYS_WHOLE] for name in day[-1:]]
        chosen += [name for day in days[-DAYS_WHOLE:] for name in day]
        held, odd, agreed = self._read(connection, folder, chosen)
        for day in days[:-DAYS_WHOLE]:
            numbers = {one.number for one in held if copies.name_of(one, folder) in day}
            if numbers - agreed:
                more, strange, fitting = self._read(connection, folder, day[:-1])
                held, odd, agreed = held + more, odd + strange, agreed | fitting
        return held, odd, agreed

    def _read(
        self, connection: proofs.Connection, folder: str, names: Sequence[str]
    ) -> tuple[list[Checkpoint], list[Finding], set[int]]:
        held, odd = [], []
        for name in names:
            try:
                found = copies.read(self.archive.read(name))  # type: ignore[union-attr]
            except (copies.CopyError, ArchiveMissing):
                odd.append(Finding(Kind.CHECKPOINT_FORGED, None, f"{name} in the archive holds no checkpoint"))
                continue
            why = self.verifier.refuses(found)
            if why or copies.name_of(found, folder) != name:
                odd.append(
                    Finding(Kind.CHECKPOINT_FORGED, found.number, f"{name} in the archive: {why or 'not its name'}")
                )
            else:
                held.append(found)
        stored = proofs.hashes_of(connection, [one.number for one in held])
        return held, odd, {one.number for one in held if stored.get(one.number) == one.hash}

    @staticmethod
    def _gone(connection: proofs.Connection, places: set[str]) -> Iterator[Finding]:
        """Checkpoints of which the database says that they were copied, and which are not there."""
        for one, _ in checkpoints.beside_entries(connection, 1, END):
            if (
                one.state == checkpoints.COPIED
                and copies.name_of(one).removeprefix(f"{recoveries.FIRST}/") not in places
            ):
                yield Finding(Kind.COPY_MISSING, one.number, "the archive has its checkpoint no more")
