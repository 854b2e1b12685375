"""The log's archive is away and the worker is killed meanwhile: afterwards every line of the service is there once, and the chain is whole."""

from __future__ import annotations

import json
import time

import pytest
import requests

from dev import processes
from dev.stack import Stack
from service.archive import Archive, checking, logs

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]
SECONDS = 150.0


def until(probe):
    """The first truthy answer; fails with the last one once the time is over."""
    deadline = time.monotonic() + SECONDS
    while not (found := probe()):
        assert time.monotonic() < deadline, f"after {SECONDS} s still {found!r}"
        time.sleep(0.2)
    return found


def archived(archive):
    """All lines in the archive."""
    names = [name for name in archive.names("logs/") if name.endswith(".gz")]
    return [line for name in names for line in logs.unpacked(archive.read(name)).decode().splitlines()]


def test_outage_and_a_killed_worker_leave_no_gap_and_no_duplicate(tmp_path):
    place, away = tmp_path / "archive", tmp_path / "away"
    archive = Archive.open(str(place))
    with Stack(ports="free", data=tmp_path, throwaway=True) as stack:

        def ask(number):
            for _ in range(number):
                requests.get(f"{stack.service_url}/healthz", timeout=10)

        ask(5)
        until(lambda: archived(archive))
        place.rename(away)
        place.write_text("no folder")
        ask(5)
        stack.children["worker"].kill()
        stack.children["worker"].wait()
        stack.launch("worker")
        ask(5)
        until(lambda: b"logs.not_archived" in (stack.log_folder / "worker.log").read_bytes())
        place.unlink()
        away.rename(place)
        ask(5)
        processes.stop(stack.children["service"], grace=30.0)
        told = (stack.log_folder / "service.log").read_text().splitlines()
        until(lambda: set(told) <= set(archived(archive)))
        processes.stop(stack.children["worker"], grace=30.0)
        assert json.loads(stack.command("logs", "verify", "--json"))[0]["findings"] == []
        (host,) = logs.hosts(archive)
        assert checking.check(archive, host).findings == []
    lines = archived(archive)
    assert all(lines.count(line) == told.count(line) for line in set(told))
