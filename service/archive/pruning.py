"""Takes whole days of log lines out of the archive when they are old enough. Where a chain begins from then on is written down first, so that it can still be checked."""

from __future__ import annotations

from datetime import date

import structlog

from service.archive import logs, sealing
from service.archive.logs import Pruned
from service.archive.place import Archive
from service.archive.sealing import Vouch

log = structlog.get_logger()


def prune(archive: Archive, before: date, vouch: Vouch | None = None) -> int:
    """Remove what was archived before that day, of every host. How many pieces went. May be cut off anywhere, and done again."""
    return sum(_prune(archive, host, before.isoformat(), vouch) for host in logs.hosts(archive))


def _prune(archive: Archive, host: str, before: str, vouch: Vouch | None) -> int:
    names = logs.names_of(archive, host)
    through = max((number for number, day in names.manifests.items() if day < before), default=0)
    if through > max(names.pruned, default=0):
        data = logs.manifest_at(archive, host, names.manifests[through], through)
        going_on = {one.file for one in names.segments if one.number > through}
        ends = {file: end for file, end in names.ends(through).items() if file in going_on}
        if names.pruned:
            older = logs.pruned_at(archive, host, names.pruned[-1]).ends
            ends = {file: end for file, end in older.items() if file in going_on} | ends
        pruned = sealing.sealed(Pruned(host, through, logs.sha256(data), before, ends), vouch)
        archive.put_once(pruned.name(), pruned.bytes())
    through = max(through, *names.pruned, 0)
    gone = [one.name(host) for one in names.segments if one.number <= through]
    gone += [
        f"{logs.ROOT}/{host}/{day}/{number:012}.json"
        for number, day in sorted(names.manifests.items())
        if number <= through
    ]
    gone += [f"{logs.ROOT}/{host}/pruned/{number:012}.json" for number in names.pruned if number < through]
    for name in gone:
        archive.remove(name)
    if gone:
        log.info("logs.pruned", count=len(gone))
    return len(gone)
