"""The folder in which the workers' metrics meet: it is not in the temporary folder, what the dead have counted stays, and their files do not pile up."""

from __future__ import annotations

import os
import signal

from dev.doors import status
from service.evidence.wire import exchange, request
from service.telemetry import metrics_folder
from tests.telemetry.conftest import HEALTH, serving, until


def folders(served):
    return list(metrics_folder.MEMORY.glob(f"{metrics_folder.PREFIX}{served.child.pid}-*"))


def answered(served):
    """How many health checks were answered, by the page of metrics."""
    page = exchange(served.metrics, request("GET", "/metrics", [("Connection", "close")])).body.decode()
    rows = [
        row for row in page.splitlines() if row.startswith("panless_requests_total{") and 'door="operations"' in row
    ]
    return sum(float(row.rpartition(" ")[2]) for row in rows if 'status="200"' in row)


def test_counts_of_dead_workers_go_on_and_their_files_go(tmp_path, module_database):
    with serving(tmp_path, module_database) as served:
        [folder] = folders(served)
        for _ in range(3):
            before, [pid] = answered(served), served.workers()
            for _ in range(4):
                assert exchange(served.address, HEALTH).status == 200
            os.kill(pid, signal.SIGKILL)
            until(lambda dead=pid: served.workers() and dead not in served.workers())
            until(lambda: status(f"http://127.0.0.1:{served.address[1]}/healthz") == 200)
            assert answered(served) > before + 4
            assert not list(folder.glob(f"*_{pid}.db"))
        assert not list((tmp_path / "tmp").iterdir())
    assert not folders(served)


def test_reader_of_metrics_is_not_disturbed_and_holds_up_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics_folder, "MEMORY", tmp_path)
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    metrics_folder.make()
    [folder] = tmp_path.iterdir()
    with metrics_folder.being_read():
        metrics_folder.fold(4_000_001)
        assert metrics_folder._unfolded == {4_000_001}
    metrics_folder.fold(4_000_002)
    assert metrics_folder._unfolded == set()
    assert folder.stat().st_mode & 0o777 == 0o700
    metrics_folder.remove()
    assert not list(tmp_path.iterdir())


def test_temporary_folder_serves_where_memory_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics_folder, "MEMORY", tmp_path / "none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    metrics_folder.make()
    assert len(list(tmp_path.iterdir())) == 1
    metrics_folder.remove()
