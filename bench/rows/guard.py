"""Row 5: the card guard and a log line, beside a plain regular expression, Presidio's recognizer, and stdlib JSON logging."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from bench import peers
from bench.child import ROOT, Child
from bench.outcome import Figure, Goal, Line, Outcome, Plot
from bench.rounds import Contender, Options, Shown, interleave
from dev import configuration
from tests.support.hostile import HOSTILE

OURS, FLOOR, PEER = "Panless", "regex and check digit", "Presidio"
LOGGING = "stdlib JSON"
TEXTS = {"notice": "a notice of 2.2 KB", "checkout": "a checkout body", "log line": "a log line of 450 bytes"}
#: Bytes of hostile input: up to the largest body that any door takes (PANLESS_MAX_NOTICE_BYTES).
SIZES = (1024, 4096, 16384, 65536)
#: Four times the input in at most so many times the time, where linear is 4: what is left is for the disturbances of a machine.
LINEAR = 5.0


def measure(options: Options) -> Outcome:
    """The row."""
    outcome = Outcome()
    with contextlib.ExitStack() as undo:
        children = dict(_children(undo, outcome))
        scanners = [Contender(name, role, _scans(child)) for name, (role, child) in children.items()]
        outcome.figures += interleave(scanners, options.pairs)
        outcome.figures += [_flagged(name, role, child) for name, (role, child) in children.items()]
        ours = children[OURS][1]
        outcome.figures.append(_by_list(ours, options.pairs))
        loggers = [
            Contender(OURS, "ours", _asks(_started(undo, "-m", "bench.works.log"), {"log line": "a line written"})),
            Contender(
                LOGGING, "floor", _asks(_started(undo, "-m", "bench.floors.log"), {"log line": "a line written"})
            ),
        ]
        outcome.figures += interleave(loggers, options.pairs)
        _hostile(ours, outcome)
    _judge(outcome)
    return outcome


def _children(undo: contextlib.ExitStack, outcome: Outcome) -> Iterator[tuple[str, tuple[str, Child]]]:
    yield OURS, ("ours", _started(undo, "-m", "bench.works.guard"))
    yield FLOOR, ("floor", _started(undo, "-m", "bench.floors.scan"))
    try:
        python = peers.python_of("presidio")
    except peers.PeerMissingError as missing:
        outcome.notes.append(str(missing))
        return
    around = configuration.surroundings() | {"PYTHONPATH": str(ROOT)}
    peer = Child(str(peers.FOLDER / "presidio_scan.py"), python=python, environment=around)
    yield PEER, ("peer", undo.enter_context(peer))


def _started(undo: contextlib.ExitStack, *arguments: str) -> Child:
    return undo.enter_context(Child(*arguments, environment=configuration.surroundings()))


def _scans(child: Child) -> Callable[[], Shown]:
    return _asks(child, TEXTS)


def _asks(child: Child, what: Mapping[str, str]) -> Callable[[], Shown]:
    return lambda: {title: (child.ask(name) * 1e6, "µs") for name, title in what.items()}


def _flagged(name: str, role: str, child: Child) -> Figure:
    return Figure(name, role, "honest values taken for cards, of 10,000", "", [child.ask("flagged")])


def _by_list(ours: Child, pairs: int) -> Figure:
    values = [ours.ask("notice by its list") * 1e6 for _ in range(pairs)]
    return Figure(OURS, "ours", "a notice read by its list of fields", "µs", values)


def _hostile(ours: Child, outcome: Outcome) -> None:
    """The time of each hostile shape at each size; the worst ones are drawn."""
    lines = [Line(shape, [(size, ours.ask(f"{shape}:{size}") * 1000) for size in SIZES]) for shape in sorted(HOSTILE)]
    growth = {line.name: line.points[-1][1] / line.points[-2][1] for line in lines}
    steepest = max(growth, key=growth.__getitem__)
    outcome.goals.append(Goal("hostile input: time of four times the input", "most", LINEAR, [growth[steepest]]))
    outcome.notes.append(f"Of {len(lines)} hostile shapes the steepest from 16 to 64 KiB is: {steepest}.")
    slowest = sorted(lines, key=lambda line: -line.points[-1][1])[:6]
    outcome.plots.append(Plot("Hostile input: the six slowest shapes", "bytes", "ms", slowest))


def _judge(outcome: Outcome) -> None:
    for name in ("notice", "log line"):
        faster = [1 / value for value in outcome.compare(OURS, PEER, TEXTS[name])]
        outcome.goals.append(
            Goal(f"{TEXTS[name]}: speed against Presidio", "least", 1.5, faster, why="no Presidio here")
        )
    for name, bound in (("notice", 60), ("checkout", 6)):
        outcome.goals.append(Goal(TEXTS[name], "most", bound, outcome.of(OURS, TEXTS[name]), "µs"))
    flagged = outcome.of(OURS, "honest values taken for cards, of 10,000")
    outcome.goals.append(Goal("honest values taken for cards, of 10,000", "most", 0, flagged, ""))
    written = outcome.compare(OURS, LOGGING, "a line written")
    outcome.goals.append(Goal("a log line against stdlib JSON without protection", "most", 1.0, written))
