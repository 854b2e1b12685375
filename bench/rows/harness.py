"""Row 1: the harness itself: how fast its load generator is against a server that does nothing, and how steady this machine is."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench import load, serving
from bench.child import least
from bench.outcome import Goal, Outcome
from bench.rounds import Contender, Options, Shown, interleave

#: Three times the fastest server of any row: then it is not the generator that is measured.
ENOUGH = 6_000


def measure(options: Options) -> Outcome:
    """The row."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as folder:
        port = serving.free_port()
        with serving.served(["-m", "bench.floors.null", str(port)], port, Path(folder) / "null.log"):
            contenders = [
                Contender(
                    f"generator, {connections} connections", "check", lambda c=connections: null(port, c, options)
                )
                for connections in (16, 64)
            ]
            outcome.figures += interleave([*contenders, Contender("this machine", "check", _steady)], options.pairs)
    rates = outcome.of("generator, 16 connections", "answers of a server that does nothing")
    outcome.goals.append(Goal("the generator, against a server that does nothing", "least", ENOUGH, rates, "answers/s"))
    outcome.notes.append(
        "Every row says beside its figures which share of one core the generator took; it shares the cores with all others."
    )
    return outcome


def null(port: int, connections: int, options: Options) -> Shown:
    """The generator's own limit."""
    one = load.request("POST", "/", b"a=b" * 700)
    found = load.run(load.Load(port, connections, options.seconds(2), [one] * options.amount(100_000)))
    return {"answers of a server that does nothing": (found.rate, "answers/s"), "share of a core": (found.share, "")}


def _steady() -> Shown:
    """A fixed piece of Python: how it drifts is how far figures of different minutes can be compared."""
    return {
        "a fixed piece of Python": (least(lambda: sum(place * place for place in range(2_000)), batches=3) * 1e6, "µs")
    }
