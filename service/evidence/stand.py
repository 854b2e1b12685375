"""A private copy of the system, started as a process of its own for canaries to be sent to. It must never touch a system that somebody uses."""

from __future__ import annotations

import contextlib
import http
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg

from service.config import ROOT
from service.evidence import rest
from service.evidence.rest import StandError
from service.evidence.sinks import proc
from service.evidence.sinks.base import Done
from service.evidence.sinks.calls import call
from service.evidence.sinks.cluster import ARCHIVE
from service.evidence.sinks.receiver import Receiver

__all__ = ["Done", "Stand", "StandError"]

_START_SECONDS = 180.0
_STOP_SECONDS = 40.0
_WORKERS_SECONDS = 120.0  # above gunicorn's graceful time of 80 s
#: Each finished WAL segment is copied, as in production, so that recycling one hides nothing. The path is the server's own, below its data folder.
SERVER = {
    "archive_mode": "on",
    "archive_command": f"test -d {ARCHIVE} || mkdir -m 0700 {ARCHIVE}; cp %p {ARCHIVE}/%f",
}
_STEERING = ("PANLESS_", "SIMULATOR_", "PG", "DATABASE_URL")


class Stand:
    """One private copy on free ports, all of it below `folder`, which must be new or empty and stays when it ends.

        with Stand(folder) as stand:
            answer = exchange(stand.address, request("GET", "/readyz"))

    `settings` are variables of service and simulator, `server` settings of PostgreSQL, `service` Python's arguments that stand for
    `-m service`. The attributes hold once `start` has returned: addresses (`service`, `metrics`, `simulator`, `fields`, `shop`, `issuer`,
    `database_url`), folders (`cluster` of PostgreSQL's data, `programs` of its own, `logs`, `temporary`, and as `kept_lines` the log files' and the archive's), the `settings` of the running
    service, an `api_key`; `events`, the receiver of the platform's events (None where the settings name another), and `commands`, all that
    operators' commands have said so far.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        server: Mapping[str, str] | None = None,
        service: str = "-m service",
    ) -> None:
        self.folder = folder.resolve()
        self._python = service
        self._settings, self._server = dict(settings or {}), {**SERVER, **(server or {})}
        self._child: subprocess.Popen[bytes] | None = None
        self._heads: dict[str, int] = {}
        self._undo = contextlib.ExitStack()
        self.events: Receiver | None = None
        self.commands: list[Done] = []
        self.settings: dict[str, str] = {}

    def start(self) -> Self:
        """Start all parts; answers when each of them does. Raises StandError with the reason if one does not."""
        if not (ROOT / "dev" / "__main__.py").is_file():
            raise StandError("only a clone of the project holds the tools that start a private copy: use one")
        self.folder.mkdir(parents=True, exist_ok=True)
        said = self.folder / "stack.err"
        with contextlib.ExitStack() as undo:
            if "PANLESS_EVENTS_URL" not in self._settings:
                self.events = undo.enter_context(Receiver())
                told = {"PANLESS_EVENTS_URL": self.events.url, "PANLESS_EVENTS_SECRETS": self.events.secret}
                self._settings |= told
            self._child = self._launch(said)
            undo.callback(_end, self._child)
            try:
                self._learn(self._first_line(self._child))
                rest.until(self._lacking, _WORKERS_SECONDS)
            except StandError as error:
                raise StandError(f"{error}; it said at the end:\n{_tail(said)}") from None
            self._undo = undo.pop_all()
        return self

    def stop(self) -> None:
        """End all parts. A copy that does not end by itself is killed, and its parts with it."""
        self._undo.close()

    def _launch(self, said: Path) -> subprocess.Popen[bytes]:
        options = [
            *(f"--set={name}={value}" for name, value in self._settings.items()),
            *(f"--server={name}={value}" for name, value in self._server.items()),
        ]
        command = [sys.executable, "-m", "dev", "stack", "--data", str(self.folder), "--service", self._python]
        with said.open("wb") as errors:
            return subprocess.Popen(
                [*command, *options],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _first_line(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        deadline = time.monotonic() + _START_SECONDS
        while (
            child.stdout is not None and select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]
        ):
            line = child.stdout.readline()
            if line.startswith(b"{"):
                told: dict[str, Any] = json.loads(line)
                return told
            if not line:
                raise StandError(f"the private copy ended early, with status {child.wait()}")
        raise StandError(f"the private copy was not ready within {_START_SECONDS:.0f} s")

    def _learn(self, told: Mapping[str, Any]) -> None:
        self.service: str = told["service"]
        self.metrics: list[str] = told["metrics"]
        self.simulator: str = told["simulator"]
        self.fields: str = told["fields"]
        self.shop: str = told["shop"]
        self.issuer: str = told["issuer"]
        self.database_url: str = told["database_url"]
        if told["cluster"] is None:
            raise StandError("the private copy uses a database server that is not its own")
        self.cluster, self.programs = Path(told["cluster"]), Path(told["postgres_programs"])
        self.logs, self.temporary = Path(told["logs"]), self.folder / "tmp"
        self.settings = _pairs(Path(told["settings"]))
        self.kept_lines = (Path(self.settings["PANLESS_LOG_FOLDER"]), Path(self.settings["PANLESS_ARCHIVE_URL"]))
        self.api_key = Path(told["api_key"]).read_text(encoding="utf-8").strip()
        self._heads = dict(told["processes"])

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the service."""
        parts = urlsplit(self.service)
        return parts.hostname or "", parts.port or 0

    def processes(self) -> dict[str, list[int]]:
        """The processes that run now, by part: `service` (gunicorn's master, then its workers), `worker`, `postgres` (server, then backends), `simulator`."""
        return proc.families(self._heads)

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of our own to the service's database, as its superuser, that commits each statement."""
        return psycopg.connect(self.database_url, autocommit=True, application_name=rest.OURS)

    def command(self, *arguments: str, input: bytes | None = None) -> Done:  # noqa: A002 - subprocess calls it so too
        """Run `python -m service ARGUMENTS` with the settings of the running service. What it said is kept in `commands`."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
        done = subprocess.run(
            [sys.executable, *self._python.split(), *arguments],
            cwd=ROOT,
            env=environment | self.settings | {"TMPDIR": str(self.temporary)},
            check=False,
            capture_output=True,
            input=input or b"",
        )
        self.commands.append(Done(done.returncode, done.stdout, done.stderr))
        return self.commands[-1]

    def key(self, *scopes: str) -> str:
        """A new API key of these scopes. Raises StandError if there is none to be had."""
        done = self.command("keys", "create", "--name", "evidence", "--scope", *scopes)
        if done.status != 0:
            raise StandError("`python -m service keys create` failed")
        return done.out.decode("ascii").strip()

    def lever(self, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Work a lever of the simulator, or read one where there is no body (simulator/README.md). Raises StandError with the simulator's complaint."""
        status, text = call(f"{self.simulator}/_levers/{name}", body)
        told: dict[str, Any] = json.loads(text or "{}")
        if status != http.HTTPStatus.OK:
            raise StandError(f"the simulator refuses {name.partition('?')[0]}: {told.get('error', status)}")
        return told

    def settle(self, *, whole_round: bool = False) -> None:
        """Wait until nothing is under way: no job, no transaction, no notice, no line. With `whole_round` the worker has also looked for
        work once more since the call, which takes up to five seconds. Raises StandError with what does not end within a minute.
        """
        with self.connect() as connection:
            rest.settle(connection, self.lever, self.logs, whole_round=whole_round)

    def recycle(self) -> None:
        """Have gunicorn replace its workers (SIGHUP to the master), and wait until all are new and answer. Raises StandError if they do not."""
        master, *old = self.processes()["service"]
        os.kill(master, signal.SIGHUP)
        rest.until(lambda: self._lacking(old), _WORKERS_SECONDS)

    def _lacking(self, old: Sequence[int] = ()) -> str:
        """What the service lacks of as many workers as it should have, none of these among them, and of an answer at each of its doors."""
        workers = self.processes()["service"][1:]
        if len(workers) != int(self.settings["PANLESS_WORKERS"]) or set(old) & set(workers):
            return f"{len(workers)} workers run, {len(set(old) & set(workers))} of them are old"
        silent = sum(call(url)[0] != http.HTTPStatus.OK for url in (f"{self.service}/readyz", *self.metrics))
        return f"{silent} doors do not answer" if silent else ""


def _end(child: subprocess.Popen[bytes]) -> None:
    """A private copy ends with its standard input. One that does not is killed, and its parts die with it."""
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _pairs(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith("PANLESS_"))


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
