"""An embedded PostgreSQL for `make run` and the tests. Touches no permission outside its own folders and listens on no network but, when asked, loopback.

    with embedded_postgres(Path("var/postgres"), throwaway=False) as url:
        panless = create_database(url, "panless")

The server asks for a password (scram-sha-256) on its socket too; the socket lies in a private folder. As root the server
runs as `nobody`; every file of its own then lies in `cluster/`, which belongs to that account.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from dev import pgbinaries, processes
from dev.errors import DevError
from dev.pgcluster import Cluster

SUPERUSER = "postgres"
_START_SECONDS = 60.0  # crash recovery of a large cluster is slow; an ordinary start takes 0.2 s
_STOP_SECONDS = 10.0
_FOR_EVERYONE = {
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "jit": "off",
    "log_error_verbosity": "terse",  # a DETAIL line would repeat the row that was refused
    "log_min_error_statement": "panic",  # a STATEMENT line would repeat a literal that some tool has written into it
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
_FOR_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@contextlib.contextmanager
def embedded_postgres(
    data: Path, *, throwaway: bool, port: int | None = None, log: Path | None = None
) -> Iterator[str]:
    """Start a server on the cluster under `data` (made when missing) and give the URL of its `postgres` database.

    `throwaway` trades durability for speed and removes the cluster at the end. With `port` it listens on 127.0.0.1 as well.
    The server's log goes to `log`, by default `data/server.log`. Raises DevError with the reason when it cannot start.
    """
    with running_server(data, throwaway=throwaway, port=port, log=log) as server:
        yield server.url


@contextlib.contextmanager
def running_server(
    data: Path,
    *,
    throwaway: bool,
    port: int | None = None,
    log: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """As `embedded_postgres`, but gives the server, for those who watch its process too. `settings` win over ours."""
    data.mkdir(parents=True, exist_ok=True)
    binaries, account = pgbinaries.find(), pgbinaries.server_account()
    cluster = Cluster.open(data.resolve(), account)
    server = Server(
        cluster, pgbinaries.usable(binaries, cluster.home, account), port, log or data / "server.log", settings or {}
    )
    try:
        with _socket_folder(cluster) as folder:
            cluster.initialise(server.binaries, durable=not throwaway)
            try:
                server.start(folder, throwaway=throwaway)
                yield server
            finally:
                server.stop()
    finally:
        if throwaway:
            cluster.remove()


def create_database(url: str, name: str, template: str | None = None) -> str:
    """Create database `name` (a copy of `template`, to which nobody may be connected) on the server of `url`; answers its URL.

    A database that is already there is left as it is.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if not there:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template or "template1")
            )
            connection.execute(statement)
    return database_url(url, name)


def database_url(url: str, name: str) -> str:
    """The same server's URL with another database name."""
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(name)))


def remove_data(data: Path) -> None:
    """Drop the cluster that `embedded_postgres` keeps under `data`, wherever it had to put it. The server must not be running."""
    if data.is_dir():
        Cluster.open(data.resolve(), pgbinaries.server_account(), only_look=True).remove()


@dataclass
class Server:
    """A PostgreSQL of ours. `url` and `process` are set while it runs."""

    cluster: Cluster
    binaries: Path
    port: int | None
    log: Path
    settings: Mapping[str, str]
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path, *, throwaway: bool) -> None:
        """Start the server with its socket in `folder` and wait until it takes connections."""
        self.cluster.claim()
        port = self.port or 5432
        self.url = f"postgresql://{SUPERUSER}:{self.cluster.password}@/postgres?host={quote(str(folder), safe='/')}&port={port}"
        self.process = processes.start(self._launch(folder, port, throwaway=throwaway))
        if not self._ready(time.monotonic() + _START_SECONDS):
            self.stop()
            message = f"PostgreSQL did not start; the end of {self.log}:\n{processes.tail(self.log)}"
            raise DevError(message)

    def _launch(self, folder: Path, port: int, *, throwaway: bool) -> processes.Launch:
        settings = {
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": str(port),
            "unix_socket_directories": str(folder),
            **_FOR_EVERYONE,
            **(_FOR_TESTS if throwaway else {}),
            **self.settings,
        }
        command = [str(self.binaries / "postgres"), "-D", str(self.cluster.folder)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return processes.Launch(
            command, self.cluster.environment, self.log, account=self.cluster.account, parting_signal=signal.SIGINT
        )

    def _ready(self, deadline: float) -> bool:
        """Wait for the first connection. False: the server ended, or the time is over."""
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                    return False
                time.sleep(0.02)
            else:
                return True

    def stop(self) -> None:
        """A fast shutdown (SIGINT: open transactions roll back, data is flushed)."""
        if self.process is not None:
            processes.stop(self.process, signal.SIGINT, grace=_STOP_SECONDS)
            self.process = None


@contextlib.contextmanager
def _socket_folder(cluster: Cluster) -> Iterator[Path]:
    """A private folder with a short name: a socket's path may hold 107 bytes on Linux, 103 on macOS (unix(7))."""
    cluster.forget_socket_folder()
    parent = "/tmp" if sys.platform == "linux" else None  # noqa: S108 - mkdtemp below makes it ours alone, and $TMPDIR may be long
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=parent))
    cluster.remember_socket_folder(folder)
    cluster.give(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
