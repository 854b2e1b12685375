"""Row 3: opening a checkout: what it adds to the upstream's own time, beside the thinnest proxies, and whether TLS connections are used again."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass

from bench import load, selling, stage
from bench.outcome import Goal, Outcome
from bench.rounds import Contender, Options, Shown, interleave
from bench.selling import Upstream

OURS, BARE, DURABLE = "Panless", "thin proxy", "thin proxy with one row"
#: (milliseconds of the upstream, connections, requests of a run)
SHAPES = ((200, 1, 12), (800, 1, 4), (200, 16, 96), (800, 16, 48))
WARM = 64
STEADY_SECONDS = 10.0
REUSED = "requests on a TLS connection that was there"
#: Of each worker, ours and the floors': kept connections spread unevenly over two workers, and none of sixteen is to be refused.
THREADS = 32


@dataclass(frozen=True)
class Server:
    """Who opens checkouts, where; the key that lets in."""

    port: int
    key: str = "none"


def measure(options: Options) -> Outcome:
    """The row."""
    outcome = Outcome()
    with contextlib.ExitStack() as undo:
        place = undo.enter_context(stage.folder("checkout"))
        above = undo.enter_context(selling.upstream(place))
        settings = {"PANLESS_THREADS": str(THREADS)}
        stack = undo.enter_context(selling.panless(place, above, settings))
        servers = {OURS: ("ours", Server(stack.ports.service, stack.api_key))}
        for name, app in ((BARE, "bare"), (DURABLE, "durable")):
            port, _ = undo.enter_context(selling.floor(app, stack, above, place, threads=THREADS))
            servers[name] = ("floor", Server(port))
        for _, server in servers.values():
            load.run(load.Load(server.port, 16, 30, selling.openings(server.key, WARM))).all_good()
        _all_shapes(outcome, servers, above, options)
    _judge(outcome)
    return outcome


def _all_shapes(outcome: Outcome, servers: dict[str, tuple[str, Server]], above: Upstream, options: Options) -> None:
    for wait, connections, number in SHAPES:
        sent = options.amount(number, least=connections)
        contenders = [
            Contender(name, role, lambda one=server, w=wait, c=connections, n=sent: _added(one, above, w, c, n))
            for name, (role, server) in servers.items()
        ]
        outcome.figures += interleave(contenders, options.pairs)
    steady = [
        Contender(name, role, lambda one=server: _reused(one, above, options))
        for name, (role, server) in servers.items()
    ]
    outcome.figures += interleave(steady[:1], 1) + interleave(steady[2:], 1)
    outcome.notes.append(
        "Added: beyond the upstream's wait, which begins when the whole request is there. Each request is a new session of a new account."
    )


def _reused(server: Server, above: Upstream, options: Options) -> Shown:
    """The part of the requests for which no connection had to be made, once the pools are as warm as they get."""
    seconds = options.seconds(STEADY_SECONDS)
    above.wait(5)
    warm = threading.Timer(seconds / 4, above.wait, [5])  # counts anew from there
    warm.start()
    sent = selling.openings(server.key, int(seconds * 500))
    load.run(load.Load(server.port, 16, seconds, sent)).all_good()
    warm.join()
    counts = above.counts()
    return {REUSED: (1 - counts["connections"] / counts["requests"], f"of {counts['requests']:,}")}


def _added(server: Server, above: Upstream, wait: int, connections: int, number: int) -> Shown:
    above.wait(wait)
    found = load.run(load.Load(server.port, connections, 60, selling.openings(server.key, number)))
    good = found.all_good()
    at = f"upstream {wait} ms, {connections} connection{'s' if connections > 1 else ''}"
    shown = {f"added p50, {at}": ((load.percentile(good, 0.5) * 1000 - wait), "ms")}
    if connections > 1:
        shown[f"added p99, {at}"] = ((load.percentile(good, 0.99) * 1000 - wait), "ms")
        shown[f"the generator's share of a core, {at}"] = (found.share, "")
    return shown


def _judge(outcome: Outcome) -> None:
    for wait in (200, 800):
        at = f"added p50, upstream {wait} ms, 1 connection"
        outcome.goals.append(
            Goal(f"{at}, against the proxy with one row", "most", 1.25, outcome.compare(OURS, DURABLE, at))
        )
    outcome.goals.append(
        Goal("TLS connections used again, in steady state", "least", 0.999, outcome.of(OURS, REUSED), "")
    )
