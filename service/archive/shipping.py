"""Takes the lines of this host's files to the archive, and files away that are there. What is known of the archive is read from it: nothing is remembered that a
crash could lose. Must never take a file away of which a line is missing there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path

import structlog

from service.archive import logs, sealing
from service.archive.logs import Listed, Manifest, Segment
from service.archive.place import Archive
from service.archive.sealing import Vouch
from service.telemetry.logfiles import SUFFIX, random_letters

#: So much goes into one segment, and so many into one manifest.
SEGMENT_BYTES, MANIFEST_SEGMENTS = 4 * 1024 * 1024, 64
HOST_FILE, LOCK_FILE, MEMO_FILE = "host", "lock", "archived.json"
log = structlog.get_logger()


@dataclass
class _Known:
    """What the archive holds of this host: its last manifest, how much of each file, and what was put and is not yet named."""

    number: int
    digest: str
    day: str
    ends: dict[str, int]
    unnamed: list[Segment] = field(default_factory=list)


class Shipper:
    """For one folder of log files. One process of a host ships at a time, and goes on until it ends; the others stand by."""

    def __init__(
        self,
        archive: Archive,
        folder: Path,
        clock: Callable[[], datetime],
        *,
        keep_days: int,
        vouch: Vouch | None = None,
    ) -> None:
        self._archive, self.folder, self._clock, self._keep = archive, folder, clock, timedelta(days=keep_days)
        self._vouch = vouch
        self._known: _Known | None = None
        self._lock: int | None = None

    def ship(self) -> bool:
        """Everything that is new. False where another process does it. Raises ArchiveError; then nothing is lost, and the next call goes on."""
        if not self._alone():
            return False
        known, self._known = self._known, None  # whatever stops us below, the archive is asked anew
        host = _host(self.folder)
        if known is None:
            known = self._read(host)
        while batch := list(islice(chain(self._unnamed(host, known), self._new(host, known)), MANIFEST_SEGMENTS)):
            self._name(host, known, batch)
        self._known = known
        self._forget_old(known)
        return True

    def close(self) -> None:
        """Let another process of this host do it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _alone(self) -> bool:
        """The kernel drops the lock when we die."""
        if self._lock is None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            self._lock = lock
        return True

    def _read(self, host: str) -> _Known:
        """From the names of the last days, back to the oldest file here and to the last manifest."""
        known = _Known(0, logs.NOTHING, "", {})
        if f"{logs.HOSTS}{host}" not in self._archive.names(f"{logs.HOSTS}{host}"):
            self._archive.put_once(f"{logs.HOSTS}{host}", b"")
            return known
        now = self._clock()
        oldest = min((_modified(file) for file in self._files()), default=now)
        names = logs.names_of(self._archive, host, oldest.date(), now.date() + timedelta(days=1))
        if names.pruned:
            pruned = logs.pruned_at(self._archive, host, names.pruned[-1])
            known = _Known(pruned.through, pruned.digest, "", dict(pruned.ends))
        last = max(names.manifests, default=0)
        if last > known.number:
            data = logs.manifest_at(self._archive, host, names.manifests[last], last)
            known = _Known(last, logs.sha256(data), names.manifests[last], known.ends)
        known.ends.update(names.ends(known.number))
        known.unnamed = [one for one in names.segments if one.number == known.number + 1]
        return known

    def _unnamed(self, host: str, known: _Known) -> Iterator[Listed]:
        """What somebody put who died before he named it: it goes on where the last manifest ends, as the file does, or it is none of ours."""
        while known.unnamed:
            one = known.unnamed.pop(0)
            data = self._archive.read(one.name(host))
            if one.offset != known.ends.get(one.file, 0) or not self._is_ours(one, data):
                log.error("logs.foreign_segment", count=one.number)
                continue
            known.ends[one.file] = one.end
            yield logs.listed(one.name(host), data)

    def _is_ours(self, one: Segment, data: bytes) -> bool:
        try:
            lines = logs.unpacked(data)
        except logs.DamagedError:
            return False
        try:
            with (self.folder / f"{one.file}{SUFFIX}").open("rb") as stream:
                stream.seek(one.offset)
                return stream.read(one.end - one.offset) == lines
        except FileNotFoundError:
            return len(lines) == one.end - one.offset

    def _new(self, host: str, known: _Known) -> Iterator[Listed]:
        """Put what the archive has not, a segment at a time."""
        day = max(known.day, self._clock().date().isoformat())
        for file in self._files():
            try:
                for offset, lines in _pieces(file, known.ends.get(file.stem, 0)):
                    one = Segment(day, known.number + 1, file.stem, offset, offset + len(lines))
                    data = logs.packed(lines)
                    self._archive.put_once(one.name(host), data)
                    known.ends[file.stem] = one.end
                    yield logs.listed(one.name(host), data)
            except OSError as error:
                log.warning("logs.file_unread", error=type(error).__name__)

    def _name(self, host: str, known: _Known, segments: list[Listed]) -> None:
        """Put the manifest of what was put before."""
        now = self._clock()
        made = Manifest(host, known.number + 1, known.digest, logs.stamp(now), tuple(segments))
        manifest = sealing.sealed(made, self._vouch)
        day = max(known.day, now.date().isoformat())
        self._archive.put_once(manifest.name(day), manifest.bytes())
        known.number, known.digest, known.day = manifest.number, logs.sha256(manifest.bytes()), day
        here = {file.stem for file in self._files()}
        _write(self.folder / MEMO_FILE, {file: end for file, end in known.ends.items() if file in here})

    def _forget_old(self, known: _Known) -> None:
        """Take away files that no process writes to any more, once all of their lines are in the archive."""
        for file in self._files():
            if _modified(file) < self._clock() - self._keep and not _rest(file, known.ends.get(file.stem, 0)):
                file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{SUFFIX}"))


def lag(folder: Path, now: datetime) -> float:
    """For how many seconds the oldest line waits that is not in the archive; 0 where none does."""
    try:
        ends = json.loads((folder / MEMO_FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        ends = {}
    waiting = [_since(file, ends.get(file.stem, 0)) for file in folder.glob(f"*{SUFFIX}")]
    return max(((now - since).total_seconds() for since in waiting if since is not None), default=0.0)


def _since(file: Path, end: int) -> datetime | None:
    """When the first line after `end` was written."""
    try:
        rest = _rest(file, end)
        if not rest:
            return None
        times = (logs.time_of(line) for line in rest.splitlines())
        return datetime.fromisoformat(next(filter(None, times)))
    except FileNotFoundError:
        return None
    except (StopIteration, ValueError, OSError):
        return _modified(file)


def _rest(file: Path, end: int) -> bytes:
    """The first lines after `end`, whole ones; what has no end is under way, or was cut off by the death of the machine, and is no line."""
    with file.open("rb") as stream:
        stream.seek(end)
        data = stream.read(SEGMENT_BYTES)
    return data if len(data) == SEGMENT_BYTES and b"\n" not in data else data[: data.rfind(b"\n") + 1]


def _pieces(file: Path, end: int) -> Iterator[tuple[int, bytes]]:
    if file.stat().st_size < end:
        log.error("logs.file_cut", count=end)
    while lines := _rest(file, end):
        yield end, lines
        end += len(lines)


def _modified(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _host(folder: Path) -> str:
    """The name of this folder in the archive, made once: two hosts have two, whatever they call themselves."""
    file = folder / HOST_FILE
    if not file.exists():
        new = folder / f".{random_letters(8)}"
        new.write_text(f"host-{random_letters(10)}\n", encoding="ascii")
        with contextlib.suppress(FileExistsError):
            os.link(new, file)
        new.unlink()
    return file.read_text(encoding="ascii").strip()


def _write(file: Path, told: dict[str, int]) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(json.dumps(told).encode("ascii"))
    new.replace(file)
