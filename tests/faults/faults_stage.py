"""A running stack with a proxy on each of its ways out, whose processes can be held, killed, cut off and started again. The answers of every call are kept.

with FaultStage.start(folder, settings={"PANLESS_IDEMPOTENCY_PROVEN": "false"}) as stage:
    stage.to_bluesnap.cut()
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from dev import doors, postgres, processes
from dev.stack import Stack
from tests.faults.faults_proxy import Proxy
from tests.journeys.journeys_stage import ENVIRONMENT, ROOT, Stage, eventually

#: Quiet period and lease are a second or two; a call to BlueSnap ends before the lease does. The worker's time-outs are near, so that deaths by them are.
SETTINGS = ENVIRONMENT | {
    "PANLESS_CONNECT_SECONDS": "1",
    "PANLESS_READ_SECONDS": "2",
    "PANLESS_TOTAL_SECONDS": "2",
    "PANLESS_CHARGE_READ_SECONDS": "2",
    "PANLESS_CHARGE_TOTAL_SECONDS": "2",
    "PANLESS_LEASE_SECONDS": "3",
    "PANLESS_QUIET_SECONDS": "1",
    "PANLESS_WORKER_TIMEOUT_SECONDS": "8",
    "PANLESS_GRACEFUL_SECONDS": "2",
    "PANLESS_ATTEMPTS_PER_ACCOUNT": "1000",
    "PANLESS_LOOK_SECONDS": "1",
    # how long a request may wait for its turn has tests of its own; elsewhere a busy machine refuses nobody
    "PANLESS_WAIT_SECONDS": "20",
}
#: What was committed outlives PostgreSQL's death; the servers of other tests need not have that.
DURABLE = {"synchronous_commit": "on"}


class FaultStage(Stage):
    """`to_bluesnap` and `to_database` are the proxies between the service (and its worker process) and the simulator, and PostgreSQL."""

    def __init__(self, stack, server, to_bluesnap, to_database):
        self.server, self.to_bluesnap, self.to_database = server, to_bluesnap, to_database
        self.holds = Path(stack._environments["service"]["HOLD_FOLDER"])
        self.direct_url = stack.database_url
        #: Faults that are to happen, and those that were seen to happen: name -> how often. A judge compares them.
        self.planned, self.fired = {}, {}
        #: Who listens where nobody may be called (faults_recorder.py).
        self.recorders = []
        super().__init__(stack)

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder, *, settings=None, server=None, bugs=(), proxied=("bluesnap", "database"), own_logins=True):
        """A stack of its own under `folder`. `server` are settings of PostgreSQL; `bugs` are planted in the service (bugs.py)."""
        with contextlib.ExitStack() as undo:
            running = undo.enter_context(
                postgres.running_server(
                    folder / "pg", throwaway=True, port=_free_port(), settings=DURABLE | (server or {})
                )
            )
            direct = postgres.create_database(_over_tcp(running), "panless")
            to_database = undo.enter_context(Proxy("127.0.0.1", running.port))
            to_bluesnap = undo.enter_context(Proxy("127.0.0.1", 0))
            chosen = SETTINGS | (settings or {})
            chosen["PANLESS_DATABASE_URL"] = _through(direct, to_database.port) if "database" in proxied else direct
            if "bluesnap" in proxied:
                chosen["PANLESS_BLUESNAP_URL"] = f"http://127.0.0.1:{to_bluesnap.port}"
            holds = folder / "holds"
            (holds / "arm").mkdir(parents=True)
            (holds / "held").mkdir()
            module = ["-m", "tests.faults.testbuild", *(part for bug in bugs for part in ("--bug", bug))]
            stack = Stack(
                data=folder / "stack", throwaway=True, environment=chosen, service=module, own_logins=own_logins
            )
            os.environ["HOLD_FOLDER"] = str(holds)  # a stack hands its own environment on
            to_bluesnap.upstream_of(lambda: stack.ports.simulator)
            undo.enter_context(stack)
            stage = cls(stack, running, to_bluesnap, to_database)
            stage.direct_url = direct
            yield stage

    # holding, killing, starting

    def arm(self, point, times=1):
        """The next so many processes of the stack that reach the point are held there, whoever they work for."""
        (ready := self.holds / f".{point}").write_text(str(times))
        ready.rename(self.holds / "arm" / point)

    def held(self, point=None):
        """The points where somebody is held, one for each of them; or the processes' numbers held at one point."""
        marks = [mark for mark in (self.holds / "held").iterdir() if not mark.name.startswith(".")]
        if point is None:
            return sorted(mark.name.rpartition(".")[0] for mark in marks)
        return [int(mark.read_text()) for mark in marks if mark.name.rpartition(".")[0] == point]

    def held_by(self):
        """The numbers of all processes in which somebody is held."""
        marks = [mark for mark in (self.holds / "held").iterdir() if not mark.name.startswith(".")]
        return {int(mark.read_text()) for mark in marks}

    def alive(self, pids):
        """Those of these processes that still run; one that has ended and was not waited for does not."""
        return {pid for pid in pids if _runs(pid)}

    def await_held(self, point, times=1, within=25.0):
        """Wait until so many are held at the point. Their processes' numbers."""
        return eventually(lambda: len(found := self.held(point)) >= times and found, within=within)

    def go(self, point=None):
        """Let all go who are held, or those at one point."""
        (self.holds / (f"go.{point}" if point else "go")).touch()

    def hold_again(self):
        """Forget who was held, so that the next can be."""
        for mark in (self.holds / "held").iterdir():
            mark.unlink()
        for mark in (*self.holds.glob("go*"), *self.holds.glob("stall"), *(self.holds / "arm").iterdir()):
            mark.unlink()

    def stall(self):
        """Processes in which somebody is held stop altogether, until their master finds them silent for too long."""
        (self.holds / "stall").touch()

    def workers(self):
        """The numbers of gunicorn's workers."""
        return children(self.stack.children["service"].pid)

    def kill(self, pid, sign=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)

    def kill_group(self, name):
        """SIGKILL for a part of the stack (`service`, `worker`, `simulator`) and everything it started."""
        os.killpg(self.stack.children[name].pid, signal.SIGKILL)
        self.stack.children[name].wait(10)

    def stop(self, name, within=20.0):
        """SIGTERM, and wait for the end."""
        self.stack.children[name].terminate()
        self.stack.children[name].wait(within)

    def start_again(self, name):
        """A part that has ended, anew; waits until the service answers. What it logged before is kept beside the log, as `NAME.log.1`, `.2` …"""
        log = self.stack.log_folder / f"{name}.log"
        shutil.copy(log, log.with_name(f"{name}.log.{len(list(log.parent.glob(f'{name}.log.*'))) + 1}"))
        self.stack.launch(name)
        if name == "service":
            eventually(lambda: doors.status(f"{self.stack.service_url}/readyz") == 200, within=60)

    def launch_beside(self, name="worker2"):
        """Another worker process beside the first, as in another zone. It is a child of the stack like any other part."""
        settings = self.stack._environments["service"] | {"PANLESS_WORKER_METRICS_BIND": f"127.0.0.1:{_free_port()}"}
        command = [sys.executable, *self.stack._service, "work"]
        log = self.stack.log_folder / f"{name}.log"
        self.stack.children[name] = processes.start(processes.Launch(command, settings, log, cwd=ROOT))

    # the database

    def restart_database(self):
        """An immediate stop, which is the loss of power to PostgreSQL, and a start with crash recovery."""
        self.stop_database()
        self.start_database()

    def stop_database(self):
        self.server.process.send_signal(signal.SIGQUIT)
        self.server.process.wait(20)

    def start_database(self):
        folder = Path(
            dict(pair.split("=") for pair in urlsplit(self.server.url).query.replace("%2F", "/").split("&"))["host"]
        )
        self.server.start(folder, throwaway=True)

    def sql(self, statement, *values):
        """The rows of a statement, past the proxy. What it changes has always been so: it leaves no trace in the journal."""
        stealth = "-c session_replication_role=replica"
        with psycopg.connect(self.direct_url, autocommit=True, options=stealth) as connection:
            done = connection.execute(statement, values)
            return done.fetchall() if done.description else []

    def cut_connections(self):
        """End every connection of the service and of its worker to the database, as a failed switch would. How many there were."""
        return len(
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'panless%%'")
        )

    # the end

    def command(self, *arguments, within=100):
        """Run `python -m service ARGUMENTS` with this stack's settings, to its end: its status, output and errors, whatever they are."""
        return run(
            [sys.executable, *self.stack._service, *arguments],
            cwd=ROOT,
            env=self.stack.environment_of(arguments[0]),
            stdin=subprocess.DEVNULL,
            timeout=within,
        )

    def setting(self, name):
        """What a setting of the service is now, also where it comes from a file."""
        settings = self.stack._environments["service"]
        return Path(settings[f"{name}_FILE"]).read_text() if f"{name}_FILE" in settings else settings[name]

    def settled(self, within=90.0, but=()):
        """Wait until nothing is undecided, waiting or under way any more: signups, changes, refunds, notices, looks, events, keys; `but` these."""
        from tests.faults import faults_judge

        until = time.monotonic() + within
        while left := faults_judge.unquiet(self, but):
            assert time.monotonic() < until, f"not settled within {within} s: {left}"
            time.sleep(0.2)

    def plan(self, fault, times=1):
        """A fault is to happen."""
        self.planned[fault] = self.planned.get(fault, 0) + times

    def saw(self, fault, times=1):
        """It was seen to happen."""
        self.fired[fault] = self.fired.get(fault, 0) + times


def children(pid):
    """The numbers of a process's children, from /proc (proc(5))."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(one) for one in found]


def _runs(pid):
    """By the state in /proc (proc_pid_stat(5)); the name before it may hold anything, so the last bracket is where to begin."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in {"Z", "X"}


def _free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _over_tcp(server):
    """The server's URL by its port instead of its socket."""
    parts = urlsplit(server.url)
    credentials = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{server.port}", query=""))


def _through(url, port):
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"))


def run(command, *, timeout=100, **more):
    """A program to its end."""
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout, **more)


__all__ = ["SETTINGS", "FaultStage", "children", "processes", "run"]
