"""What the trials of guards need: servers with guards switched off over one stack, and a look into everything that a case may have left."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from dev import configuration, ports, postgres, processes
from dev.stack import KEY_SCOPES
from service.bluesnap import signature
from service.config.of_logins import PARTS
from service.evidence.canaries import Canary, marker
from service.evidence.pieces import Piece
from service.evidence.scanner import Scanner
from service.evidence.sinks.calls import call
from service.evidence.wire import exchange, request

ROOT = Path(__file__).resolve().parents[2]
PAYER = {"first_name": "Mira", "last_name": "Okafor", "country": "us", "zip": "02451"}
SESSIONS = "/v1/checkout-sessions"


class Ground:
    """One stack, whose database and simulator all servers of the trials share; a hostile BlueSnap between; and a host that is nobody's."""

    def __init__(self, stack, provider, stranger, folder):
        self.stack, self.provider, self.stranger, self.folder = stack, provider, stranger, folder
        self.settings = configuration.read(stack.settings_file) | {
            "PANLESS_BLUESNAP_URL": provider.url,
            "PANLESS_WORKERS": "1",
        }
        self._bare = None
        self._servers = {}

    def environment(self, **changed):
        return configuration.surroundings() | self.settings | changed

    def run(self, off, *arguments, **changed):
        """A command's standard output."""
        command = [sys.executable, "-m", "tests.leaks.unguarded", off, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment(**changed), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def bare(self):
        """A database without guards, and a key for it."""
        if self._bare is None:
            url = postgres.create_database(self.stack.server.url, "bare")
            self.run("domains", "migrate", PANLESS_DATABASE_URL=url)
            key = self.run("none", "keys", "create", "--name", "k", "--scope", *KEY_SCOPES, PANLESS_DATABASE_URL=url)
            self._bare = url, key
        return self._bare

    def server(self, off):
        """The service without these guards; one for all trials that ask for it."""
        if off not in self._servers:
            self._servers[off] = Server(self, off)
        return self._servers[off]

    def stop(self):
        processes.stop_all([server.child for server in self._servers.values()], grace=5.0)
        for server in self._servers.values():
            server.stop()


class Server:
    """`unguarded serve`."""

    def __init__(self, ground, off):
        self.ground = ground
        self.database_url, self.key = (
            ground.bare() if "domains" in off else (ground.stack.database_url, ground.stack.api_key)
        )
        self._ports = ports.free()
        chosen = self._ports.__enter__()
        self.address, self.metrics = ("127.0.0.1", chosen.service), ("127.0.0.1", chosen.metrics)
        self.log = ground.folder / f"{'-'.join(sorted(off)) or 'none'}.log"
        own = {f"PANLESS_DATABASE_URL_{part.upper()}": "" for part in PARTS if "domains" in off}  # those of the stack
        environment = ground.environment(
            **own,
            PANLESS_DATABASE_URL=self.database_url,
            PANLESS_BIND=f"127.0.0.1:{chosen.service}",
            PANLESS_METRICS_BIND=f"127.0.0.1:{chosen.metrics}",
        )
        names = ",".join(sorted(off - {"domains"})) or "none"
        command = [sys.executable, "-m", "tests.leaks.unguarded", names, "serve"]
        self.child = processes.start(processes.Launch(command, environment, self.log, cwd=ROOT))
        while not exchange(self.address, request("GET", "/healthz", [("Connection", "close")])).status:
            assert self.child.poll() is None, self.log.read_text()

    def stop(self):
        processes.stop(self.child)
        self._ports.__exit__(None, None, None)

    # asking it

    def send(self, raw):
        return exchange(self.address, raw)

    def write(self, path, body, *, auth=None, headers=()):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        usual = {
            "Authorization": f"Bearer {auth or self.key}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.uuid4()),
        }
        return self.send(request("POST", path, list({**usual, **dict(headers)}.items()), content))

    def open(self, account=None):
        made = self.write(SESSIONS, {"account": account or f"guard-{marker()}", "plan": "team", "members": 3})
        assert made.status == 201, made.raw
        session = json.loads(made.body)
        call(
            f"{self.ground.stack.simulator_url}/_levers/fill",
            {"token": session["hosted_fields"]["token"], "card": "visa"},
        )
        return session

    def complete(self, session, **payer):
        path = f"{SESSIONS}/{session['id']}/completion"
        return self.write(path, {"payer": PAYER | payer}, auth=session["client_secret"])

    def notice(self, **form):
        body = urlencode(form).encode()
        now = json.loads(call(f"{self.ground.stack.simulator_url}/_levers/clock")[1])["now"]
        stamp = (
            now[:23].replace("T", " ").rstrip("Z").ljust(23, "0") if "." in now else now[:19].replace("T", " ") + ".000"
        )
        fields = {
            "bls-ipn-timestamp": stamp,
            "bls-signature": signature.sign(self.ground.settings["PANLESS_WEBHOOK_KEYS"].split(",")[0], stamp, body),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self.send(request("POST", "/webhooks/bluesnap", list(fields.items()), body))

    # where what was sent could be

    def rows(self):
        """All that the tables of the database hold."""
        with psycopg.connect(self.database_url) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return {
                row
                for (table,) in tables
                for (row,) in connection.execute(f'SELECT row_to_json(t)::text FROM "{table}" AS t').fetchall()
            }


@dataclasses.dataclass
class Probe:
    """What one case has shown: the answers it collects itself; everything else is read before and after."""

    server: Server
    canary: Canary
    answers: list[bytes] = dataclasses.field(default_factory=list)
    words: set[str] = dataclasses.field(default_factory=set)

    def keep(self, got):
        self.answers.append(got.raw)
        return got


def sinks_with(server, case, canary):
    """Where the canary is after the case: the names of sinks, and what the case itself says."""
    ground, probe = server.ground, Probe(server, canary)
    log, asked, stranger = server.log.stat().st_size, ground.provider.mark(), ground.stranger.mark()
    served = ground.stack.log_folder / "postgres.log"
    server_log, rows = served.stat().st_size, server.rows()
    case(probe)
    # the line of a request is written before its answer is sent, and that of the metrics before what is read here
    pieces = {
        "answer": b"\n".join(probe.answers),
        "metrics": exchange(server.metrics, request("GET", "/metrics", [("Connection", "close")])).raw,
        "log": server.log.read_bytes()[log:],
        "provider": b"\n".join(one.head.encode() + one.body for one in ground.provider.since(asked)),
        "stranger": b"\n".join(one.head.encode() + one.body for one in ground.stranger.since(stranger)),
        "rows": "\n".join(server.rows() - rows).encode(),
        "database log": served.read_bytes()[server_log:],
    }
    scanner = Scanner([canary])
    return probe.words | {name for name, data in pieces.items() if scanner.search(name, [Piece(name, data)])}
