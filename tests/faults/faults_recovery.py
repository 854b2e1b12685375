"""A PostgreSQL that archives its log, its base backup, and servers that are recovered from both. What PostgreSQL writes lies where its account can reach."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from dev import pgbinaries, postgres
from dev.pgcluster import Cluster
from tests.journeys.journeys_stage import eventually

#: As docs/operating.md has it, but for where the archive is: on disk before it gets its name, and never one in place of another.
ARCHIVE_COMMAND = "test ! -f {0}/%f && cp %p {0}/%f.part && sync {0}/%f.part && mv {0}/%f.part {0}/%f && sync {0}"
SETTINGS = {
    "wal_level": "replica",
    "archive_mode": "on",
    "archive_timeout": "60",
    "full_page_writes": "on",
    "track_commit_timestamp": "on",
}


@dataclass
class Backup:
    """A running primary, the folder that its log goes to, the folder of its base backup, and where recovered servers stand."""

    primary: postgres.Server
    archive: Path
    folder: Path
    stand: Path
    recovered: int = field(default=0)

    def take(self):
        """The base backup; what is written from now on is in the archive alone."""
        cluster = self.primary.cluster
        command = [
            *(str(self.primary.binaries / "pg_basebackup"), "--dbname", self.primary.url, "--pgdata", str(self.folder)),
            *("--wal-method", "none", "--checkpoint", "fast", "--manifest-checksums", "SHA256", "--no-sync"),
        ]
        environment = {**cluster.environment, "PGPASSWORD": cluster.password}
        done = subprocess.run(
            command, env=environment, cwd="/", check=False, capture_output=True, text=True, **cluster.account
        )
        assert done.returncode == 0, done.stderr

    def damaged(self):
        """Files of the base backup that are not as its manifest says. What `pg_verifybackup` does; the wheel's does not run."""
        manifest = json.loads((self.folder / "backup_manifest").read_text(encoding="utf-8"))
        listed = {one["Path"]: one["Checksum"] for one in manifest["Files"]}
        found = {name: self._sum(self.folder / name) for name in listed}
        return {name for name, digest in listed.items() if found[name] != digest}

    @staticmethod
    def _sum(path):
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None

    @contextlib.contextmanager
    def recover(self, *, archive=None, archiving=False, timezone="UTC", **target):
        """A server recovered to a target (settings of PostgreSQL's without their `recovery_target_`), and promoted.

        Raises DevError with PostgreSQL's own words where it refuses.
        """
        archive = archive or self.archive
        settings = {
            "restore_command": f"cp {archive}/%f %p",
            "hot_standby": "off",  # it takes nobody before it is where it should be
            "recovery_target_action": "promote",
            "timezone": timezone,
            **{f"recovery_target_{name}": value for name, value in target.items()},
        }
        if archiving:
            settings |= SETTINGS | {"archive_command": ARCHIVE_COMMAND.format(archive)}
        with postgres.running_server(self._restored(), throwaway=True, settings=settings) as server:
            yield server

    def _restored(self):
        """The data of a server to be: the base backup, and the sign that it is to be recovered."""
        self.recovered += 1
        data = self.stand / f"recovered-{self.recovered}"
        data.mkdir()
        cluster = Cluster.open(data.resolve(), pgbinaries.server_account())
        shutil.copytree(self.folder, cluster.folder)
        (cluster.folder / "recovery.signal").touch()
        for path in (cluster.folder, *cluster.folder.rglob("*")):
            cluster.give(path)
        shutil.copy(self.primary.cluster.data / "password", data / "password")
        return data

    def copied_archive(self, name, *, without=()):
        """Another archive like this one, but for some segments."""
        copied = self.archive.with_name(name)
        shutil.copytree(self.archive, copied, ignore=lambda *_: without)
        for path in (copied, *copied.iterdir()):
            self.primary.cluster.give(path)
        return copied


@contextlib.contextmanager
def archiving_server(stand):
    """A primary below `stand` with an empty archive, and no backup yet."""
    data = stand / "primary"
    data.mkdir()
    cluster = Cluster.open(data.resolve(), pgbinaries.server_account())
    places = [cluster.home / name for name in ("archive", "backup")]
    for place in places:
        place.mkdir(mode=0o700)
        cluster.give(place)
    settings = {**SETTINGS, "archive_command": ARCHIVE_COMMAND.format(places[0])}
    with postgres.running_server(data, throwaway=True, settings=settings) as server:
        yield Backup(server, *places, stand)


def close_segment(server, archive):
    """Have all that is written by now archived: what archive_timeout does once a minute. Answers the name of the segment."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SELECT pg_create_restore_point('closed')")  # a segment that holds nothing is not closed
        (name,) = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
    eventually((archive / name).exists)
    return name
