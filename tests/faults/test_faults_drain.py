"""A service that stops, or whose workers are replaced: what was sent before is answered, and what outlasts its time is adopted afterwards."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from functools import partial

import pytest

from tests.faults import faults_callers as callers
from tests.faults.faults_clients import Buyer
from tests.faults.faults_judge import assert_holds
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually

pytestmark = pytest.mark.faults

PATIENT = {
    "PANLESS_CONNECT_SECONDS": "10",
    "PANLESS_READ_SECONDS": "20",
    "PANLESS_TOTAL_SECONDS": "20",
    "PANLESS_CHARGE_READ_SECONDS": "20",
    "PANLESS_CHARGE_TOTAL_SECONDS": "20",
    "PANLESS_LEASE_SECONDS": "60",
    "PANLESS_WAIT_SECONDS": "20",
    "PANLESS_WORKER_TIMEOUT_SECONDS": "40",
    "PANLESS_GRACEFUL_SECONDS": "40",
}
#: The stack is one, and so is its history: its last test looks for everything, in all of it.
holds = partial(assert_holds, sweep=False, deep=False)
HEALTH = callers.request("GET", "/healthz")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("drain"), settings=PATIENT) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(stage):
    stage.hold_again()
    yield
    stage.go()


class Load:
    """Callers who keep their connections and ask one thing after the other; `cut` lists requests that were sent and never answered."""

    def __init__(self, stage, number, raw):
        self._stage, self._raw, self._stop = stage, raw, threading.Event()
        self.answered, self.cut = 0, []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(number)]

    def __enter__(self):
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for one in self._threads:
            one.join(60)
            assert not one.is_alive()

    def _run(self):
        line = None
        while not self._stop.is_set():
            line = line or callers.dial(self._stage)
            line.sendall(self._raw)
            status, kept = hear(line)
            if status != 200:
                self.cut.append(status)
            self.answered += 1
            if not kept:
                line.close()
                line = None
        if line is not None:
            line.close()


def hear(line):
    """The status of an answer without a body worth reading, and whether the connection stays."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while not received.endswith(b"\r\n\r\n") and (piece := line.recv(4_096)):
            received += piece
    if not received:
        return None, False
    return int(received.split(b" ", 2)[1]), b"connection: close" not in received.lower()


def all_heard_and_sold(buyers):
    """Nobody's connection broke, and everybody has bought; on a machine that is very busy one or the other had to ask again."""
    assert None not in [buyer.ended().status for buyer in buyers]
    assert {buyer.come_back().status for buyer in buyers} == {201}


def master(stage):
    return stage.stack.children["service"].pid


def test_rolling_restarts_under_load_cut_nobody_off(stage):
    stage.plan("A4", 4)
    buyers = [Buyer(stage).open() for _ in range(12)]
    stage.fail_next("create_subscription", "delay", seconds=1, times=len(buyers))
    with Load(stage, 3, HEALTH) as load:
        for turn in range(4):
            before = set(stage.workers())
            for buyer in buyers[turn::4]:
                buyer.begin()
            eventually(lambda turn=turn: len(stage.received("create_shopper")) > turn * 3, within=90)
            stage.kill(master(stage), signal.SIGHUP)
            eventually(lambda before=before: len(new := set(stage.workers())) == 2 and not new & before, within=60)
            stage.saw("A4")
    assert load.cut == []
    assert load.answered > 50
    all_heard_and_sold(buyers)
    holds(stage, buyers=buyers, on=("I1", "I2", "I3", "I15", "I16"))


def test_workers_that_have_served_their_time_cut_nobody_off(stage):
    stage.plan("recycled")
    buyers, first = [Buyer(stage).open() for _ in range(6)], set(stage.workers())
    with Load(stage, 4, HEALTH) as load:
        for buyer in buyers:
            before = load.answered
            buyer.begin()
            eventually(lambda before=before: load.answered > before + 50, within=60)
        eventually(lambda: len(now := set(stage.workers())) == 2 and not now & first, within=150)
    stage.saw("recycled", sum(line["event"] == "gunicorn.worker_recycled" for line in stage.service_log()))
    assert load.cut == []
    all_heard_and_sold(buyers)
    holds(stage, buyers=buyers)


def test_stop_answers_everybody_who_was_there_before(stage):
    """Calls under way, connections that nobody has taken yet, and kept ones that still have a word to say."""
    stage.plan("A4")
    under_way, kept = [Buyer(stage).open() for _ in range(4)], [callers.dial(stage) for _ in range(4)]
    for buyer in under_way:
        buyer.begin(hold_at="create_subscription.sent")
    stage.await_held("create_subscription.sent", times=len(under_way))
    for line in kept:
        line.sendall(HEALTH)
        assert hear(line) == (200, True)
    workers = stage.workers()
    for pid in workers:
        stage.kill(pid, signal.SIGSTOP)
    waiting = [callers.dial(stage) for _ in range(40)]
    for line in waiting:
        line.sendall(HEALTH)
    service = stage.stack.children["service"]
    service.terminate()
    eventually(lambda: _stopping(stage))
    for pid in workers:
        stage.kill(pid, signal.SIGCONT)
    for line in kept:
        line.sendall(HEALTH)
    assert [hear(line)[0] for line in (*waiting, *kept)] == [200] * (len(waiting) + len(kept))
    for line in (*waiting, *kept):
        line.close()
    eventually(lambda: _refused(stage))
    assert service.poll() is None
    stage.go()
    assert {buyer.ended().status for buyer in under_way} <= {201, 202}
    assert service.wait(60) == 0
    stage.saw("A4")
    stage.start_again("service")
    assert {buyer.come_back().status for buyer in under_way} == {201}
    holds(stage, buyers=under_way)


def _stopping(stage):
    """Whether the master has come so far that it tells its workers; it lets nobody in before."""
    return any(line["event"] == "gunicorn.signal" for line in stage.service_log())


def _refused(stage):
    try:
        callers.dial(stage).close()
    except (ConnectionError, TimeoutError):
        return True
    return False


def test_request_that_comes_in_slowly_is_answered_by_a_service_that_stops(stage):
    stage.plan("slow and stopped")
    raw, service = HEALTH, stage.stack.children["service"]
    with callers.dial(stage) as line, callers.dial(stage) as silent:
        line.sendall(raw[:20])
        time.sleep(0.3)
        service.terminate()
        eventually(lambda: _refused(stage))
        line.sendall(raw[20:])
        assert hear(line) == (200, False)
        assert silent.recv(1) == b""
    assert service.wait(60) == 0
    stage.saw("slow and stopped")
    stage.start_again("service")
    buyer = Buyer(stage).open()
    assert buyer.complete().status == 201
    assert_holds(stage, buyers=[buyer])


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """Two seconds after SIGTERM all is over."""
    short = {"PANLESS_CHARGE_READ_SECONDS": "20", "PANLESS_CHARGE_TOTAL_SECONDS": "20", "PANLESS_LEASE_SECONDS": "3"}
    with FaultStage.start(tmp_path_factory.mktemp("hasty"), settings=short) as running:
        yield running


def test_charge_that_outlasts_the_graceful_time_is_adopted_afterwards(hasty):
    hasty.plan("A5")
    buyers = [Buyer(hasty).open() for _ in range(4)]
    hasty.fail_next("create_subscription", "delay", seconds=15, processed=True, times=len(buyers))
    for buyer in buyers:
        buyer.begin()
    eventually(lambda: sum(one["kind"] == "subscription" for one in hasty.ledger()) == len(buyers))
    hasty.stop("service")
    assert {buyer.ended().status for buyer in buyers} == {None}, "it waited for BlueSnap's answers"
    hasty.saw("A5")
    hasty.start_again("service")
    assert {buyer.come_back().status for buyer in buyers} == {201}
    assert all(hasty.sold(buyer.name) == (1, 1) for buyer in buyers)
    assert_holds(hasty, buyers=buyers)
