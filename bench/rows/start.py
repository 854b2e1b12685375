"""Row 7: how long a command takes to say its help, and a worker to its first answer, beside an import of Flask and an empty app of the same libraries."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import serving, stage
from bench.child import ROOT
from bench.outcome import Goal, Outcome
from bench.rounds import Contender, Options, Shown, interleave
from dev import configuration, processes
from dev.errors import DevError

OURS = "Panless"
HELP, FIRST = "a command's whole run", "from the start to the first answer"


def measure(options: Options) -> Outcome:
    """The row."""
    outcome = Outcome()
    around = configuration.surroundings()
    commands = [
        Contender(OURS, "ours", lambda: _whole(["-m", "service", "--help"], around)),
        Contender("import flask", "floor", lambda: _whole(["-c", "import flask"], around)),
        Contender("nothing", "check", lambda: _whole(["-c", "pass"], around)),
    ]
    for one in commands:
        one.run()  # byte code is written, files are in memory
    outcome.figures += interleave(commands, options.pairs)
    with stage.folder("start") as place, stage.panless(place) as stack:
        ours = around | configuration.read(stack.settings_file)
        servers = [
            Contender(OURS, "ours", lambda: _first(["-m", "service", "serve"], place, ours, _own_ports())),
            Contender("empty app", "floor", lambda: _first(None, place, around, {})),
        ]
        outcome.figures += interleave(servers, options.pairs)
    help_, first = outcome.compare(OURS, "import flask", HELP), outcome.compare(OURS, "empty app", FIRST)
    outcome.goals += [
        Goal("python -m service --help against an import of Flask", "most", 1.5, help_),
        Goal("first answer against an empty app of the same libraries", "most", 1.3, first),
    ]
    return outcome


def _own_ports() -> dict[str, str]:
    return {name: f"127.0.0.1:{serving.free_port()}" for name in ("PANLESS_BIND", "PANLESS_METRICS_BIND")}


def _whole(arguments: Sequence[str], environment: Mapping[str, str]) -> Shown:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=dict(environment), check=True, stdout=subprocess.DEVNULL)
    return {HELP: ((time.perf_counter() - begun) * 1000, "ms")}


def _first(
    arguments: Sequence[str] | None, place: Path, environment: Mapping[str, str], ports: Mapping[str, str]
) -> Shown:
    """Start it, and ask until it answers. Without arguments it is the empty app."""
    port = int(ports["PANLESS_BIND"].rpartition(":")[2]) if ports else serving.free_port()
    command = [sys.executable, *(arguments or serving.gunicorn("bench.floors.empty:app", port))]
    launch = processes.Launch(command, {**environment, **ports}, place / "start.log", cwd=ROOT)
    begun = time.perf_counter()
    process = processes.start(launch)
    try:
        _answered(process, port, place / "start.log")
        return {FIRST: ((time.perf_counter() - begun) * 1000, "ms")}
    finally:
        processes.stop(process)


def _answered(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + serving.START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(asked), contextlib.suppress(OSError, http.client.HTTPException):
            asked.request("GET", "/healthz")
            if asked.getresponse().status == 200:
                return
        time.sleep(0.002)
    raise DevError(f"it did not answer:\n{processes.tail(log)}")
