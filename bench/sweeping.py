"""The sweep over a thin upstream: how long it takes beside the ideal of its own parallelism, and what memory it needs. A part of row 6."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench import filling, journal, selling, stage
from bench.outcome import Goal, Outcome
from bench.rounds import Contender, Options, Shown, interleave
from bench.selling import Upstream
from dev.bootstrap import ROOT
from dev.stack import Stack

SUBSCRIPTIONS, WITH_CHARGES = 10_000, 300
WAIT_MS = 50
NOTHING = "sweep of nothing"
WHOLE, CALLS, MEMORY = "a whole sweep", "what its calls alone take", "the most memory"


@dataclass(frozen=True)
class Sweep:
    """One way to sweep: so many subscriptions in a database of their own, and the arguments of the command."""

    number: int
    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ()

    def run(self, above: Upstream) -> Shown:
        """Once. Raises RuntimeError where it finds a difference: there is none."""
        above.sell(self.number)
        above.wait(WAIT_MS)
        command = [sys.executable, str(ROOT / "bench" / "trusting.py"), str(above.authority), "sweep", *self.arguments]
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(self.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        counts = above.counts()
        if process.returncode != 0:
            raise RuntimeError(f"the sweep ended with status {process.returncode}")
        ideal = counts["requests"] * WAIT_MS / 1000 / max(1, counts["most"])
        return {WHOLE: (seconds, "s"), CALLS: (ideal, "s"), MEMORY: (used.ru_maxrss / 1024, "MiB")}


def measure(outcome: Outcome, options: Options) -> None:
    """Add the figures and the goals of the sweep."""
    many, few = options.amount(SUBSCRIPTIONS, least=500), options.amount(WITH_CHARGES, least=50)
    with contextlib.ExitStack() as undo:
        place = undo.enter_context(stage.folder("sweep"))
        above = undo.enter_context(selling.upstream(place))
        stack = undo.enter_context(selling.panless(place, above, {}))
        kinds = {
            NOTHING: Sweep(0, stage.prepared(stack, "sweep_nothing", lambda _: None)),
            f"sweep of {many:,} subscriptions": Sweep(many, _filled(stack, "sweep_many", many)),
            f"sweep of {few:,} with their charges": Sweep(few, _filled(stack, "sweep_few", few), ("--charges",)),
        }
        runs = [
            Contender(name, "floor" if name == NOTHING else "ours", lambda one=one: one.run(above))
            for name, one in kinds.items()
        ]
        outcome.figures += interleave(runs, options.pairs)
    for name in list(kinds)[1:]:
        times = zip(outcome.of(name, WHOLE), outcome.of(NOTHING, WHOLE), outcome.of(name, CALLS), strict=True)
        over = [(whole - nothing) / ideal for whole, nothing, ideal in times]
        outcome.goals.append(Goal(f"{name}: beyond its start, against its calls alone", "most", 1.5, over))
    outcome.notes.append(
        f"The sweep's upstream answers after {WAIT_MS} ms; its calls alone take that, divided by as many as were under way at once."
    )


def _filled(stack: Stack, name: str, subscriptions: int) -> Mapping[str, str]:
    return stage.prepared(stack, name, lambda url: filling.fill(url, subscriptions * journal.CHANGES))
