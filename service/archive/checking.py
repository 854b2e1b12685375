"""Whether the archive's log lines are whole: every digest, the chain of manifests, each file without gap and without overlap, each line with listed fields only.

Reads; changes nothing. What is found is named by the piece, the file and the place in it, and never quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from service.archive import logs, sealing
from service.archive.logs import DamagedError, Listed, Manifest, Names, Pruned, Segment
from service.archive.place import Archive
from service.archive.sealing import Doubt
from service.errors import ArchiveMissing
from service.telemetry.redaction import redact

LEVELS = {"debug", "info", "warning", "error", "critical"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
#: The one record without a time (service/telemetry/logs.py).
_UNTIMED = "record_withheld"


@dataclass(frozen=True)
class Finding:
    """What is wrong, and where: `offset` is a byte of the log file."""

    what: str
    piece: str
    file: str | None = None
    offset: int | None = None


@dataclass
class Checked:
    """What was read of a host, and what was found. `head` is the last manifest, with its digest."""

    host: str
    manifests: int = 0
    segments: int = 0
    lines: int = 0
    first_day: str | None = None
    head: tuple[int, str] | None = None
    findings: list[Finding] = field(default_factory=list)


class _Walk:
    """Along the chain of one host, from its beginning or from a day on."""

    def __init__(self, archive: Archive, host: str, names: Names, *, since: str | None, doubt: Doubt | None) -> None:
        self._archive, self._host, self._names, self._since = archive, host, names, since or ""
        self._doubt = doubt
        self._ends: dict[str, int] = {}
        self._begun = since is None  # from a day on, a file may have begun before
        self._listed: set[Segment] = set()
        self.done = Checked(host)

    def go(self) -> Checked:
        """Everything that is there."""
        number, digest = self._start()
        for one in sorted(self._names.manifests):
            if one <= number:
                continue
            digest = self._manifest(one, number, digest)
            number = one
        self._unlisted(number)
        self.done.head = (number, digest) if number and digest else None
        return self.done

    def _find(self, what: str, piece: str, one: Segment | None = None, offset: int | None = None) -> None:
        at = offset if offset is not None else one.offset if one else None
        self.done.findings.append(Finding(what, piece, one.file if one else None, at))

    def _start(self) -> tuple[int, str | None]:
        """Where the chain begins: nowhere, where it was pruned, or at the manifest before the day."""
        there = sorted(self._names.manifests)
        before = [number for number in there if self._names.manifests[number] < self._since]
        if before:
            number = before[-1]
            data = logs.manifest_at(self._archive, self._host, self._names.manifests[number], number)
            return number, logs.sha256(data)
        if self._names.pruned:
            through = self._names.pruned[-1]
            try:
                pruned = logs.pruned_at(self._archive, self._host, through)
            except DamagedError:
                self._find("pruned_damaged", f"pruned/{through:012}.json")
                return through, None
            self._signed("pruned", pruned, pruned.name())
            self._ends.update(pruned.ends)
            self._begun = True
            return through, pruned.digest
        return 0, logs.NOTHING

    def _manifest(self, number: int, before: int, digest: str | None) -> str | None:
        """Check one, and what it names. Answers its digest."""
        day = self._names.manifests[number]
        data = logs.manifest_at(self._archive, self._host, day, number)
        piece = f"{logs.ROOT}/{self._host}/{day}/{number:012}.json"
        self.done.manifests += 1
        self.done.first_day = self.done.first_day or day
        try:
            manifest = Manifest.read(data)
            segments = [(one, logs.segment_named(one.name, self._host)) for one in manifest.segments]
        except DamagedError:
            self._find("manifest_damaged", piece)
            return None
        first = segments[0][1] if segments else None
        if number != before + 1:
            self._find("manifest_missing", f"{logs.ROOT}/{self._host}/{day}/{before + 1:012}.json", first)
        elif digest is not None and manifest.previous != digest:
            self._find("chain_broken", piece, first)
        if (manifest.number, manifest.host) != (number, self._host):
            self._find("manifest_misplaced", piece, first)
        self._signed("manifest", manifest, piece)
        for listed, one in segments:
            self._segment(listed, one)
        return logs.sha256(data)

    def _signed(self, what: str, made: Manifest | Pruned, piece: str) -> None:
        if self._doubt is None:
            return
        if not made.signature:
            self._find(f"{what}_unsigned", piece)
        elif self._doubt(made.key_id, made.signature, sealing.said(made)):
            self._find(f"{what}_forged", piece)

    def _segment(self, listed: Listed, one: Segment) -> None:
        self.done.segments += 1
        self._listed.add(one)
        end = self._ends.get(one.file)
        if end is None and not (self._begun or _began(one.file) >= self._since):
            end = one.offset
        if one.offset != (end or 0):
            self._find("gap" if one.offset > (end or 0) else "overlap", listed.name, one, offset=end or 0)
        self._ends[one.file] = max(one.end, end or 0)
        try:
            data = self._archive.read(listed.name)
        except ArchiveMissing:
            self._find("segment_missing", listed.name, one)
            return
        if logs.sha256(data) != listed.sha256:
            self._find("segment_edited", listed.name, one)
            return
        self._lines(listed.name, one, data)

    def _lines(self, name: str, one: Segment, data: bytes) -> None:
        try:
            plain = logs.unpacked(data)
        except DamagedError:
            self._find("segment_damaged", name, one)
            return
        if len(plain) != one.end - one.offset:
            self._find("length_wrong", name, one)
        for place, line in _places(plain):
            self.done.lines += 1
            if not is_ours(line):
                self._find("line_foreign", name, one, offset=one.offset + place)

    def _unlisted(self, head: int) -> None:
        """What no manifest names: fine only as the beginning of the next round, which goes on while we read."""
        now = head
        for one in self._names.segments:
            removed = bool(self._names.pruned) and one.number <= self._names.pruned[-1]
            if one in self._listed or one.day < self._since or removed:
                continue
            if one.number > now + 1:
                now = max(logs.names_of(self._archive, self._host).manifests, default=0)
            if one.number == head + 1 and one.offset == self._ends.get(one.file, 0):
                self._ends[one.file] = one.end
                name = one.name(self._host)
                self._lines(name, one, self._archive.read(name))
            elif not head + 1 < one.number <= now + 1:
                self._find("segment_unlisted", one.name(self._host), one)


def check(
    archive: Archive, host: str, since: date | None = None, until: date | None = None, *, doubt: Doubt | None = None
) -> Checked:
    """One host's lines; those that were archived on a day or later, if one is given (and with it the day that it is now). With `doubt` all must be signed."""
    names = logs.names_of(archive, host, since - timedelta(days=1) if since else None, until)
    return _Walk(archive, host, names, since=since.isoformat() if since else None, doubt=doubt).go()


def is_ours(line: bytes) -> bool:
    """Whether our formatter could have written this line: JSON with listed fields in their formats, and nothing else."""
    try:
        record = json.loads(line)
    except ValueError:
        return False
    if not isinstance(record, dict) or record.get("level") not in LEVELS or redact(record) != record:
        return False
    time = record.get("time")
    return record.get("event") == _UNTIMED if time is None else isinstance(time, str) and bool(_TIME.fullmatch(time))


def _began(file: str) -> str:
    """The day on which a file was begun, by its name."""
    found = re.search(r"-(\d{4})(\d\d)(\d\d)T", file)
    return "-".join(found.groups()) if found else ""


def _places(plain: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    for line in plain.splitlines(keepends=True):
        yield place, line
        place += len(line)
