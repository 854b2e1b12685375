"""A host that writes log lines and ships them, under a clock of its own; and an archive that fails when it is told to."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

from service.archive import Archive, ArchiveAway, checking, logs
from service.archive.shipping import Shipper
from service.audit.signing import Signer
from service.telemetry.logfiles import Files
from service.telemetry.logs import render

BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Crash(BaseException):
    """The process dies here."""


class Failing(Archive):
    """The archive of a folder, which is away, or whose next writers die before or after they have written."""

    def __init__(self, archive):
        self._real = archive
        self.away = False
        self.dying = ""  # before, after: the next put
        self.lives = 0  # puts until then

    def put_once(self, name, data):
        if self.away:
            raise ArchiveAway("ConnectionError")
        if self.dying == "before" and self.lives == 0:
            raise Crash
        self._real.put_once(name, data)
        if self.dying == "after" and self.lives == 0:
            raise Crash
        self.lives -= 1

    def read(self, name):
        return self._asked().read(name)

    def names(self, prefix=""):
        return self._asked().names(prefix)

    def remove(self, name):
        self._asked().remove(name)

    def _asked(self):
        if self.away:
            raise ArchiveAway("ConnectionError")
        return self._real


class Host:
    """Its folder of log files, and the archive. `written` are all lines, file by file."""

    def __init__(self, tmp_path, name="one"):
        self.folder = tmp_path / name
        self.place = tmp_path / "archive"
        self.real = Archive.open(str(self.place))
        self.archive = Failing(self.real)
        self.now = BEGIN
        self.files = Files(self.folder, "service")
        self.shipper = None
        self.signer = Signer("simulator", [("one", bytes(range(32)))], [])
        self.start()

    def start(self):
        """The worker starts (again)."""
        if self.shipper is not None:
            self.shipper.close()
        self.shipper = Shipper(self.archive, self.folder, lambda: self.now, keep_days=3, vouch=self.signer.vouch)

    def write(self, *numbers, **fields):
        for number in numbers:
            record = {
                "event": "signup.waiting",
                "attempt": number,
                "level": "info",
                "time": logs.stamp(self.now),
                **fields,
            }
            before = set(self.folder.glob("*.log"))
            self.files.write(render(record) + "\n")
            for file in set(self.folder.glob("*.log")) - before:  # its name tells the time of this machine
                part, _, letters = file.stem.split("-")
                file.rename(self.folder / f"{part}-{self.now:%Y%m%dT%H%M%SZ}-{letters}.log")

    def ship(self):
        return self.shipper.ship()

    def later(self, **span):
        """Time goes on, for the files as well: a new one is begun."""
        self.now += timedelta(**span)
        self.files.close()

    def age(self):
        """The files look as old as their last lines are."""
        for file in self.folder.glob("*.log"):
            moment = datetime.fromisoformat(json.loads(file.read_text().splitlines()[-1])["time"]).timestamp()
            os.utime(file, (moment, moment))

    @property
    def id(self):
        return (self.folder / "host").read_text().strip()

    def check(self, since=None):
        return checking.check(
            self.real, self.id, since, self.now.date() if since else None, doubt=self.signer.verifier.doubts
        )

    def found(self, since=None):
        return [(one.what, one.file, one.offset) for one in self.check(since).findings]

    def archived(self):
        """The numbers of all lines in the archive, in the order of the chain."""
        names = logs.names_of(self.real, self.id)
        manifests = [
            logs.Manifest.read(logs.manifest_at(self.real, self.id, day, one))
            for one, day in sorted(names.manifests.items())
        ]
        plain = [logs.unpacked(self.real.read(one.name)) for manifest in manifests for one in manifest.segments]
        return [json.loads(line)["attempt"] for data in plain for line in data.splitlines()]

    def pieces(self, ending):
        return sorted(self.place.glob(f"logs/{self.id}/*/*{ending}"))
