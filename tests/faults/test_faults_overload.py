"""More callers than there are threads, slots, files or memory: whoever is turned away was not charged, BlueSnap's notices are always taken, and all is well afterwards."""

from __future__ import annotations

import contextlib
import resource
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults import faults_callers as callers
from tests.faults.faults_clients import Buyer
from tests.faults.faults_judge import Baseline, assert_holds, healthy
from tests.faults.faults_notices import deliver
from tests.faults.faults_stage import FaultStage, run
from tests.journeys.journeys_stage import eventually, new_name, problem
from tests.journeys.journeys_stage import told as told_in

pytestmark = pytest.mark.faults

#: Two workers of eight threads, three of which never wait for BlueSnap; a call may take long here, since slots are what this is about.
SETTINGS = {
    "PANLESS_THREADS": "8",
    "PANLESS_RESERVED_THREADS": "3",
    "PANLESS_CONNECT_SECONDS": "10",
    "PANLESS_READ_SECONDS": "40",
    "PANLESS_TOTAL_SECONDS": "40",
    "PANLESS_CHARGE_READ_SECONDS": "40",
    "PANLESS_CHARGE_TOTAL_SECONDS": "40",
    "PANLESS_LEASE_SECONDS": "60",
    "PANLESS_WORKER_TIMEOUT_SECONDS": "60",
    "PANLESS_GRACEFUL_SECONDS": "60",
    "PANLESS_WAIT_SECONDS": "3",
}
SLOTS = 2 * 5
#: The stack is one, and so is its history: the last test looks for everything, in all of it.
holds = partial(assert_holds, sweep=False, deep=False)
#: Somebody who has bought before; BlueSnap may tell of it again at any time.
FIRST = new_name()
#: What a notice may take to be acknowledged while all slots are taken.
ACKNOWLEDGED_WITHIN = 2.0


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("overload"), settings=SETTINGS) as running:
        running.buy(FIRST)
        running.delivered(FIRST)
        yield running


@pytest.fixture(autouse=True)
def _fresh(stage):
    stage.hold_again()
    yield
    stage.go()


def notice_seconds(stage):
    """How long an authentic notice takes to be acknowledged."""
    body = stage.delivered(FIRST)["body"]
    begun = time.monotonic()
    answer = deliver(stage, body)
    seconds = time.monotonic() - begun
    assert answer.status_code == 200, told_in(answer)
    return seconds


def take_every_slot(stage, buyers):
    """Have so many purchases wait for BlueSnap; one that meets a full worker is sent again, and comes to the other one."""
    for buyer in buyers:
        eventually(lambda buyer=buyer: _waits(stage, buyer), within=60)


def _waits(stage, buyer):
    before = len(stage.held("create_shopper.sent"))
    buyer.begin(hold_at="create_shopper.sent")
    eventually(lambda: len(stage.held("create_shopper.sent")) > before or not buyer._calls[-1].is_alive(), within=60)
    return len(stage.held("create_shopper.sent")) > before


def test_notices_are_taken_and_purchases_refused_when_every_slot_waits(stage):
    stage.plan("slots")
    buyers, late = [Buyer(stage).open() for _ in range(SLOTS)], Buyer(stage).open()
    take_every_slot(stage, buyers)
    refused = late.complete()
    assert (refused.status, refused.body["code"]) == (503, "overloaded")
    assert int(stage.answers[-1].headers["Retry-After"]) > 0
    problem(stage.order("Overload"), 503, "overloaded")
    assert stage.done_for(late.name, "shopper") == []
    assert max(notice_seconds(stage) for _ in range(20)) < ACKNOWLEDGED_WITHIN
    assert callers.ask(stage, callers.reading(stage))[0] == 200
    assert callers.ask(stage, callers.request("GET", "/readyz"))[0] == 200
    stage.saw("slots", stage.metric("panless_turned_away_total", reason="slots"))
    stage.go()
    assert {buyer.ended().status for buyer in buyers} == {201}
    assert late.come_back().status == 201
    holds(stage, buyers=[*buyers, late], on=("I1", "I2", "I3", "I15", "I16"))


def test_notices_are_taken_while_bluesnap_is_slow_for_everybody(stage):
    stage.plan("slow")
    buyers = [Buyer(stage).open() for _ in range(2 * SLOTS)]
    stage.fail_next("create_shopper", "delay", seconds=3, times=2 * SLOTS)
    for buyer in buyers:
        buyer.begin()
    stage.saw("slow", eventually(lambda: len(stage.received("create_shopper")) >= 3))
    assert max(notice_seconds(stage) for _ in range(20)) < ACKNOWLEDGED_WITHIN
    for buyer in buyers:
        buyer.ended()
    assert {answer.status for buyer in buyers for answer in buyer.answers} <= {201, 503}
    assert {buyer.come_back().status for buyer in buyers} == {201}
    holds(stage, buyers=buyers)


def gone_lines(stage):
    return [line for line in stage.service_log() if line.get("code") == "client_gone"]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_buyer_who_has_hung_up_is_not_charged(stage, reset):
    stage.plan("gone")
    buyer, before = Buyer(stage).open(), len(gone_lines(stage))
    line = callers.dial(stage)
    line.sendall(callers.completion(buyer, hold_at="request.validated"))
    stage.await_held("request.validated")
    callers.hang_up(line, reset=reset)
    stage.go()
    eventually(lambda: len(gone_lines(stage)) > before)
    assert [line["status"] for line in gone_lines(stage)[before:]] == [400]
    stage.saw("gone", stage.metric("panless_turned_away_total", reason="gone"))
    assert stage.attempts(buyer.name) == set()
    assert buyer.status() == "open"
    stage.hold_again()
    assert buyer.complete().status == 201
    holds(stage, buyers=[buyer])


def test_requests_that_waited_too_long_make_no_call(stage):
    """The workers stand still: gunicorn alone would serve everybody as soon as they go on."""
    stage.plan("late", 4)
    buyers, before = [Buyer(stage).open() for _ in range(4)], stage.metric("panless_turned_away_total", reason="late")
    for pid in stage.workers():
        stage.kill(pid, signal.SIGSTOP)
    try:
        for buyer in buyers:
            buyer.begin()
        time.sleep(4.5)  # longer than a request may wait, and nobody to ask whether it has passed
    finally:
        for pid in stage.workers():
            stage.kill(pid, signal.SIGCONT)
    answers = [buyer.ended() for buyer in buyers]
    assert {(answer.status, answer.body["code"]) for answer in answers} == {(503, "overloaded")}
    stage.saw("late", int(stage.metric("panless_turned_away_total", reason="late") - before))
    assert not any(stage.attempts(buyer.name) for buyer in buyers)
    assert {buyer.come_back().status for buyer in buyers} == {201}
    holds(stage, buyers=buyers)


def test_two_hundred_that_trickle_hold_up_nobody_and_are_closed_after_ten_seconds(stage):
    stage.plan("A8")
    stage.plan("A9", 200)
    honest, buyer = callers.reading(stage), Buyer(stage).open()
    before = callers.p99(stage, honest, 60)
    head = callers.request(
        "POST", "/v1/checkout-sessions", {"Content-Type": "application/json"}, b"{" + b" " * 200 + b"}"
    )
    begun = head.index(b"\r\n\r\n") + 4
    slow = callers.Trickle(stage, [head] * 100)
    slow_bodies = callers.Trickle(stage, [head[begun:]] * 100)
    for line in slow_bodies._open:
        line.send(head[:begun])
    with slow, slow_bodies:
        during = callers.p99(stage, honest, 60)
        assert during < max(2 * before, 0.5), (before, during)
        assert max(notice_seconds(stage) for _ in range(10)) < ACKNOWLEDGED_WITHIN
        assert buyer.complete().status == 201
        assert not [one for one in (*slow.ended, *slow_bodies.ended) if one[0] < 9]
        stage.saw("A8", len(slow._open) + len(slow_bodies._open) >= 50)
        slow.all_ended()
        slow_bodies.all_ended()
        ended = [*slow.ended, *slow_bodies.ended]
        assert all(seconds < 20 for seconds, _ in ended), sorted(ended)[-5:]
        assert {status for _, status in ended} == {408}
        stage.saw("A9", len(ended))
    holds(stage, buyers=[buyer], on=("I1", "I2", "I16"))


def test_callers_who_do_not_read_their_answers_hold_up_nobody(stage):
    stage.plan("deaf")
    buyer = Buyer(stage).open()
    deaf = [callers.dial(stage, SO_RCVBUF=2_048) for _ in range(50)]
    for line in deaf:
        line.sendall(callers.request("GET", "/openapi.yaml"))
    assert max(notice_seconds(stage) for _ in range(10)) < ACKNOWLEDGED_WITHIN
    assert buyer.complete().status == 201
    stage.saw("deaf", all(line.recv(1) for line in deaf))
    for line in deaf:
        line.close()
    holds(stage, buyers=[buyer])


@contextlib.contextmanager
def limited(workers, kind, number_of):
    """These processes may have so much and no more, each by its number, until the end of the block."""
    before = {}
    try:
        for pid in workers:
            before[pid] = resource.prlimit(pid, kind)
            resource.prlimit(pid, kind, (number_of(pid), before[pid][1]))
    except PermissionError:
        pytest.skip("nobody but root may change the limits of another process here")
    try:
        yield
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, kind, limits)


def test_service_without_files_refuses_new_work_and_recovers(stage):
    stage.plan("A10")
    buyers, workers = [Buyer(stage).open() for _ in range(3)], stage.workers()
    put_off = stage.metric("panless_connections_put_off_total")
    with contextlib.ExitStack() as lines, limited(workers, resource.RLIMIT_NOFILE, lambda _: 64):
        for _ in range(200):
            lines.enter_context(callers.dial(stage)).sendall(b"GET")
        eventually(lambda: _is_put_off(stage), within=30)
        for buyer in buyers:
            buyer.begin()  # nobody takes the connection, until there are files again
        assert stage.workers() == workers
    answers = [buyer.ended() for buyer in buyers]
    assert healthy(stage) is not None
    assert {buyer.come_back().status for buyer in buyers} == {201}, answers
    assert stage.workers() == workers
    stage.saw("A10", stage.metric("panless_connections_put_off_total") > put_off)
    holds(stage, buyers=buyers, on=("I1", "I2", "I14", "I16"))


def _is_put_off(stage):
    lines = (stage.stack.log_folder / "service.log").read_text(encoding="utf-8").splitlines()
    return any('"connections.put_off"' in line and '"emfile"' in line for line in lines)


def size_of(pid):
    """The bytes of a process's address space."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in told if line.startswith("VmSize")).split()[1]) * 1_024


def flood(stage):
    """What is too large by its length, by its chunks, by its head; and two hundred bodies as large as may be whose end does not come. Statuses."""
    notice = partial(callers.request, "POST", "/webhooks/bluesnap")
    chunks = notice({"Transfer-Encoding": "chunked"}) + b"8000\r\n" + b"x" * 0x8000 + b"\r\nFFFFFFFF\r\n"
    head = b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 60_000
    statuses = [callers.ask(stage, raw)[0] for raw in [notice({"Content-Length": str(10**9)}), chunks, head] * 40]
    lines = [callers.dial(stage) for _ in range(200)]
    for line in lines:
        line.sendall(notice({"Content-Length": "65536"}) + b"x" * 65_000)
    assert callers.ask(stage, callers.reading(stage))[0] == 200
    for line in lines:
        callers.hang_up(line, reset=True)
    return statuses


def test_inputs_meet_their_limits_before_memory_does(stage):
    """With little memory to be had hundreds of large inputs harm nobody, and leave nothing behind that grows."""
    stage.plan("A7", 240)
    buyer, workers = Buyer(stage).open(), stage.workers()
    with limited(workers, resource.RLIMIT_AS, lambda pid: size_of(pid) + 64 * 1024 * 1024):
        statuses = flood(stage)
        usual = Baseline.take(stage)
        statuses += flood(stage)
        eventually(lambda: usual.back(stage), within=60)
    assert statuses == [413, 400, 431] * 80
    stage.saw("A7", len(statuses))
    assert stage.workers() == workers
    assert buyer.complete().status == 201
    holds(stage, buyers=[buyer], on=("I1", "I9", "I16"))


@contextlib.contextmanager
def temporary_folder(stage, options):
    """The service's folder for temporary files is like that for the block."""
    folder = stage.stack.settings_file.parent / "tmp"
    if (
        not shutil.which("mount")
        or run(["mount", "-t", "tmpfs", "-o", f"size=16k,{options}", "tmpfs", folder]).returncode
    ):
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        assert run(["umount", folder]).returncode == 0


def new_workers(stage):
    before = set(stage.workers())
    stage.kill(stage.stack.children["service"].pid, signal.SIGHUP)
    eventually(lambda: len(now := set(stage.workers())) == 2 and not now & before, within=60)


@pytest.mark.parametrize("how", ["read-only", "full"])
def test_nothing_needs_the_temporary_folder(stage, how):
    stage.plan(f"A12 {how}")
    buyer = Buyer(stage).open()
    with temporary_folder(stage, "ro" if how == "read-only" else "rw") as folder:
        with pytest.raises(OSError, match="Read-only" if how == "read-only" else "No space"):
            (folder / "filler").write_bytes(b"x" * 1_000_000)
        new_workers(stage)
        assert buyer.complete().status == 201
        assert notice_seconds(stage) < ACKNOWLEDGED_WITHIN
        assert stage.metric("panless_requests_total", door="page", status="201") > 0
        form = {"Authorization": f"Bearer {stage.stack.api_key}", "Content-Type": "multipart/form-data; boundary=b"}
        parts = (
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"x" * 15_000 + b"\r\n--b--\r\n"
        )
        assert callers.ask(stage, callers.request("POST", "/v1/checkout-sessions", form, parts))[0] == 415
        stage.saw(f"A12 {how}")
        assert not [one for one in folder.iterdir() if one.name != "filler"]
    assert_holds(
        stage, buyers=[buyer], on=("I1", "I2", "I3", "I4", "I7", "I9", "I15", "I16") if how == "full" else ("I1",)
    )
