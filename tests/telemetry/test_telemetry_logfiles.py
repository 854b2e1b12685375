"""A process's lines in files of its own: the same as on standard output, private, whole, and never in the way of the work."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import stat

import pytest
import structlog

from service.evidence.wire import exchange, request
from service.telemetry import logfiles, logs
from service.telemetry.logfiles import Files
from tests.support.cards import VISA, traces
from tests.support.logs import write_logs_to
from tests.support.metrics import reading
from tests.telemetry.conftest import HEALTH, serving, until

LOST = "panless_log_file_records_lost_total"


def lines_in(folder):
    return [line for file in sorted(folder.glob("*.log")) for line in file.read_text().splitlines()]


@pytest.fixture
def both(tmp_path, quiet_logs):
    """The log on a stream and in files at once; answers the stream and the folder."""
    stream, folder = io.StringIO(), tmp_path / "lines"
    write_logs_to(stream, files=Files(folder, "service"))
    yield stream, folder
    quiet_logs()


def test_a_line_in_the_file_is_the_line_on_the_stream(both):
    stream, folder = both
    structlog.get_logger().info("signup.moved", state="active", account=VISA)
    logs.logging.getLogger("urllib3").critical("GET %s", VISA)
    assert lines_in(folder) == stream.getvalue().splitlines()
    assert len(lines_in(folder)) == 2
    assert traces("\n".join(lines_in(folder)), VISA) == []


def test_folder_and_files_are_private_and_named_by_part_and_time(both):
    _, folder = both
    structlog.get_logger().info("signup.moved")
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert re.fullmatch(r"service-\d{8}T\d{6}Z-[a-z]{8}\.log", file.name)


def test_nothing_is_made_before_the_first_line(both):
    assert not both[1].exists()


def test_a_file_that_cannot_be_written_is_counted_and_the_stream_goes_on(both):
    stream, folder = both
    folder.write_text("in the way")
    before = reading(LOST)
    structlog.get_logger().info("signup.moved")
    assert len(stream.getvalue().splitlines()) == 1
    assert reading(LOST) == before + 1
    folder.unlink()
    structlog.get_logger().info("signup.moved")
    assert len(lines_in(folder)) == 1


def test_a_stream_that_takes_nothing_keeps_no_line_from_the_file(both):
    stream, folder = both
    stream.close()
    structlog.get_logger().info("signup.moved")
    assert len(lines_in(folder)) == 1


def test_half_a_line_on_a_full_disk_is_taken_back(tmp_path, monkeypatch):
    files = Files(tmp_path, "worker")
    files.write("one\n")
    with monkeypatch.context() as patch:
        real = os.write
        patch.setattr(os, "write", lambda file, data: real(file, data[:2]))
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            files.write("two\n")
    files.write("three\n")
    files.close()
    assert lines_in(tmp_path) == ["one", "three"]


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_SECONDS"])
def test_a_full_or_old_file_is_followed_by_another(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(logfiles, limit, 0)
    files = Files(tmp_path, "worker")
    files.write("one\n")
    files.write("two\n")
    files.close()
    assert sorted(lines_in(tmp_path)) == ["one", "two"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_was_taken_away_is_followed_by_another(tmp_path):
    files = Files(tmp_path, "worker")
    files.write("one\n")
    next(tmp_path.iterdir()).unlink()
    files.write("two\n")
    files.close()
    assert lines_in(tmp_path) == ["two"]


def test_a_child_writes_to_a_file_of_its_own(tmp_path):
    files = Files(tmp_path, "service")
    files.write("parent\n")
    child = os.fork()
    if child == 0:
        files.write("child\n")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    files.write("parent again\n")
    files.close()
    assert sorted(file.read_text() for file in tmp_path.iterdir()) == ["child\n", "parent\nparent again\n"]


def test_every_line_of_a_server_is_in_its_files_and_master_and_worker_have_their_own(tmp_path, module_database):
    folder = tmp_path / "lines"
    with serving(tmp_path, module_database, log_folder=str(folder)) as served:
        exchange(served.address, request("GET", "/nowhere", [("Connection", "close")]))
        exchange(served.address, HEALTH)
        until(lambda: len(served.answered()) >= 2)
        assert len(list(folder.glob("service-*.log"))) == 2
    told = [json.loads(line) for line in served.text().splitlines()]
    assert sorted(lines_in(folder)) == sorted(served.text().splitlines())
    assert {"request.answered", "gunicorn.stopping"} <= {one["event"] for one in told}
