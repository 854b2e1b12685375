"""Another `serve` or `work` beside a running stack, on its database: what a bad deploy starts, or one with another address of BlueSnap."""

from __future__ import annotations

import contextlib
import copy
import sys
import types
from pathlib import Path

from dev import doors, processes
from tests.faults.faults_stage import _free_port
from tests.journeys.journeys_stage import ROOT, eventually

STOP_SECONDS = 4.0


@contextlib.contextmanager
def another_service(stage, *, module=None, log=None, **settings):
    """A second master and its workers. A stage like the first one whose calls go there; its `process` is the master."""
    service, metrics = _free_port(), _free_port()
    own = {"PANLESS_BIND": f"127.0.0.1:{service}", "PANLESS_METRICS_BIND": f"127.0.0.1:{metrics}"} | settings
    with _running(stage, "serve", module=module, log=log, settings=own) as process:
        other = copy.copy(stage)
        other.stack = types.SimpleNamespace(
            service_url=f"http://127.0.0.1:{service}", metrics_url=f"http://127.0.0.1:{metrics}/metrics",
            simulator_url=stage.stack.simulator_url, api_key=stage.stack.api_key, log=_log(stage, "serve", service),
        )  # fmt: skip
        other.process = process
        eventually(lambda: _alive(process) and doors.status(f"{other.stack.service_url}/readyz") == 200, within=60)
        yield other


@contextlib.contextmanager
def another_worker(stage, *, log=None, **settings):
    """A second worker process."""
    own = {"PANLESS_WORKER_METRICS_BIND": f"127.0.0.1:{_free_port()}"} | settings
    with _running(stage, "work", log=log, settings=own) as process:
        yield process


@contextlib.contextmanager
def _running(stage, command, *, settings, module=None, log=None):
    environment = stage.stack._environments["service"] | settings
    number = settings.get("PANLESS_BIND", settings.get("PANLESS_WORKER_METRICS_BIND", "")).rpartition(":")[2]
    log = log or _log(stage, command, number)
    parts = [sys.executable, *(module or stage.stack._service), command]
    process = processes.start(processes.Launch(parts, environment, log, cwd=ROOT))
    try:
        yield process
    finally:
        processes.stop(process, grace=STOP_SECONDS)


def _log(stage, command, number):
    return Path(stage.stack.log_folder) / f"{command}-{number}.log"


def _alive(process):
    assert process.poll() is None, f"ended with {process.returncode}"
    return True
