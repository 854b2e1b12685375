"""Log lines back out of the archive, by when they were written. Whether what is there is whole is another question (checking.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.archive import logs
from service.archive.checking import is_ours
from service.archive.logs import DamagedError, Listed, Manifest
from service.archive.place import Archive
from service.errors import ArchiveMissing


@dataclass(frozen=True)
class Span:
    """From `since` on, to before `until`; `now` is when it is asked: until then lines may have been archived late."""

    since: datetime
    until: datetime
    now: datetime


def records(archive: Archive, span: Span) -> Iterator[dict[str, Any]]:
    """The records of all hosts, host by host and file by file. What is no line of ours, or cannot be read, is left out."""
    since, until = logs.stamp(span.since), logs.stamp(span.until)
    for segment in _segments(archive, span):
        if (segment.last or "") < since or (segment.first or since) >= until:
            continue
        try:
            plain = logs.unpacked(archive.read(segment.name))
        except (ArchiveMissing, DamagedError):
            continue
        for line in plain.splitlines():
            if is_ours(line) and since <= (logs.time_of(line) or since) < until:
                yield json.loads(line)


def _segments(archive: Archive, span: Span) -> Iterator[Listed]:
    for host in logs.hosts(archive):
        names = logs.names_of(archive, host, span.since.date(), span.now.date())
        for number, day in sorted(names.manifests.items()):
            try:
                yield from Manifest.read(logs.manifest_at(archive, host, day, number)).segments
            except (ArchiveMissing, DamagedError):
                continue
