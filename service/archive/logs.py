"""How log lines lie in the archive: segments of files, manifests that name them, each manifest with the digest of the one before. Pure; moves nothing.

    logs/hosts/HOST                                      a host that has lines here
    logs/HOST/2026-11-23/000000000017.FILE.0-812.gz      a segment: bytes 0 to 812 of a file, listed by manifest 17
    logs/HOST/2026-11-23/000000000017.json               manifest 17
    logs/HOST/pruned/000000000016.json                   where the chain begins, once what is older was removed

A segment is put before its manifest, so that whatever a manifest names is there. What is put and not yet named has the number of the manifest to come.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from service.archive.place import Archive

ROOT, HOSTS = "logs", "logs/hosts/"
#: What the first manifest names as the one before.
NOTHING = hashlib.sha256(b"").hexdigest()
#: A host that has been away for longer begins a chain of its own.
LOOK_BACK_DAYS = 400
SEAL = ("key_id", "signature")
_SEGMENT = re.compile(r"(\d{4}-\d\d-\d\d)/(\d{12})\.([A-Za-z0-9-]+)\.(\d+)-(\d+)\.gz")
_MANIFEST = re.compile(r"(\d{4}-\d\d-\d\d)/(\d{12})\.json")
_PRUNED = re.compile(r"pruned/(\d{12})\.json")


class DamagedError(Exception):
    """A piece of the archive is not what we make."""


@dataclass(frozen=True, order=True)
class Segment:
    """Bytes `offset` to `end` of a file, by the name of the piece that holds them."""

    day: str
    number: int
    file: str
    offset: int
    end: int

    def name(self, host: str) -> str:
        """The piece's name."""
        return f"{ROOT}/{host}/{self.day}/{self.number:012}.{self.file}.{self.offset}-{self.end}.gz"


@dataclass(frozen=True)
class Listed:
    """What a manifest says of a segment; `first` and `last` are the times of its first and last line that has one."""

    name: str
    lines: int
    first: str | None
    last: str | None
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """One link: the segments of one round, and the digest of the manifest before."""

    host: str
    number: int
    previous: str
    at: str
    segments: tuple[Listed, ...]
    key_id: str = ""
    signature: str = ""

    @classmethod
    def read(cls, data: bytes) -> Manifest:
        """Raises DamagedError where it is none."""
        told = _object(data)
        try:
            segments = tuple(Listed(**one) for one in told.pop("segments"))
            made = cls(**told, segments=segments)
        except (TypeError, KeyError):
            raise DamagedError from None
        if made.bytes() != data:
            raise DamagedError
        return made

    def bytes(self) -> bytes:
        """As it is put."""
        return written(asdict(self))

    def name(self, day: str) -> str:
        """The piece's name."""
        return f"{ROOT}/{self.host}/{day}/{self.number:012}.json"


@dataclass(frozen=True)
class Pruned:
    """Everything up to manifest `through` was removed, since it was from before `before`; `ends` is how much of files that go on was in it."""

    host: str
    through: int
    digest: str
    before: str
    ends: Mapping[str, int]
    key_id: str = ""
    signature: str = ""

    @classmethod
    def read(cls, data: bytes) -> Pruned:
        """Raises DamagedError where it is none."""
        try:
            return cls(**_object(data))
        except TypeError:
            raise DamagedError from None

    def bytes(self) -> bytes:
        """As it is put."""
        return written(asdict(self))

    def name(self) -> str:
        """The piece's name."""
        return f"{ROOT}/{self.host}/pruned/{self.through:012}.json"


@dataclass(frozen=True)
class Names:
    """What stands in the archive under a host, by its names alone, in order."""

    segments: tuple[Segment, ...]
    manifests: Mapping[int, str]
    pruned: tuple[int, ...]

    def ends(self, through: int) -> dict[str, int]:
        """How much of each file is in segments up to this manifest."""
        ends: dict[str, int] = {}
        for one in self.segments:
            if one.number <= through:
                ends[one.file] = max(one.end, ends.get(one.file, 0))
        return ends


def names_of(archive: Archive, host: str, since: date | None = None, until: date | None = None) -> Names:
    """The names of all days; or of those up to `until` from `since` on, and of days before, back to one with a manifest or to the chain's beginning."""
    begin = f"{ROOT}/{host}/"
    if since is None or until is None:
        return _sorted(archive.names(begin), begin)
    found = archive.names(f"{begin}pruned/")
    starts = {f"{int(one[1]) + 1:012}" for name in found if (one := _PRUNED.fullmatch(name.removeprefix(begin)))}
    for back in range(LOOK_BACK_DAYS):
        day = until - timedelta(days=back)
        names = archive.names(f"{begin}{day.isoformat()}/")
        found += names
        manifests = {one[2] for name in names if (one := _MANIFEST.fullmatch(name.removeprefix(begin)))}
        if (manifests and day <= since) or manifests & (starts or {f"{1:012}"}):
            break
    return _sorted(found, begin)


def _sorted(found: Iterable[str], begin: str) -> Names:
    below = [name.removeprefix(begin) for name in found]
    segments = sorted(_segment(one) for name in below if (one := _SEGMENT.fullmatch(name)))
    manifests = {int(one[2]): one[1] for name in below if (one := _MANIFEST.fullmatch(name))}
    pruned = sorted(int(one[1]) for name in below if (one := _PRUNED.fullmatch(name)))
    return Names(tuple(segments), manifests, tuple(pruned))


def _segment(found: re.Match[str]) -> Segment:
    return Segment(found[1], int(found[2]), found[3], int(found[4]), int(found[5]))


def manifest_at(archive: Archive, host: str, day: str, number: int) -> bytes:
    """Raises ArchiveMissing."""
    return archive.read(f"{ROOT}/{host}/{day}/{number:012}.json")


def pruned_at(archive: Archive, host: str, through: int) -> Pruned:
    """Raises ArchiveMissing, DamagedError."""
    return Pruned.read(archive.read(f"{ROOT}/{host}/pruned/{through:012}.json"))


def hosts(archive: Archive) -> list[str]:
    """The hosts that have lines here."""
    return [name.removeprefix(HOSTS) for name in archive.names(HOSTS)]


def packed(lines: bytes) -> bytes:
    """Compressed, without a name or a time: the same lines make the same piece."""
    return gzip.compress(lines, 6, mtime=0)


def unpacked(data: bytes) -> bytes:
    """Raises DamagedError."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, ValueError):
        raise DamagedError from None


def listed(name: str, data: bytes) -> Listed:
    """What a manifest says of a packed segment."""
    lines = unpacked(data).splitlines()
    times = [time for line in (*lines[:1], *lines[-1:]) if (time := time_of(line))]
    return Listed(name, len(lines), min(times, default=None), max(times, default=None), sha256(data))


def time_of(line: bytes) -> str | None:
    """When a line was written, by itself."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    time = told.get("time") if isinstance(told, dict) else None
    return time if isinstance(time, str) else None


def sha256(data: bytes) -> str:
    """A digest, as manifests have it."""
    return hashlib.sha256(data).hexdigest()


def written(told: Mapping[str, Any]) -> bytes:
    """JSON of which there is one form, without a signature that there is not."""
    told = {name: value for name, value in told.items() if value or name not in SEAL}
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def stamp(moment: datetime) -> str:
    """A moment, as manifests and lines have it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def segment_named(name: str, host: str) -> Segment:
    """What a name says. Raises DamagedError."""
    found = _SEGMENT.fullmatch(name.removeprefix(f"{ROOT}/{host}/"))
    if found is None:
        raise DamagedError
    return _segment(found)


def _object(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except ValueError:
        raise DamagedError from None
    if not isinstance(told, dict):
        raise DamagedError
    return told
