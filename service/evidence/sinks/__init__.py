"""Where something that was sent could stay: one class for each sink of the leak matrix that exists here. Reads; changes nothing but where a search is tested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from service.evidence.pieces import Sink
from service.evidence.sinks.base import Copy
from service.evidence.sinks.cluster import Backup, Heap, Wal
from service.evidence.sinks.database import Rows, Views
from service.evidence.sinks.logfiles import LogArchive, OwnLogs, ServerLog
from service.evidence.sinks.machine import Arguments, CoreDumps, Memory, TemporaryFiles
from service.evidence.sinks.web import Answers, Cacheable, Events, Metrics, Provider
from service.evidence.sinks.work import Artefacts, Commands
from service.evidence.wire import Traffic

__all__ = ["ABSENT", "SINKS", "all_of", "missing"]

#: The numbers of the leak matrix, section 5, and one of our own.
SINKS = tuple(f"S{number:02}" for number in range(1, 32))
#: Sinks of the leak matrix that do not exist here, and why.
ABSENT: Mapping[str, str] = {
    "S15": "nothing is traced: no tracing library is among the requirements, and headers of tracers are dropped unread",
    "S16": "nothing is sent to an error tracker: none is among the requirements; an error is a log line with class and place",
    "S21": "no front proxy is part of the release: the log and the buffers of the one that an operator puts there are its own to look at",
    "S23": "there is no support or admin interface: people have the API, whose answers are S11, and the commands, which are S27",
    "S28": "no standby is part of the release: it would hold what S02 and S03 hold, byte for byte",
    "S29": "nothing is sent to a journal or to syslog: all lines go to standard output, which is S10",
    "S30": "the service sends no mail, page or chat message: alarms are made by others, from the metrics, which are S14",
}


def all_of(stand: Copy, traffic: Traffic, artefacts: Sequence[Path] = ()) -> list[Sink]:
    """Every sink that exists here. `traffic` is where the answers to all requests are kept; `artefacts` are the folders that a test run writes to."""
    sinks: list[Sink] = [
        Rows(stand),
        Heap(stand),
        Wal(stand),
        ServerLog(stand),
        Views(stand),
        Backup(stand),
        OwnLogs(stand),
        LogArchive(stand),
        Answers(traffic),
        Provider(stand),
        Metrics(stand),
        TemporaryFiles(stand),
        Arguments(stand),
        Memory(stand),
        CoreDumps(stand),
        Cacheable(traffic),
        Commands(stand),
    ]
    if stand.events is not None:
        sinks.append(Events(stand.events))
    if artefacts:
        sinks.append(Artefacts(stand, artefacts))
    return sorted(sinks, key=lambda sink: sink.id)


def missing(sinks: Iterable[Sink]) -> dict[str, str]:
    """Every number of the leak matrix that none of these sinks has, with the reason."""
    there = {number for sink in sinks for number in sink.id.split("+")}
    reasons = {
        **ABSENT,
        "S13": "events go to a receiver that is not ours to look at",
        "S24": "no folder was named that a test run writes to",
    }
    return {number: reasons.get(number, "not read in this run") for number in SINKS if number not in there}
