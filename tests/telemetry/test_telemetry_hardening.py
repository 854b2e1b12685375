"""What a running process leaves where others could find it: no picture of its memory, no readable file, and nothing of a request on a disk."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from service.app import DOORS
from service.config import ROOT
from service.evidence.wire import exchange, request
from service.telemetry import metrics_folder
from service.telemetry.answers import HEADERS
from tests.support.cards import VISA
from tests.telemetry.conftest import HEALTH, NOBODY, serving, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
SPOOLED = 600_000
#: Says what it is like once hardened, as somebody who is not root would see it.
TELL = """
import ctypes, os, resource
from service.cardguard import process
process.harden()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), oct(os.umask(0)), len(os.listdir("/proc/self/fd")) > 0)
"""
FALL = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
if sys.argv[1] == "hardened":
    from service.cardguard import process
    process.harden()
os.chdir(sys.argv[2])
os.kill(os.getpid(), signal.SIGSEGV)
"""


def dropping():
    """A command that makes a process somebody's who is not root, but may still read the files of this project, wherever they lie; nothing if we are not root."""
    if os.getuid() != 0:
        return ()
    ids = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    command = ("setpriv", *ids, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    if shutil.which("setpriv") is None or subprocess.run([*command, "true"], check=False).returncode != 0:
        pytest.skip("root cannot become somebody else here")
    return command


@pytest.fixture(scope="module")
def served(tmp_path_factory, module_database):
    """As a user who is not root, wherever that can be had."""
    command = dropping()
    folder = tmp_path_factory.mktemp("hardened")
    for parent in (folder, *list(folder.parents)[:2]):
        parent.chmod(0o711)  # pytest's own folders are ours alone
    with serving(folder, module_database, dropping=command) as running:
        yield running


def status_of(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def test_hardened_process_can_leave_no_picture_of_itself():
    done = subprocess.run([sys.executable, "-c", TELL], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "(0, 0) 0 0o77 True"


def test_hardened_process_of_a_user_still_reads_about_itself():
    done = subprocess.run(
        [*dropping(), sys.executable, "-c", TELL], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == "(0, 0) 0 0o77 True"


def test_master_and_worker_are_hardened_and_serve(served):
    for pid in (served.child.pid, *served.workers()):
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), limits
        assert status_of(pid)["Umask"].strip() == "0077"
        assert status_of(pid)["Uid"].split()[0] != "0"
        # whose files these are is how the kernel says that a process is not dumpable (man 5 proc)
        assert Path(f"/proc/{pid}/environ").stat().st_uid == Path(f"/proc/{pid}/mem").stat().st_uid == 0
    assert b"panless_requests_total" in exchange(served.metrics, request("GET", "/metrics")).body


def test_files_of_a_running_service_are_its_own_alone(served):
    [folder] = metrics_folder.MEMORY.glob(f"{metrics_folder.PREFIX}{served.child.pid}-*")
    files = list(folder.iterdir())
    assert files, "the metrics of its processes meet in files"
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(served.temporary.iterdir())


ASKED = {
    "served": HEALTH,
    "refused by the gate": request("GET", f"/healthz?x={VISA}"),
    "refused by the server": b"no request\r\n\r\n",
    "too long for the server": request("GET", "/" + "a" * 2_000),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=list(ASKED))
def test_answer_says_what_browsers_must_not_do_and_not_which_software_serves(served, asked):
    answer = exchange(served.address, asked)
    assert {name: answer.header(name) for name in HEADERS} == HEADERS
    assert answer.header("Server") in {None, "panless"}
    assert b"gunicorn" not in answer.raw.lower()
    assert b"python" not in answer.raw.lower()


@pytest.mark.parametrize("command", [["work"], ["keys", "list"]], ids=["the worker", "a command"])
def test_every_way_in_is_hardened_before_it_does_anything(command):
    """It fails for want of settings, after it was hardened: `strace` is not needed to see it, `harden` is the first that is called."""
    code = (
        "import runpy, sys\n"
        "from service.cardguard import process\n"
        "process.harden = lambda: (print('hardened'), sys.exit(7))\n"
        f"sys.argv = ['service', *{command!r}]\n"
        "runpy.run_module('service', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("hardened\n", "", 7)


def fallen(how, folder):
    """Whether the kernel says that a process which fell left a core, and what lies in its folder."""
    folder.mkdir()
    child = subprocess.Popen([sys.executable, "-c", FALL, how, str(folder)], cwd=ROOT)
    _, status = os.waitpid(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == -signal.SIGSEGV
    return os.WCOREDUMP(status), list(folder.iterdir())


def test_hardened_process_that_falls_leaves_no_core(tmp_path):
    assert fallen("hardened", tmp_path / "hardened") == (False, [])
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if limit != 0 and Path("/proc/sys/kernel/core_pattern").read_text() == "core\n":
        left, files = fallen("plain", tmp_path / "plain")
        assert left, "the same fall leaves one without it"
        assert files


def test_worker_that_falls_leaves_no_core_and_is_replaced(served):
    (old,) = served.workers()
    before = set(ROOT.glob("core*"))
    os.kill(old, signal.SIGSEGV)
    until(lambda: served.workers() not in ([], [old]))
    until(lambda: exchange(served.address, HEALTH).status == 200)
    assert set(ROOT.glob("core*")) == before


def open_files(pid):
    """The regular files that a process has open, those without a name too."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if target.startswith("/") and not target.startswith("/dev/null"):
                found.add(target)
    return found


def multipart(path, method):
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{VISA}"\r\n\r\n'
    body = head.encode() + VISA.encode() * (SPOOLED // len(VISA)) + b"\r\n--b--\r\n"
    return request(method, path, [("Content-Type", "multipart/form-data; boundary=b"), ("Connection", "close")], body)


ROUTES = sorted({(one.method, re.sub(r"\{\w+\}", "x", one.path)) for door in DOORS for one in door.operations})


@pytest.mark.skipif(os.getuid() != 0, reason="only root may look at the files of a process that is not dumpable")
@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda one: one)
def test_large_form_lies_in_no_file_on_its_way(served, method, path):
    (worker,) = served.workers()
    exchange(served.address, HEALTH)
    files, kept = open_files(worker), set(served.temporary.rglob("*"))
    raw = multipart(path, method)
    with socket.create_connection(served.address, timeout=10) as client, contextlib.suppress(OSError):
        client.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            client.sendall(raw[:-1])
        assert open_files(worker) <= files
        assert set(served.temporary.rglob("*")) == kept
        client.settimeout(10)
        client.sendall(raw[-1:])
        client.recv(65_536)
    assert open_files(worker) <= files
    assert set(served.temporary.rglob("*")) == kept
    answer = exchange(served.address, raw)
    assert answer.status is None or answer.status in {200, 401, 404, 405, 413, 415, 422}
