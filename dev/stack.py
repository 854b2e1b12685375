"""A whole Panless on this machine: PostgreSQL, simulator with demo shop, issuer of made-up people, service, worker. Leaves no process behind, however it ends.

with Stack(ports="free", data=tmp_path, throwaway=True) as stack:
    requests.get(stack.service_url + "/readyz")
"""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from dev import configuration, doors, logins, ports, postgres, processes
from dev.bootstrap import ROOT, VAR
from dev.errors import DevError
from dev.pgcluster import write_private
from dev.ports import Ports

KEY_SCOPES = ("checkout:write", "checkout:read", "accounts:read", "accounts:write", "refunds:write")
_STOP_SECONDS = 4.0


class Stack:
    """One stack. `data` holds the cluster, the logs, the settings file and the demo shop's key.

    `environment` overrides settings (PANLESS_ and SIMULATOR_ variables); with PANLESS_DATABASE_URL in it that server is used, and
    no PostgreSQL is started. `service` are the arguments of Python that stand for `-m service`, for tests that start it changed;
    `server` are settings of the PostgreSQL server. With `own_logins`, by default where the server is ours, each part has a
    login of its own. The attributes below are valid once `start` has returned; `database_url` has the login that may do everything.
    """

    def __init__(
        self,
        *,
        data: Path = VAR,
        ports: Ports | Literal["free"] = "free",
        throwaway: bool = False,
        environment: Mapping[str, str] | None = None,
        service: Sequence[str] = ("-m", "service"),
        server: Mapping[str, str] | None = None,
        own_logins: bool | None = None,
    ) -> None:
        self._data, self._chosen, self._throwaway = data.resolve(), ports, throwaway
        self._overrides = dict(environment or {})
        self._service, self._server_settings = tuple(service), dict(server or {})
        self._logins = "PANLESS_DATABASE_URL" not in self._overrides if own_logins is None else own_logins
        self._undo = contextlib.ExitStack()
        self._server: postgres.Server | None = None
        self._environments: dict[str, dict[str, str]] = {}
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = Ports()
        self.log_folder, self.settings_file = self._data / "log", self._data / "panless.env"
        # a key made for other scopes, by an older version, is another key
        self.key_file = self._data / f"demo-shop-{zlib.crc32(' '.join(KEY_SCOPES).encode()):08x}.key"
        self.database_url = self.api_key = ""

    @property
    def server(self) -> postgres.Server | None:
        """The PostgreSQL server, if it is one of ours."""
        return self._server

    @property
    def service_url(self) -> str:
        """Where the service answers."""
        return f"http://127.0.0.1:{self.ports.service}"

    @property
    def metrics_url(self) -> str:
        """Where its metrics are read."""
        return f"http://127.0.0.1:{self.ports.metrics}/metrics"

    @property
    def simulator_url(self) -> str:
        """The simulator's protocol and levers."""
        return f"http://127.0.0.1:{self.ports.simulator}"

    @property
    def fields_url(self) -> str:
        """The origin of the hosted-fields script and its frames."""
        return f"http://localhost:{self.ports.fields}"

    @property
    def shop_url(self) -> str:
        """The demo shop."""
        return f"http://localhost:{self.ports.shop}"

    @property
    def issuer_url(self) -> str:
        """Who says who people are: `POST /identities/NAME` there signs for one of the made-up ones."""
        return f"http://127.0.0.1:{self.ports.issuer}"

    def start(self) -> Self:
        """Start all parts and wait until each answers. Raises DevError with the reason if one does not; then nothing is left running."""
        with contextlib.ExitStack() as undo:
            undo.enter_context(self._sole_use())
            self.ports = undo.enter_context(ports.free()) if self._chosen == "free" else self._chosen
            ports.check(self.ports)
            self.log_folder.mkdir(exist_ok=True)
            self._configure(self._database(undo))
            undo.callback(self._stop_children)
            if self.key_file.exists():
                self.launch("simulator")  # beside the migration: all it needs is the key
            self.launch("issuer")
            self.command("migrate")
            self._part_logins()
            self.api_key = self._key()
            for name in ("simulator", "service"):
                if name not in self.children:
                    self.launch(name)
            self._await_doors()
            self._renew_refused_key()
            self.launch("worker")  # last: it has no door to wait for, and two cores are busy enough until here
            self.check()
            self._undo = undo.pop_all()
        return self

    def stop(self) -> None:
        """End all parts, the database last. Waits a few seconds at most before it kills."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def launch(self, name: str) -> None:
        """Start one part (again): `simulator`, `issuer`, `service` or `worker`. Does not wait for it."""
        command = {
            "simulator": ("-m", "simulator"),
            "issuer": ("-m", "simulator.issuer"),
            "service": (*self._service, "serve"),
            "worker": (*self._service, "work"),
        }[name]
        log = self.log_folder / f"{name}.log"
        launch = processes.Launch([sys.executable, *command], self.environment_of(name), log, cwd=ROOT)
        self.children[name] = processes.start(launch)

    def environment_of(self, name: str) -> dict[str, str]:
        """What a part, or a command of the service, runs with: `migrate` has the owner's login, whatever the parts have."""
        environment = self._environments["simulator" if name in {"simulator", "issuer"} else "service"]
        return environment | {"PANLESS_DATABASE_URL": self.database_url} if name == "migrate" else environment

    def command(self, *arguments: str) -> str:
        """Run `python -m service ARGUMENTS` with this stack's settings; answers its standard output. Raises DevError if it fails."""
        log = self.log_folder / f"{arguments[0]}.log"
        with log.open("wb") as errors:
            done = subprocess.run(
                [sys.executable, *self._service, *arguments],
                cwd=ROOT,
                env=self.environment_of(arguments[0]),
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        if done.returncode != 0:
            message = f"`python -m service {arguments[0]}` failed; the end of {log}:\n{processes.tail(log)}"
            raise DevError(message)
        return done.stdout

    def check(self) -> None:
        """Raise DevError, with the end of its log, if a part has died."""
        running = dict(self.children)
        if self._server is not None and self._server.process is not None:
            running["postgres"] = self._server.process
        for name, child in running.items():
            if child.poll() is not None:
                log = self.log_folder / f"{name}.log"
                message = f"{name} died (status {child.returncode}); the end of {log}:\n{processes.tail(log)}"
                raise DevError(message)

    @contextlib.contextmanager
    def _sole_use(self) -> Iterator[None]:
        """Two stacks on one data folder would pull each other's files away. The kernel drops the lock when we die."""
        self._data.mkdir(parents=True, exist_ok=True)
        with (self._data / "running.lock").open("w") as lock:
            if not processes.take(lock):
                message = f"a stack is already running on {self._data}: end it first"
                raise DevError(message)
            yield

    def _database(self, undo: contextlib.ExitStack) -> str:
        given = self._overrides.get("PANLESS_DATABASE_URL")
        if given:
            return given
        server = postgres.running_server(
            self._data / "postgres",
            throwaway=self._throwaway,
            log=self.log_folder / "postgres.log",
            settings=self._server_settings,
        )
        self._server = undo.enter_context(server)
        return postgres.create_database(self._server.url, "panless")

    def _configure(self, database_url: str) -> None:
        kept = configuration.read(self.settings_file)
        settings = configuration.of_service(self.ports, database_url, self._data, kept)
        settings |= {name: value for name, value in self._overrides.items() if name.startswith("PANLESS_")}
        simulator = configuration.of_simulator(self.ports, self.key_file)
        simulator |= {name: value for name, value in self._overrides.items() if name.startswith("SIMULATOR_")}
        around = configuration.surroundings() | {"TMPDIR": str(processes.fresh_folder(self._data / "tmp"))}
        self._environments = {"service": around | settings, "simulator": around | simulator}
        self.database_url = settings["PANLESS_DATABASE_URL"]

    def _part_logins(self) -> None:
        if self._logins:
            self._environments["service"] |= logins.make(self.database_url)
        configuration.write(self.settings_file, self._environments["service"])

    def _key(self) -> str:
        """The demo shop's API key: the one from the last start, or a new one."""
        if not self.key_file.exists():
            write_private(self.key_file, self.command("keys", "create", "--name", "demo-shop", "--scope", *KEY_SCOPES))
        return self.key_file.read_text(encoding="utf-8").strip()

    def _renew_refused_key(self) -> None:
        """Another database, or a revoked key: make a new one, and start the simulator (which serves the shop) again with it."""
        if doors.status(f"{self.service_url}/v1/accounts/demo", self.api_key) == http.HTTPStatus.UNAUTHORIZED:
            self.key_file.unlink()
            self.api_key = self._key()
            processes.stop(self.children["simulator"], grace=_STOP_SECONDS)
            self.launch("simulator")
            self._await_doors()

    def _await_doors(self) -> None:
        """Wait until every part answers; the worker has no door, it only has to live."""
        awaited = {
            f"{self.simulator_url}/_levers/clock": "simulator",
            self.fields_url: "simulator",
            self.shop_url: "simulator",
            self.issuer_url: "issuer",
            f"{self.service_url}/readyz": "service",
            self.metrics_url: "service",
        }
        logs = {url: self.log_folder / f"{name}.log" for url, name in awaited.items()}
        doors.await_open(logs, self.check, bare=self.fields_url)

    def _stop_children(self) -> None:
        processes.stop_all(list(self.children.values()), grace=_STOP_SECONDS)
        self.children.clear()
