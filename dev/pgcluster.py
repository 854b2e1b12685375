"""Where the embedded PostgreSQL keeps its files: finding, making, claiming and dropping a cluster. Starts no server."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dev import pgbinaries
from dev.errors import DevError
from dev.pgbinaries import Account

_LASTING_TEMP = Path("/var/tmp")  # noqa: S108 - survives a reboot (Filesystem Hierarchy Standard 5.15); mkdtemp makes a private name in it
_RESET = "`make reset` starts anew and drops the data"


@dataclass(frozen=True)
class Cluster:
    """One cluster. `data` is the folder we were given; `home` the folder that holds the cluster: the same one, unless the server cannot reach it."""

    data: Path
    home: Path
    account: Account

    @classmethod
    def open(cls, data: Path, account: Account, *, only_look: bool = False) -> Self:
        """Find the cluster's home. As root with a project below a private folder it lies under the system's temporary folder, recorded in `data`."""
        elsewhere = _recorded(data / "elsewhere")
        if elsewhere or only_look or not account or _reachable(data, account):
            return cls(data, elsewhere or data, account)
        if (data / "cluster").exists():
            message = f"{data}/cluster is there, but its folder is closed to the account `nobody` that ran it; open it again, or {_RESET}"
            raise DevError(message)
        parent = _LASTING_TEMP if _LASTING_TEMP.is_dir() else Path(tempfile.gettempdir())
        home = Path(tempfile.mkdtemp(prefix="panless-postgres-", dir=parent))
        home.chmod(0o711)
        (data / "elsewhere").write_text(f"{home}\n", encoding="utf-8")
        print(f"PostgreSQL runs as `nobody`, who cannot reach {data}: its data lies in {home}", file=sys.stderr)
        return cls(data, home, account)

    @property
    def folder(self) -> Path:
        """PostgreSQL's own data directory, mode 0700, of the server's account."""
        return self.home / "cluster"

    @property
    def environment(self) -> dict[str, str]:
        """What the server's programs see of our environment: nothing of it, but a fixed locale and zone."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": _locale(), "TZ": "UTC"}

    @property
    def password(self) -> str:
        """The superuser's password: made once, kept in a file that only we can read."""
        file = self.data / "password"
        if not file.exists():
            if self.folder.exists():
                message = f"{file} is missing, and with it the way into the data; {_RESET}"
                raise DevError(message)
            write_private(file, secrets.token_urlsafe(24) + "\n")
        return file.read_text(encoding="utf-8").strip()

    def give(self, path: Path) -> None:
        """Hand one of our own new files or folders to the server's account."""
        if self.account:
            os.chown(path, self.account["user"], self.account["group"])

    def initialise(self, binaries: Path, *, durable: bool) -> None:
        """Make the cluster if it is not there: under another name first, so that an interrupted start leaves no half of one."""
        if self.folder.exists():
            self._check(binaries)
            return
        half = self.home / "cluster.new"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        self.give(half)
        first_password = self.home / "first-password"
        write_private(first_password, self.password)
        self.give(first_password)
        try:
            self._initdb(binaries, half, first_password, durable=durable)
        finally:
            first_password.unlink()
        half.rename(self.folder)

    def _initdb(self, binaries: Path, folder: Path, password: Path, *, durable: bool) -> None:
        command = [
            *(str(binaries / "initdb"), "-D", str(folder), "-U", "postgres", "-E", "UTF8", f"--locale={_locale()}"),
            *("--auth=scram-sha-256", f"--pwfile={password}", "--data-checksums", "--no-instructions"),
            *(() if durable else ("--no-sync",)),
        ]
        done = subprocess.run(
            command,
            env=self.environment,
            cwd="/",
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self.account,
        )
        if done.returncode != 0:
            message = f"PostgreSQL's initdb failed:\n{done.stdout.strip()}"
            raise DevError(message)

    def _check(self, binaries: Path) -> None:
        owner = self.folder.stat().st_uid
        expected = self.account.get("user", os.geteuid())
        if owner != expected:
            message = f"{self.folder} belongs to uid {owner}, not {expected}: it was made by another user; run as that one, or {_RESET}"
            raise DevError(message)
        made_by = (self.folder / "PG_VERSION").read_text(encoding="ascii").strip()
        version = pgbinaries.major_version(binaries)
        if made_by != version:
            message = f"{self.folder} was made by PostgreSQL {made_by}, the programs in {binaries} are {version}: set PG_BIN, or {_RESET}"
            raise DevError(message)

    def claim(self, seconds: float = 10.0) -> None:
        """Wait until no server works in the cluster (one that was told to end may still be at it), then drop what a `kill -9` left.

        Every PostgreSQL process has the cluster as its current directory. The number in a stale postmaster.pid proves nothing: it may
        belong to another process by now, and PostgreSQL would refuse to start.
        """
        if not Path("/proc/self/cwd").exists():  # not Linux: PostgreSQL's own check has to do
            return
        deadline = time.monotonic() + seconds
        while workers := _working_in(self.folder):
            if time.monotonic() > deadline:
                message = f"a PostgreSQL (process {workers[0]}) is already running on {self.folder}: end the other `make run` first"
                raise DevError(message)
            time.sleep(0.05)
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def remember_socket_folder(self, folder: Path) -> None:
        """Note the socket's folder, so that the next start clears it away when we are killed."""
        (self.data / "socket-folder").write_text(f"{folder}\n", encoding="utf-8")

    def forget_socket_folder(self) -> None:
        """Clear away the socket folder of a run that was killed."""
        file = self.data / "socket-folder"
        if file.exists():
            left = Path(file.read_text(encoding="utf-8").strip())
            if (
                left.name.startswith("pg-")
                and left.is_dir()
                and left.lstat().st_uid == self.account.get("user", os.geteuid())
            ):
                shutil.rmtree(left, ignore_errors=True)
            file.unlink()

    def remove(self) -> None:
        """Drop the data, and the home that lies elsewhere. Waits for a server that is still ending after its parent was killed."""
        self.claim()
        self.forget_socket_folder()
        for name in ("cluster", "cluster.new", "binaries"):
            if (self.home / name).exists():
                shutil.rmtree(self.home / name)
        if self.home != self.data:
            shutil.rmtree(self.home)
        for name in ("password", "elsewhere"):
            (self.data / name).unlink(missing_ok=True)


def write_private(file: Path, text: str) -> None:
    """Write a file that only we can read, in one step: a reader sees the old text or the new, and never a wider mode."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # 0600 from the start
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(name).rename(file)


def _locale() -> str:
    return "C.UTF-8" if sys.platform == "linux" else "C"  # macOS knows no C.UTF-8; both sort by bytes


def _recorded(record: Path) -> Path | None:
    """The home that `record` names, if it is still a folder of ours: names under a temporary folder are not trusted."""
    if not record.exists():
        return None
    home = Path(record.read_text(encoding="utf-8").strip())
    with contextlib.suppress(OSError):
        found = home.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
            return home
    record.unlink()
    (record.parent / "password").unlink(missing_ok=True)
    return None


def _reachable(data: Path, account: Account) -> bool:
    """Ask the system, as that account, whether it can reach `data`. Opens `data` itself to passers-by, and no folder above it."""
    data.chmod(0o711)
    look = ["/bin/sh", "-c", 'cd "$1"', "sh", str(data)]
    return (
        subprocess.run(
            look, cwd="/", env={}, check=False, stdin=subprocess.DEVNULL, capture_output=True, **account
        ).returncode
        == 0
    )


def _working_in(folder: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's: then it is not our server
            if (process / "cwd").readlink() == folder:
                found.append(int(process.name))
    return found
