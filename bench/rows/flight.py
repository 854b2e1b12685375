"""Row 4: a thousand checkouts and more in flight, too many of them, and notices meanwhile; beside the thinnest proxy with one durable row."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from bench import filling, journal, load, messages, selling, serving, stage
from bench.load import percentile
from bench.outcome import Goal, Outcome
from bench.rounds import Contender, Options, Shown, interleave
from bench.selling import Upstream
from dev.stack import Stack

OURS, FLOOR = "Panless", "thin proxy with one row"
KEY = "bench-key-of-notices-0123456789"
SUBSCRIPTIONS, WARM = 200, 64
#: (clients at once, milliseconds of the upstream, seconds of a run: some whole rounds)
SHAPES = ((1_000, 800, 6.0), (2_000, 4_000, 9.0))
#: Threads of a worker where as many as possible wait: the most that PANLESS_THREADS takes; those in reserve never wait.
THREADS, RESERVED = 512, 12
NOTICES_A_SECOND = 20
#: Overload: usual settings, an upstream of 800 ms, and ten times what the slots can take.
SLOTS, OVER_MS, TIMES, OVER_SECONDS = 2 * 12, 800, 10, 6.0


@dataclass(frozen=True)
class Server:
    """Who opens checkouts, where; the leader of its processes, the key that lets in, its memory while nobody is there, in MiB."""

    port: int
    leader: int
    key: str
    idle: float


def measure(options: Options) -> Outcome:
    """The row."""
    outcome = Outcome()
    _in_flight(outcome, options)
    _overload(outcome, options)
    _judge(outcome)
    return outcome


def _in_flight(outcome: Outcome, options: Options) -> None:
    with contextlib.ExitStack() as undo:
        place = undo.enter_context(stage.folder("flight"))
        above = undo.enter_context(selling.upstream(place))
        settings = {
            "PANLESS_THREADS": str(THREADS),
            "PANLESS_RESERVED_THREADS": str(RESERVED),
            "PANLESS_CONNECTIONS": "2200",
        }
        stack = undo.enter_context(_panless(place, above, settings))
        known: dict[str, Any] = {"threads": THREADS, "connections": 2_200}
        port, leader = undo.enter_context(selling.floor("durable", stack, above, place, **known))
        servers = {OURS: _ours(stack), FLOOR: _warm(port, leader, "none")}
        for clients, wait, seconds in SHAPES:
            number = options.amount(clients, least=50)
            contenders = [
                Contender(
                    name,
                    "ours" if name == OURS else "floor",
                    lambda one=one, name=name, n=number, w=wait, s=seconds: _flight(
                        one, above, (n, w, s), notices=name == OURS
                    ),
                )
                for name, one in servers.items()
            ]
            outcome.figures += interleave(contenders, options.pairs)


@contextlib.contextmanager
def _panless(place: Path, above: Upstream, settings: Mapping[str, str]):  # noqa: ANN202 - an iterator of Stack
    """Panless that sells, and knows some subscriptions."""
    with selling.panless(place, above, {"PANLESS_WEBHOOK_KEYS": KEY, **settings}, connections=1_200) as stack:
        filling.fill(stack.database_url, SUBSCRIPTIONS * journal.CHANGES)
        yield stack


def _ours(stack: Stack) -> Server:
    return _warm(stack.ports.service, stack.children["service"].pid, stack.api_key)


def _warm(port: int, leader: int, key: str) -> Server:
    """It has opened some. Raises RuntimeError where it refuses."""
    found = load.run(load.Load(port, 8, 30, selling.openings(key, WARM)))
    if len(found.good()) != WARM:
        raise RuntimeError(f"not all were opened: {dict(found.counts)}, {found.errors} errors")
    return Server(port, leader, key, serving.memory_mib(leader))


def _flight(one: Server, above: Upstream, shape: tuple[int, int, float], *, notices: bool) -> Shown:
    """So many clients at once for some rounds of the upstream; ours take notices meanwhile."""
    clients, wait, seconds = shape
    above.wait(wait)
    rounds = int(seconds * 1000 / wait) + 1
    sent = selling.openings(one.key, clients * rounds)
    with _Beside(one, notices=notices) as beside:
        found = load.run(load.Load(one.port, clients, seconds, sent, grace=30))
    good, at = found.good(), f"{clients:,} clients, upstream {wait:,} ms"
    ideal = clients * 1000 / wait
    shown = {
        f"opened, {at}": (found.rate, "/s"),
        f"opened, of the ideal, {at}": (found.rate / ideal, ""),
        f"p99, {at}": (percentile(good, 0.99) * 1000 if good else 0.0, "ms"),
        f"refused or broken, {at}": (sum(found.counts.values()) - len(good) + found.errors + found.unanswered, ""),
        f"most that waited at once, {at}": (above.counts()["most"], ""),
        f"memory a slot beyond idle, {at}": (max(0.0, beside.most - one.idle) / clients, "MiB"),
        f"the generator's share of a core, {at}": (found.share, ""),
    }
    if beside.notices:
        shown[f"p99 of notices meanwhile, {at}"] = (percentile(sorted(beside.notices), 0.99) * 1000, "ms")
    return shown


@dataclass
class _Beside:
    """What happens beside a load: memory is looked at four times a second, and notices are sent one by one."""

    server: Server
    notices: Any
    most: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        wanted, self.notices = self.notices, []
        self._threads = [threading.Thread(target=self._watch)]
        if wanted:
            self._threads.append(threading.Thread(target=self._tell))
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            self.most = max(self.most, serving.memory_mib(self.server.leader))

    def _tell(self) -> None:
        source = messages.Notices(KEY, SUBSCRIPTIONS, first=1_000_000 + int(time.time()) % 900_000 * 30)
        while not self._over.wait(1 / NOTICES_A_SECOND):
            found = load.run(load.Load(self.server.port, 1, 5, source.make(1)))
            self.notices += found.good() or [5.0]


def _overload(outcome: Outcome, options: Options) -> None:
    """Open loop: clients come whether or not the others were answered."""
    with contextlib.ExitStack() as undo:
        place = undo.enter_context(stage.folder("overload"))
        above = undo.enter_context(selling.upstream(place))
        stack = undo.enter_context(_panless(place, above, {"PANLESS_THREADS": "16", "PANLESS_RESERVED_THREADS": "4"}))
        one = _ours(stack)
        outcome.figures += interleave([Contender(OURS, "ours", lambda: _over(one, above, options))], options.pairs)


def _over(one: Server, above: Upstream, options: Options) -> Shown:
    above.wait(OVER_MS)
    rate = TIMES * SLOTS * 1000 / OVER_MS
    seconds = options.seconds(OVER_SECONDS)
    sent = selling.openings(one.key, int(rate * seconds))
    with _Beside(one, notices=True) as beside:
        found = load.run(load.Load(one.port, 400, seconds, sent, rate=rate))
    refused = sorted(found.latencies.get(503, []))
    others = sum(found.counts.values()) - len(found.good()) - len(refused) + found.errors + found.unanswered
    return {
        "overload: opened": (found.rate, "/s"),
        "overload: p99 of what is opened, of the upstream's time": (
            percentile(found.good(), 0.99) * 1000 / OVER_MS,
            "x",
        ),
        "overload: refused": (len(refused) / found.seconds, "/s"),
        "overload: p99 of a refusal": (percentile(refused, 0.99) * 1000 if refused else 0.0, "ms"),
        "overload: neither opened nor refused": (others, ""),
        "overload: p99 of notices meanwhile": (percentile(sorted(beside.notices), 0.99) * 1000, "ms"),
        "overload: the generator's share of a core": (found.share, ""),
    }


#: By the beginning of what is measured: the promise, and whether it is one against the floor.
GOALS: Mapping[str, tuple[Literal["most", "least"], float, str, bool]] = {
    "opened, 1": ("least", 0.85, "x", True),
    "opened, 2": ("least", 0.85, "x", True),
    "p99, ": ("most", 1.25, "x", True),
    "refused or broken": ("most", 0, "", False),
    "memory a slot": ("most", 0.15, "MiB", False),
    "p99 of notices": ("most", 250, "ms", False),
    "overload: p99 of a refusal": ("most", 50, "ms", False),
    "overload: p99 of what is opened": ("most", 1.5, "x", False),
    "overload: p99 of notices": ("most", 250, "ms", False),
}


def _judge(outcome: Outcome) -> None:
    for what in [one.what for one in outcome.figures if one.contender == OURS]:
        found = next((goal for begin, goal in GOALS.items() if what.startswith(begin)), None)
        if found is not None:
            at, bound, unit, compared = found
            values = outcome.compare(OURS, FLOOR, what) if compared else outcome.of(OURS, what)
            outcome.goals.append(Goal(f"{what}{', against the proxy' if compared else ''}", at, bound, values, unit))
    outcome.notes.append(
        f"In flight: two workers of {THREADS} threads, {RESERVED} of them in reserve, so {2 * (THREADS - RESERVED):,} slots; beyond them ours refuses, the proxy queues."
    )
    outcome.notes.append(
        f"Overload: {SLOTS} slots, clients come {TIMES} times as fast as those can serve them, whether or not others were answered."
    )
