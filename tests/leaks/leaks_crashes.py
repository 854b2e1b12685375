"""The cases of sudden ends (E156 to E158): what dies with a card number in its memory leaves no picture of it, and comes back by itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
from leaks_provider import awaited, one_row, said
from leaks_registry import Observation, sender
from leaks_stage import SESSIONS
from leaks_tools import PROGRAMS, opclean

from service.config import ROOT
from service.evidence.wire import exchange, request

BACK_SECONDS = 30.0
#: Whether the worker has gone round since.
ROUNDS = "SELECT max(defer_timestamp) > %s FROM jobs.procrastinate_periodic_defers"
#: Between the two signals that gunicorn sends to a worker that does not answer.
GUNICORNS_SECOND = 1.0


def holding(stage, count=6):
    """Connections whose requests do not come to their end: the number has been read, and is in the memory of whoever reads on."""
    body = json.dumps({"account": stage.account, "plan": stage.payload(stage.case), "note": said(stage)}).encode()
    head, _, _ = stage.writing(SESSIONS, body).partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: [0-9]+", b"Content-Length: 9000", head)
    connections = []
    for _ in range(count):
        connection = socket.create_connection(stage.stand.address, timeout=10)
        connection.sendall(head + b"\r\n\r\n" + body)
        connections.append(connection)
    ports = {connection.getsockname()[1] for connection in connections}
    assert awaited(lambda: read_by_the_other_side(stage.stand.address[1], ports), BACK_SECONDS), "nobody reads"
    return connections


def read_by_the_other_side(port, clients):
    """Whether a process has accepted each of these connections to the port, and has read all that was sent (proc(5), /proc/net/tcp)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    ends = [
        (int(row[1].split(":")[1], 16), int(row[2].split(":")[1], 16), row[4].split(":")[1], row[9]) for row in rows
    ]
    return clients <= {
        there for here, there, unread, inode in ends if here == port and unread == "0" * 8 and inode != "0"
    }


def answers_again(stage):
    """Wait until the service and its database answer, with all its workers."""
    workers = int(stage.stand.settings["PANLESS_WORKERS"])

    def ready():
        there = len(stage.stand.processes()["service"]) == 1 + workers
        return there and exchange(stage.stand.address, request("GET", "/readyz"), timeout=5).status == 200

    assert awaited(ready, BACK_SECONDS), "the service does not answer any more"


def cores(stage):
    """Pictures of a process's memory, wherever one could have been put."""
    places = (ROOT, stage.stand.folder, stage.stand.temporary, stage.stand.cluster, Path("/cores"), Path("/var/crash"))
    names = re.compile(r"core(\.[0-9]+)?|.*\.crash|.*\.core")
    return [
        file
        for place in places
        if place.is_dir()
        for file in place.iterdir()
        if names.fullmatch(file.name) and file.is_file()
    ]


def limits(pid):
    """The soft and the hard limit of core files of a process."""
    lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    return next(line.split()[4:6] for line in lines if line.startswith("Max core file size"))


def workers_die(stage, *signals):
    """All workers get these signals while they hold the number; the service comes back by itself. What was logged meanwhile."""
    place, before = stage.log_end(), set(cores(stage))
    _, *workers = stage.stand.processes()["service"]
    bounds = [limits(pid) for pid in (*workers, *stage.stand.processes()["worker"])]
    connections = holding(stage)
    for sign in signals:
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        awaited(lambda: not set(workers) & set(stage.stand.processes()["service"]), GUNICORNS_SECOND)
    gone = awaited(lambda: not set(workers) & set(stage.stand.processes()["service"]), BACK_SECONDS)
    for connection in connections:
        connection.close()
    answers_again(stage)

    def judge():
        assert gone, "the workers live"
        assert set(cores(stage)) == before, "a picture of a worker's memory was left"
        assert all(bound == ["0", "0"] for bound in bounds), "a process of ours may leave a picture of its memory"

    return Observation(log=stage.log_since(place), judge=judge)


@sender("E157")
def worker_timeout(case, stage):
    """A worker that does not answer its master gets SIGABRT from it, and a second later SIGKILL; here without the minute before."""
    return workers_die(stage, signal.SIGABRT, signal.SIGKILL)


@sender("E158")
def worker_segfault(case, stage):
    return workers_die(stage, signal.SIGSEGV)


@sender("E156")
def database_crash(case, stage):
    """A backend dies of a fault while a statement that has the number among its values is running; the server starts anew, and so do we."""
    place, before, url = stage.log_end(), set(cores(stage)), stage.stand.database_url
    with dying_backend(stage) as running, psycopg.connect(url, autocommit=True) as connection:
        backend = int(running.stdout.readline())
        busy = awaited(lambda: _is_busy(connection, backend), BACK_SECONDS)
        os.kill(backend, signal.SIGSEGV)
        told = running.stdout.read() + running.stderr.read()
    assert awaited(lambda: _connects(url), BACK_SECONDS), "the server does not answer any more"
    stage._database.close()
    stage._database = stage.stand.connect()
    answers_again(stage)
    since = one_row(stage, "SELECT extract(epoch FROM now())")[0]
    working = awaited(lambda: one_row(stage, ROUNDS, since)[0], BACK_SECONDS)

    def check():
        assert busy, "the statement was not under way"
        assert set(cores(stage)) == before, "a picture of the server's memory was left"
        assert b"OperationalError" in told
        assert working, "the worker does nothing any more"

    found = opclean(stage, told, check)
    found.log = stage.log_since(place)
    return found


@contextlib.contextmanager
def dying_backend(stage):
    """A program whose statement holds the number and does not end by itself; the first line that it says is the number of its backend's process."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, str(PROGRAMS / "bound.py")], cwd=ROOT, **pipes) as running:
        try:
            running.stdin.write(
                json.dumps({"url": stage.stand.database_url, "word": stage.payload(stage.case)}).encode()
            )
            running.stdin.close()
            yield running
        finally:
            running.kill()


def _is_busy(connection, backend):
    state = connection.execute("SELECT state, wait_event FROM pg_stat_activity WHERE pid = %s", (backend,)).fetchone()
    return state == ("active", "PgSleep")


def _connects(url):
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
