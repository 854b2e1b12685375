"""Seeded random runs: one seed decides buyers, notices and faults of a run; safety first, while faults happen, then liveness, without them; then every invariant is judged.

python -m tests.faults.faults_seeds --seed 17        (all options: --help; a failing run prints the line that replays it)

What a seed decides is the plan: who buys what, types which card, comes back or does not, under which keys, what BlueSnap says again, which faults begin
when so many buyers have begun. It does not decide the interleaving: which thread, process or packet comes first is the scheduler's, so a line may have
to be run more than once until it fails again. The history that is printed says what happened: each operation as started, ok, failed or unknown.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import faults_invariants, faults_judge
from tests.faults.faults_facts import TABLES, gather
from tests.faults.faults_seeds_clients import crowd_of
from tests.faults.faults_seeds_conductor import Conductor
from tests.faults.faults_seeds_plan import Options, is_proven, plan_of
from tests.faults.faults_stage import FaultStage
from tests.journeys.journeys_stage import eventually

#: Who has begun is through by then; what a quiet machine does in ten seconds a busy one may do in this.
THROUGH_WITHIN, SETTLES_WITHIN = 480.0, 240.0
#: Two sweeps cost as much as a hundred signups, so that every fifth seed makes them; without them what is judged must be right by itself.
SWEEPS_EVERY = 5
#: A PUT that comes as late as a seed may order, half a second after its time-out, is there before anybody looks how it ended, on a busy machine too.
QUIET_SECONDS = 2
KEPT_TABLES = {"api_keys", "api_key_scopes", "deployment", "alembic_version", "event_cursor", "chain"}
JUDGED = ("I1", "I2", "I3", "I4", "I5", "I6", "I8", "I9", "I14", "I15", "I16")


@dataclass
class Run:
    """One seed's run: what was planned, what happened, what is wrong. `seconds` are spent until everybody is through, until all is settled, and in all."""

    plan: object
    history: list = field(default_factory=list)
    wrong: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)
    seconds: tuple = ()
    logs: list = field(default_factory=list)

    @property
    def line(self):
        return self.plan.options.line()

    def summary(self):
        """In one line."""
        spent = ", ".join(f"{seconds:.1f}" for seconds in self.seconds)
        after = self.figures.get("settled after") or [0.0]
        known = {name: figure for name, figure in self.figures.items() if name not in {"settled after", "affected"}}
        how = "FAILED" if self.wrong else "holds"
        return (
            f"seed {self.plan.options.seed}: {how} in {spent} s; unknown ones settled within {after[-1]:.1f} s; {known}"
        )


@contextlib.contextmanager
def stage_for(folder, *, proven):
    """The stack of all seeds that are proven, or of all that are not. The worker looks every second, as all else here goes faster than in life."""
    settings = {"PANLESS_IDEMPOTENCY_PROVEN": str(proven).lower(), "PANLESS_QUIET_SECONDS": str(QUIET_SECONDS)}
    with FaultStage.start(folder, settings=settings, bugs=("hurry",)) as stage:
        yield stage


class Stages:
    """One stack for all seeds that are proven, one for all that are not, each started when it is needed. A context manager.

    After a run that failed a stack is in a state that nobody knows: the next run gets a new one.
    """

    def __init__(self):
        self._open = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for proven in tuple(self._open):
            self._open.pop(proven)[1].close()

    def run(self, options):
        """A seed's run."""
        proven = plan_of(options).proven
        if proven not in self._open:
            undo = contextlib.ExitStack()
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="panless-seeds-")))
            self._open[proven] = undo.enter_context(stage_for(folder, proven=proven)), undo
        run = run_seed(self._open[proven][0], options)
        if run.wrong:
            self._open.pop(proven)[1].close()
        return run


def run_seed(stage, options):
    """A whole run on a stack that is quiet; it leaves it quiet, and empty for the next."""
    sweep = options.seed % SWEEPS_EVERY == 0
    begun = time.monotonic()
    plan = plan_of(options)
    run = Run(plan)
    stage.planned.clear()
    stage.fired.clear()
    stage.answers.clear()
    stage.lever("behaviour", {"calm": True, **plan.behaviour})
    with crowd_of(stage, options, give_up=not plan.proven) as crowd:
        run.history = crowd.history
        conductor = Conductor(stage, plan, crowd)
        try:
            _play(run, crowd, conductor)
            through = time.monotonic()
            settle(stage, plan)
            settled = time.monotonic()
            run.figures["settled after"] = _settled_after(stage, conductor.calm_at)
            _judge(run, stage, crowd, sweep=sweep)
        except AssertionError as error:
            run.wrong.append(str(error))
            through = settled = time.monotonic()
        run.wrong += crowd.problems + conductor.errors
    run.figures |= _figures(stage, crowd)
    if run.wrong:
        run.logs = _alarms(stage)
    else:
        empty(stage)
    run.seconds = (through - begun, settled - through, time.monotonic() - begun)
    return run


def _play(run, crowd, conductor):
    """Safety: faults and buyers at once. Then liveness: no more faults, and everybody must come to an end by himself."""
    crowd.add(list(run.plan.tasks))
    conductor.play()
    until = time.monotonic() + THROUGH_WITHIN
    while not crowd.settled_down:
        assert time.monotonic() < until, "the crowd did not get through"
        time.sleep(0.02)
    left = conductor.provoke()
    assert not left, f"planned faults never happened: {left}"
    conductor.calm()
    assert crowd.ended(THROUGH_WITHIN), f"never ended: {sorted(crowd.unfinished)}"


def settle(stage, plan):
    """Wait until all is settled. Without proven keys what BlueSnap never got stays unknown for a day, and then is a person's: the day is over at once."""
    if plan.proven:
        stage.settled(SETTLES_WITHIN)
        return
    eventually(lambda: _hour_is_over(stage), within=SETTLES_WITHIN)
    stage.settled(SETTLES_WITHIN, but=("refunds",))
    given = {entry["transaction_id"] for entry in stage.ledger() if entry["kind"] == "refund"}
    stage.sql(f"UPDATE signups SET {_A_DAY_AGO} WHERE state = 'subscription_unknown'")
    stage.sql(
        f"UPDATE refunds SET {_A_DAY_AGO} WHERE status = 'unknown' AND lease_until IS NOT NULL"
        " AND charge_id NOT IN (SELECT id FROM charges WHERE reference = ANY(%s))",
        list(given),
    )
    eventually(
        lambda: not stage.sql("SELECT 1 FROM signups WHERE state = 'subscription_unknown'"), within=SETTLES_WITHIN
    )
    eventually(
        lambda: not stage.sql("SELECT 1 FROM refunds WHERE status = 'unknown' AND lease_until IS NOT NULL"),
        within=SETTLES_WITHIN,
    )
    for (refund,) in stage.sql("SELECT id FROM refunds WHERE status = 'unknown'"):
        stage.command("refunds", "settle", refund, "not_given")
    stage.settled(SETTLES_WITHIN)


_A_DAY_AGO = "called_at = called_at - interval '25 hours', lease_until = clock_timestamp()"


def _hour_is_over(stage):
    """A BlueSnap that replays its errors says 429 to a key for a day, so that such a signup is given up when its hour is over: at once."""
    stage.sql(f"UPDATE signups SET {_A_DAY_AGO} WHERE state = 'shopper_vaulted' AND cause = 'throttled'")
    return not stage.sql("SELECT 1 FROM signups WHERE state LIKE 'sub%%requested' OR state = 'shopper_vaulted'")


def _settled_after(stage, calm_at):
    """For each signup whose outcome was unknown and is known: the seconds from there, or from the end of the faults if that was later, to its end."""
    rows = stage.sql(
        "SELECT extract(epoch FROM max(at) FILTER (WHERE act = ANY(%s)) - greatest(min(at) FILTER (WHERE act = %s), %s))::float"
        " FROM entries WHERE subject LIKE 'su\\_%%' GROUP BY subject HAVING count(*) FILTER (WHERE act = %s) > 0",
        ["signup.active", "signup.declined", "signup.released"], _UNKNOWN, calm_at, _UNKNOWN,
    )  # fmt: skip
    return sorted(max(0.0, seconds) for (seconds,) in rows if seconds is not None)


_UNKNOWN = "signup.outcome_unknown"


def _judge(run, stage, crowd, *, sweep):
    """C's judge over everything, and the notices that we said ourselves by the same rule as BlueSnap's own."""
    verdict = faults_judge.assert_holds(stage, buyers=crowd.buyers, on=JUDGED, sweep=sweep, deep=False)
    facts = gather(stage)
    facts.notices = crowd.said
    seen, wrong = faults_invariants.acknowledged_is_kept(facts)
    run.wrong += [f"I3: {one}" for one in wrong]
    run.figures["affected"] = dict(verdict.affected) | {"I3": verdict.affected["I3"] + seen}


def _figures(stage, crowd):
    """What was done, for the table."""
    heard = [one["status"] for notice in stage.lever("notices")["notices"] for one in notice["deliveries"]]
    said = [one.outcome for one in crowd.history if one.what.startswith("says ") and one.who == "BlueSnap"]
    sold = Counter(entry["kind"] for entry in stage.ledger())
    [(left,)] = stage.sql("SELECT count(*) FROM signups WHERE state = 'stuck'")
    return {
        "signups": crowd.begun,
        "sold": sold["subscription"],
        "charges": sold["charge"],
        "refunds": sold["refund"],
        "notices": len(heard) + said.count("started"),
        "acknowledged": heard.count(200) + len(crowd.said),
        "faults": dict(stage.fired),
        "unknown": sum(one.outcome == "unknown" for one in crowd.history if one.what == "complete"),
        "left to a person": left,
    }


def _alarms(stage):
    """What the processes said that is no answered request, the last of it."""
    lines = [
        f"{name}: {line[:400]}"
        for name, text in stage.logs().items()
        if name.startswith(("service.log", "worker.log"))
        for line in text.splitlines()[-4_000:]
        if '"level": "info"' not in line or '"gunicorn.' in line or '"library.record"' in line
    ]
    return lines[-200:]


def empty(stage):
    """Nobody has ever bought anything here, at BlueSnap or with us."""
    stage.lever("behaviour", {"lookup_lag": 0, "idempotency": "on"})
    found = stage.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    names = sorted({name for (name,) in found} - KEPT_TABLES)
    assert set(TABLES) <= set(names)
    stage.sql(f"TRUNCATE {', '.join(names)} CASCADE")
    stage.sql("UPDATE chain SET start = 0, number = 0, hash = decode(repeat('00', 32), 'hex')")
    stage.lever("reset", {})
    stage.lever("behaviour", {"calm": True})


def seeds(*, proven):
    """The seeds that a suite plays: FAULT_SEEDS of them (50; a night has time for 1,000), counted up from FAULT_FIRST_SEED (0)."""
    first, number = int(os.environ.get("FAULT_FIRST_SEED", "0")), int(os.environ.get("FAULT_SEEDS", "50"))
    return [seed for seed in range(first, first + number) if is_proven(seed) is proven]


def hold(run):
    """Fail with all that is wrong and, last, the line that replays it."""
    wrong = "\n".join([*run.wrong[:40], *run.logs[-20:]])
    print(f"{run.summary()}\n{wrong}", flush=True)  # noqa: T201 - at once, for the suite may not come to its end
    assert not run.wrong, f"{wrong}\nto replay: {run.line}"


def report(run, out):
    """The plan, the history and what is wrong; the line that replays it comes last."""
    for line in (*run.plan.told(), *map(str, run.history), *run.logs):
        print(line, file=out)
    for wrong in run.wrong:
        for line in wrong.splitlines():
            print(f"WRONG {line}", file=out)
    print(f"to replay: {run.line}", file=out, flush=True)


def main(arguments=None):
    """Play one seed, or as many as are wanted from it on; exit status 1 if one of them fails, with its plan and history."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.faults_seeds", description="Play one seed, or several."
    )
    parser.add_argument("--seed", type=int, default=0, help="the (first) seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many, counted up from it")
    for name in ("signups", "notices", "faults"):
        default = getattr(Options(0), name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"of each seed (default {default})")
    parser.add_argument(
        "--kinds", default="", help="kinds of faults, by commas, instead of those that the seed chooses"
    )
    parser.add_argument("--says", default="", help="ways in which notices are said, by commas")
    parser.add_argument("--quiet", action="store_true", help="print plan and history of failing seeds only")
    chosen = parser.parse_args(arguments)
    words = [tuple(word for word in given.split(",") if word) for given in (chosen.kinds, chosen.says)]
    failed = 0
    with Stages() as stages:
        for seed in range(chosen.seed, chosen.seed + chosen.seeds):
            run = stages.run(Options(seed, chosen.signups, chosen.notices, chosen.faults, *words))
            failed += bool(run.wrong)
            if run.wrong or not chosen.quiet:
                report(run, sys.stdout)
            print(run.summary(), flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
