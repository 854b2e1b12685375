"""Ten thousand signups with faults and none sold twice; ten thousand notices with random kills and no acknowledged one lost. Prints what it measured.

Both are seeded runs in batches (faults_seeds.py), each judged by BlueSnap's ledger before the next begins, because the simulator keeps all in memory.
Time is scaled by 40: what a settlement is made of (a charging call of 65 s, a lease of 90 s, the quiet period of 120 s, the worker's round of 5 s) is
here 2, 3, 1 and 1 s. So five minutes after BlueSnap's recovery are 7.5 s, and an hour is 90 s; the end of a batch's faults counts as the recovery.
SOAK_SIGNUPS and SOAK_NOTICES are other numbers than 10,000; SOAK_FIRST_SEED begins elsewhere, as after a run that was broken off.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from tests.faults.faults_seeds import Stages
from tests.faults.faults_seeds_plan import Options

pytestmark = [pytest.mark.soak, pytest.mark.timeout(4 * 3_600)]

BATCH, FAULTS = 500, 75
NOTICES, BUYERS, KILLS = 1_000, 40, 15
KILLING = ("kill.worker", "kill.worker", "kill.service", "kill.jobs", "stop.worker", "cut.database", "restart.database")
SAYING = ("stranger", "stranger", "hint", "hint", "ourselves", "reworded")
FIVE_MINUTES, AN_HOUR = 7.5, 90.0


def wanted(name, usual):
    return int(os.environ.get(name, str(usual)))


def say(text):
    """The progress of a run that takes half an hour is for whoever watches it."""
    print(text, flush=True)  # noqa: T201


class Table:
    """What all batches were, together."""

    def __init__(self, unit):
        self.unit, self.begun, self.done = unit, time.monotonic(), 0
        self.sums, self.faults, self.after, self.wrong, self.judged = Counter(), Counter(), [], [], Counter()

    def add(self, run, number):
        """One batch; prints how far it is, and of a failed one what is wrong and the line that replays it."""
        self.done += number
        figures = run.figures
        self.sums.update({name: figure for name, figure in figures.items() if isinstance(figure, int)})
        self.faults.update(figures["faults"])
        self.judged.update(figures.get("affected", {}))
        self.after += figures.get("settled after", [])
        self.wrong += run.wrong
        minutes = (time.monotonic() - self.begun) / 60
        seed = run.plan.options.seed
        say(f"{self.done:6d} {self.unit} after {minutes:.1f} min, {len(self.wrong)} wrong, seed {seed}")
        for line in run.wrong[:20]:
            say(f"WRONG {line}\nto replay: {run.line}")

    def share(self, within):
        """Of the outcomes that were unknown: the share that was known so soon after BlueSnap's recovery."""
        return sum(seconds <= within for seconds in self.after) / max(1, len(self.after))

    def show(self):
        rows = {
            **{name: self.sums[name] for name in ("signups", "sold", "charges", "refunds", "notices", "acknowledged")},
            "answers without a known outcome": self.sums["unknown"],
            "signups whose outcome was unknown, and settled": len(self.after),
            f"of these within {FIVE_MINUTES:.1f} s of recovery (for 5 min)": f"{self.share(FIVE_MINUTES):.2%}",
            f"of these within {AN_HOUR:.0f} s of recovery (for 1 h)": f"{self.share(AN_HOUR):.2%}",
            "left to a person, keys not proven": self.sums["left to a person"],
            "sold or charged twice (I1)": sum(one.startswith("I1") for one in self.wrong),
            "acknowledged and lost (I3)": sum(one.startswith("I3") for one in self.wrong),
            "anything else wrong": sum(not one.startswith(("I1", "I3")) for one in self.wrong),
            **{f"fault {name}": times for name, times in sorted(self.faults.items())},
            **{f"judged by {name}": times for name, times in sorted(self.judged.items())},
            "minutes": f"{(time.monotonic() - self.begun) / 60:.1f}",
        }
        say("\n".join(f"{name:60s} {figure}" for name, figure in rows.items()))


def test_ten_thousand_signups_with_faults_and_none_sold_twice():
    number, table = wanted("SOAK_SIGNUPS", 10_000), Table("signups")
    seed = wanted("SOAK_FIRST_SEED", 1_000_000)
    with Stages() as stages:
        while table.done < number:
            size = min(BATCH, number - table.done)
            table.add(stages.run(Options(seed, size, size, max(5, FAULTS * size // BATCH))), size)
            seed += 1
    table.show()
    assert not table.wrong
    assert table.sums["signups"] >= number
    assert table.judged["I1"] >= number * 0.5
    assert sum(table.faults.values()) >= number * FAULTS // BATCH
    assert table.share(AN_HOUR) == 1
    assert table.share(FIVE_MINUTES) >= 0.99


def test_ten_thousand_notices_with_kills_and_no_acknowledged_one_lost():
    number, table = wanted("SOAK_NOTICES", 10_000), Table("notices")
    seed = wanted("SOAK_FIRST_SEED", 2_000_000)
    with Stages() as stages:
        while table.sums["acknowledged"] < number:
            said = min(NOTICES, number)
            options = Options(seed, BUYERS, BUYERS + said * 8 // 5, KILLS, KILLING, SAYING)
            run = stages.run(options)
            table.add(run, run.figures["acknowledged"])
            seed += 1
            assert run.figures["acknowledged"], "nothing was acknowledged"
    table.show()
    assert not table.wrong
    assert table.judged["I3"] >= number * 0.5
    assert sum(times for kind, times in table.faults.items() if kind.startswith("kill")) >= number // NOTICES
