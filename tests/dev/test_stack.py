"""A stack starts as a whole or not at all, says what is wrong, and leaves no process; tried with stand-ins for its parts."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dev.reset
import dev.stack
from dev import configuration
from dev.errors import DevError
from dev.ports import Ports
from dev.stack import Stack

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
NO_DATABASE = {"PANLESS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
RUNS_ONE = """
import os, sys
from pathlib import Path
import dev.logins, dev.run, dev.stack
from dev import ports
from dev.ports import Ports
dev.stack.ROOT = dev.run.ROOT = Path(sys.argv[1])
dev.run.VAR = Path(sys.argv[2])
dev.logins.make = lambda url: {}  # no migration of a stand-in makes the groups
with ports.free() as chosen:
    options = [f"--{name}-port={port}" for name, port in vars(chosen).items()]
    sys.exit(dev.run.main(options))
"""


@pytest.fixture(autouse=True)
def stand_ins(standin_project, monkeypatch):
    monkeypatch.setattr(dev.stack, "ROOT", standin_project)


def stack_in(folder, **environment):
    return Stack(data=folder / "var", ports="free", environment=NO_DATABASE | environment)


def get(url):
    host = url.removeprefix("http://").split("/")[0]
    with contextlib.closing(http.client.HTTPConnection(host, timeout=5)) as connection:
        connection.request("GET", url.removeprefix("http://" + host) or "/")
        return connection.getresponse().read().decode()


def alive(process_number):
    try:
        return Path(f"/proc/{process_number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def processes_naming(text):
    """Numbers of the living processes whose working directory or command holds `text`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text in (process / "cmdline").read_text() or text in str((process / "cwd").readlink()):
                found.append(process.name)
    return [number for number in found if alive(number)]


def of_run(tmp_path):
    """All processes of a run: its parts, and its PostgreSQL, whose data may lie elsewhere."""
    elsewhere = tmp_path / "project" / "var" / "postgres" / "elsewhere"
    home = elsewhere.read_text().strip() if elsewhere.exists() else str(tmp_path / "project")
    return {*processes_naming(str(tmp_path / "project")), *processes_naming(home)}


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


@contextlib.contextmanager
def a_run(tmp_path):
    """`python -m dev run` over the stand-ins, with a PostgreSQL of its own, until it has said its address."""
    var = tmp_path / "project" / "var"
    process = subprocess.Popen(
        [sys.executable, "-c", RUNS_ONE, str(tmp_path / "project"), str(var)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        if (var / "postgres").exists():
            dev.reset.VAR = var
            dev.reset.main([])


def read_until(stream, text):
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"never said {text}")


def test_every_door_answers_once_the_stack_is_started(tmp_path):
    with stack_in(tmp_path) as stack:
        for url in (stack.service_url, stack.metrics_url, stack.simulator_url, stack.fields_url, stack.shop_url):
            assert get(url) is not None
        assert get(stack.simulator_url + "/key") == stack.api_key + "\n"


def test_no_process_is_left_after_the_stack_is_stopped(tmp_path):
    with stack_in(tmp_path) as stack:
        numbers = [child.pid for child in stack.children.values()]
        assert len(numbers) == 4
    assert not any(alive(number) for number in numbers)


@pytest.mark.parametrize("part", ["migrate", "keys", "serve"])
def test_part_that_dies_at_start_is_named_with_its_last_words(tmp_path, part):
    with pytest.raises(DevError, match=f"the last words of {part}"):
        stack_in(tmp_path, PANLESS_STANDIN_DIES=part).start()
    assert not processes_naming(str(tmp_path / "project"))


def test_worker_that_dies_at_once_is_named_with_its_last_words(tmp_path):
    def watch():
        with stack_in(tmp_path, PANLESS_STANDIN_DIES="work") as stack:
            wait_until(lambda: stack.check() is not None)

    with pytest.raises(DevError, match=r"worker died .*\n.*the last words of work"):
        watch()


def test_part_that_dies_later_is_noticed_and_named(tmp_path):
    with stack_in(tmp_path) as stack:
        stack.check()
        stack.children["worker"].kill()
        stack.children["worker"].wait()
        with pytest.raises(DevError, match="worker died"):
            stack.check()


def test_taken_port_is_told_before_anything_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stack = Stack(data=tmp_path / "var", ports=Ports(shop=port), environment=NO_DATABASE)
        with pytest.raises(
            DevError, match=rf"port {port} is taken, and the demo shop needs it: .*SIMULATOR_SHOP_PORT="
        ):
            stack.start()
        assert not stack.children
        assert not stack.log_folder.exists()


def test_two_stacks_side_by_side_get_different_ports(tmp_path):
    with stack_in(tmp_path / "one") as one, stack_in(tmp_path / "two") as two:
        assert not set(vars(one.ports).values()) & set(vars(two.ports).values())


def test_second_stack_on_the_same_data_is_refused(tmp_path):
    with stack_in(tmp_path), pytest.raises(DevError, match="already running"):
        stack_in(tmp_path).start()


def test_secrets_are_kept_for_the_next_start_and_private(tmp_path):
    kept = []
    for _ in range(2):
        with stack_in(tmp_path) as stack:
            kept.append(configuration.read(stack.settings_file)["PANLESS_SECRET_KEYS"])
            assert stack.settings_file.stat().st_mode & 0o777 == 0o600
            assert stack.key_file.stat().st_mode & 0o777 == 0o600
    assert kept[0] == kept[1]


def test_key_that_the_service_refuses_is_made_anew(tmp_path):
    with stack_in(tmp_path, PANLESS_STANDIN_KEY="key-1"):
        pass
    with stack_in(tmp_path, PANLESS_STANDIN_KEY="key-2") as stack:
        assert stack.api_key == "key-2"
        assert get(stack.simulator_url + "/key") == "key-2\n"


def test_overrides_reach_the_parts_and_the_settings_file(tmp_path):
    with stack_in(tmp_path, PANLESS_WORKERS="1") as stack:
        assert configuration.read(stack.settings_file)["PANLESS_WORKERS"] == "1"


def test_reset_refuses_while_the_stack_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(dev.reset, "VAR", tmp_path / "var")
    with stack_in(tmp_path), pytest.raises(DevError, match="running"):
        dev.reset.main([])
    assert dev.reset.main([]) == 0
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_a_run_within_seconds_and_leaves_no_process(tmp_path, number):
    with a_run(tmp_path) as process:
        assert "http://localhost:" in read_until(process.stdout, "Open ")
        read_until(process.stdout, "Ctrl-C")
        asked = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == 0
        assert time.monotonic() - asked < 5
        assert not of_run(tmp_path)


def test_killed_run_leaves_no_process_behind(tmp_path):
    with a_run(tmp_path) as process:
        read_until(process.stdout, "Open ")
        assert len(of_run(tmp_path)) >= 5
        process.kill()
        wait_until(lambda: not of_run(tmp_path))


def test_run_ends_with_status_one_when_a_part_dies(tmp_path):
    with a_run(tmp_path) as process:
        read_until(process.stdout, "Ctrl-C")
        parts = processes_naming(str(tmp_path / "project"))
        worker = next(part for part in parts if Path(f"/proc/{part}/cmdline").read_text().endswith("\0work\0"))
        os.kill(int(worker), signal.SIGKILL)
        said, _ = process.communicate(timeout=10)
        assert "worker died" in said
        assert process.returncode == 1
