"""Real gunicorn over a database of its own: what is true of sockets cannot be tried without them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

import pytest

from dev import ports, processes
from service.evidence.wire import exchange, request
from tests.support.tools import environ_of

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30.0
#: A user who owns nothing.
NOBODY = 65_534
HEALTH = request("GET", "/healthz", [("Connection", "close")])


def until(probe, within=SECONDS):
    """The first truthy answer of `probe`; fails with its last answer once the time is over."""
    deadline = time.monotonic() + within
    while not (found := probe()):
        assert time.monotonic() < deadline, f"after {within} s still {found!r}"
        time.sleep(0.01)
    return found


class Served:
    """A master with one worker. `child` is the master; `temporary` the folder for temporary files of both."""

    def __init__(self, child, chosen, folder):
        self.child, self.temporary, self.log = child, folder / "tmp", folder / "service.log"
        self.address, self.metrics = ("127.0.0.1", chosen.service), ("127.0.0.1", chosen.metrics)

    def text(self, mark=0):
        return self.log.read_bytes()[mark:].decode()

    def mark(self):
        return self.log.stat().st_size

    def records(self, mark=0):
        return [json.loads(line) for line in self.text(mark).splitlines()]

    def answered(self, mark=0):
        """The lines of requests since then."""
        return [record for record in self.records(mark) if record["event"] == "request.answered"]

    def workers(self):
        return [int(one) for one in Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()]

    def lines_of(self, act, expected=1):
        """The lines that an act leaves, which must be as many as expected when a request that was sent after it has left its own."""
        mark = self.mark()
        act()
        until(lambda: len(self.answered(mark)) >= expected)
        exchange(self.address, HEALTH)
        lines = until(
            lambda: (found := self.answered(mark)) and found[-1]["status"] == 200 and len(found) > expected and found
        )
        assert len(lines) == expected + 1, lines
        return lines[:-1]


@contextlib.contextmanager
def serving(folder, database_url, *, command=("-m", "service", "serve"), dropping=(), **settings):
    """A server until the end of the block. `command` are the arguments of Python that start it, `dropping` a command before it that makes it another user's."""
    (folder / "tmp").mkdir()
    if dropping:
        os.chown(folder / "tmp", NOBODY, NOBODY)
    with ports.free() as chosen:
        environment = environ_of(
            database_url=database_url,
            bind=f"127.0.0.1:{chosen.service}",
            metrics_bind=f"127.0.0.1:{chosen.metrics}",
            workers="1",
            **settings,
        )
        around = {"PATH": os.environ["PATH"], "TMPDIR": str(folder / "tmp"), **environment}
        launch = processes.Launch([*dropping, sys.executable, *command], around, folder / "service.log", cwd=ROOT)
        child = processes.start(launch)
        try:
            served = Served(child, chosen, folder)
            until(lambda: child.poll() is not None or exchange(served.address, HEALTH).status)
            assert child.poll() is None, served.text()
            yield served
        finally:
            processes.stop(child)


@pytest.fixture(scope="module")
def served(tmp_path_factory, module_database):
    """One for all tests of a file."""
    with serving(tmp_path_factory.mktemp("served"), module_database) as running:
        yield running
