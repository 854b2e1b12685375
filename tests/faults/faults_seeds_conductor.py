"""Brings the planned faults about while the crowd is at work, and proves of each that it happened. It never judges what comes of them."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from pathlib import Path

from tests.faults.faults_proxy import HONEST
from tests.journeys.journeys_stage import eventually

#: How long a fault may take to meet somebody before it is taken back and tried again at the end, among the spare buyers.
MEETS_WITHIN = 4.0
#: How long a bad way stays bad once it was met.
STAYS_BAD = 0.3
COUNTS = {
    "latency": "delayed", "drip": "dripped", "swallow": "swallowed", "refuse": "refused", "cut": "cut", "reset": "reset",
}  # fmt: skip


class Conductor:
    """Acts when so many buyers have begun. `errors` are what went wrong with itself. Parts of a stack end with the thread that starts them: use the main one."""

    def __init__(self, stage, plan, crowd):
        self.stage, self.plan, self.crowd = stage, plan, crowd
        self.errors, self.not_met, self.calm_at = [], [], None

    def play(self):
        """Every fault, in the plan's order."""
        for fault in self.plan.faults:
            while self.crowd.begun < fault.at and not self.crowd.settled_down:
                time.sleep(0.01)
            self.act(fault)

    def act(self, fault):
        """One fault, noted in the history, counted as planned, and as seen once it was."""
        self.stage.plan(fault.kind)
        self.crowd.note("fault", fault.kind, "started", fault.how)
        try:
            met = getattr(self, f"_{fault.kind.partition('.')[0]}_fault")(fault)
        except Exception as error:  # noqa: BLE001 - the run goes on without it, and fails for it
            self.errors.append(f"{fault}: {type(error).__name__}: {error}")
            return
        if met is None:  # ordered: it is met when nothing of the order is left
            pass
        elif met:
            self.stage.saw(fault.kind)
        else:
            self.not_met.append(fault)
        self.crowd.note("fault", fault.kind, "ok" if met else "unknown", "")

    def provoke(self):
        """What nobody has met yet meets a few buyers more, two at a time. What is still left then."""
        spare = list(self.plan.spare)
        self.await_orders(3.0)
        while spare and (self.not_met or self._orders_left()):
            again, self.not_met = self.not_met, []
            meeting = threading.Thread(
                target=lambda faults=again: [self._again(fault) for fault in faults], daemon=True
            )
            meeting.start()
            self.crowd.add([spare.pop() for _ in range(min(2, len(spare)))])
            meeting.join(60)
            self.await_orders(4.0)
        left = self._orders_left()
        if not left:
            for fault in self.plan.faults:
                if "orders" in fault.how:
                    self.stage.saw(fault.kind)
        return {**left, **({"not met": [str(fault) for fault in self.not_met]} if self.not_met else {})}

    def await_orders(self, within):
        """Wait until every ordered fault was met, or for so long."""
        until = time.monotonic() + within
        while self._orders_left() and time.monotonic() < until:
            time.sleep(0.1)

    def _again(self, fault):
        if getattr(self, f"_{fault.kind.partition('.')[0]}_fault")(fault):
            self.stage.saw(fault.kind)
        else:
            self.not_met.append(fault)

    def _orders_left(self):
        return self.stage.lever("")["faults"]

    def calm(self):
        """No fault from here on: good ways, no orders, everybody runs."""
        for way in (self.stage.to_bluesnap, self.stage.to_database):
            way.set(HONEST)
        self.stage.lever("notices", {"mode": "send"})
        for name in ("service", "worker"):
            if self.stage.stack.children[name].poll() is not None:
                self.stage.start_again(name)
        [(self.calm_at,)] = self.stage.sql("SELECT clock_timestamp()")
        self.crowd.calm.set()

    # kinds of faults: each answers whether it happened, or None for what is only ordered

    def _call_fault(self, fault):
        for order in fault.how["orders"]:
            self.stage.lever("fail", order)

    def _way_fault(self, fault):
        """Connections that are there are cut, so that new ones come and meet it."""
        way = self.stage.to_bluesnap if fault.how["where"] == "bluesnap" else self.stage.to_database
        toxic = fault.how["toxic"]
        kind = next(iter(toxic)).partition("_")[0]
        count = COUNTS["reset" if toxic.get("reset") else kind]
        way.set(**toxic, connections=fault.how["connections"])
        way.drop_all(reset=True)
        before = way.counts[count]
        until = time.monotonic() + MEETS_WITHIN
        while way.counts[count] == before and time.monotonic() < until:
            time.sleep(0.02)
        met = way.counts[count] > before
        time.sleep(STAYS_BAD)  # not for a condition: this is how long the misfortune lasts
        way.set(HONEST)
        way.drop_all(reset=True)  # a connection stays what it was born as: no misfortune may outlive its time
        return met

    def _kill_fault(self, fault):
        if fault.kind == "kill.worker":
            victim = self._worker(fault.how["pick"])
            self.stage.kill(victim)
            eventually(lambda: victim not in self.stage.workers())
            return True
        name = "service" if fault.kind == "kill.service" else "worker"
        with self.crowd.nobody_new():
            self.stage.kill_group(name)
            ended = self.stage.stack.children[name].returncode == -signal.SIGKILL
            self.stage.start_again(name)
        return ended

    def _stop_fault(self, fault):
        """Stopped for longer than its time-out, its master kills it."""
        victim = self._worker(fault.how["pick"])
        self.stage.kill(victim, signal.SIGSTOP)
        stood = eventually(lambda: _state(victim) in {"T", "Z", ""}) and _state(victim) == "T"
        time.sleep(fault.how["seconds"])  # not for a condition: so long it stands still
        self.stage.kill(victim, signal.SIGCONT)
        return stood

    def _cut_fault(self, _):
        return self.stage.cut_connections() > 0

    def _restart_fault(self, _):
        before = self.stage.server.process.pid
        with self.crowd.nobody_new():
            self.stage.restart_database()
        return self.stage.server.process.pid != before

    def _clock_fault(self, fault):
        """The lever waits for the notices of what falls due."""
        before = self.stage.lever("clock")["now"]
        return self.stage.lever("clock", {"advance": fault.how["advance"]})["now"] > before

    def _notices_fault(self, fault):
        before = self._last_notice()
        self.stage.lever("notices", {"mode": fault.how["mode"], **fault.how["more"]})
        until = time.monotonic() + MEETS_WITHIN
        while self._last_notice() == before and time.monotonic() < until:
            time.sleep(0.1)
        met = self._last_notice() != before
        time.sleep(STAYS_BAD)  # a few more of them
        self.stage.lever("notices", {"mode": "send"})
        return met

    def _last_notice(self):
        return [one["id"] for one in self.stage.lever("notices?last=1")["notices"]]

    def _worker(self, pick):
        running = eventually(self.stage.workers)
        return running[int(pick * len(running))]


def _state(pid):
    """The letter of proc_pid_stat(5); empty for one that has gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    return ""
