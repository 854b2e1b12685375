"""Row 2: the intake of notices, beside the thinnest Flask intakes and dj-stripe on the same PostgreSQL."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import filling, journal, load, messages, peers, serving, stage
from bench.floors import intake as floors
from bench.outcome import Goal, Outcome
from bench.rounds import Contender, Options, Shown, interleave
from dev import configuration, postgres
from dev.errors import DevError
from dev.stack import Stack

OURS, FLOOR, IN_ONE, PEER = "Panless", "Flask, begin to commit", "Flask, one statement", "dj-stripe"
CONNECTIONS = (16, 64)
SECONDS, WARM = 2.0, 200
#: No server here answers so many: the load ends by its time, not by its count.
MOST_A_SECOND = 2_500
SUBSCRIPTIONS = 1_000
KEY = "bench-key-of-notices-0123456789"
#: As peers/djstripe_app.py makes it.
ENDPOINT = "6b1f9d0a-3c52-4f7e-8a41-0d9c5e7b2f10"


@dataclass(frozen=True)
class Server:
    """A server that takes messages: where, the leader of its processes, and what makes the messages."""

    port: int
    leader: int
    make: Callable[[int], Sequence[bytes]]


def measure(options: Options) -> Outcome:
    """The row."""
    outcome = Outcome()
    with stage.folder("intake") as place, _panless(place) as stack, contextlib.ExitStack() as undo:
        servers = dict(_servers(undo, stack, place, outcome))
        for server in servers.values():
            load.run(load.Load(server.port, 16, 20, server.make(WARM))).all_good()
        roles = {OURS: "ours", FLOOR: "floor", IN_ONE: "floor", PEER: "peer"}
        for connections in CONNECTIONS:
            contenders = [
                Contender(name, roles[name], lambda one=server, c=connections: _shown(one, c, options))
                for name, server in servers.items()
            ]
            outcome.figures += interleave(contenders, options.pairs)
        outcome.notes.append(_kept(stack))
    _judge(outcome)
    return outcome


@contextlib.contextmanager
def _panless(place: Path) -> Iterator[Stack]:
    settings = {"PANLESS_WEBHOOK_KEYS": KEY, "PANLESS_THREADS": str(serving.THREADS)}
    with stage.panless(place, settings, server={"max_connections": "400"}) as stack:
        stage.rest(stack)
        filling.fill(stack.database_url, SUBSCRIPTIONS * journal.CHANGES)
        yield stack


def _servers(undo: contextlib.ExitStack, stack: Stack, place: Path, outcome: Outcome) -> Iterator[tuple[str, Server]]:
    yield OURS, Server(stack.ports.service, stack.children["service"].pid, messages.Notices(KEY, SUBSCRIPTIONS).make)
    url = postgres.create_database(stack.database_url, "floor")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(floors.TABLES.format(subscriptions=SUBSCRIPTIONS))
    known = {"BENCH_DATABASE_URL": url, "BENCH_KEY": KEY}
    notices = messages.Notices(KEY, SUBSCRIPTIONS)
    for name, app in ((FLOOR, "transactional"), (IN_ONE, "in_one")):
        port = serving.free_port()
        command = serving.gunicorn(f"bench.floors.intake:{app}()", port)
        process = undo.enter_context(serving.served(command, port, place / f"{app}.log", known))
        yield name, Server(port, process.pid, notices.make)
    try:
        yield PEER, _dj_stripe(undo, stack, place)
    except (peers.PeerMissingError, DevError, subprocess.CalledProcessError) as failed:
        outcome.notes.append(f"dj-stripe is not measured: {failed}")


def _dj_stripe(undo: contextlib.ExitStack, stack: Stack, place: Path) -> Server:
    """With its tables and its endpoint. Raises PeerMissingError, DevError or CalledProcessError."""
    python = peers.python_of("djstripe")
    url = postgres.create_database(stack.database_url, "djstripe")
    around = {"BENCH_DATABASE_URL": url, "BENCH_KEY": KEY, "PYTHONPATH": str(peers.FOLDER)}
    environment = configuration.surroundings() | around
    with (place / "djstripe-migrate.log").open("wb") as log:
        command = [str(python), str(peers.FOLDER / "djstripe_app.py")]
        subprocess.run(command, env=environment, check=True, stdout=log, stderr=log)
    port = serving.free_port()
    command = serving.gunicorn("djstripe_app:application", port)
    process = undo.enter_context(serving.served(command, port, place / "djstripe.log", around, python))
    return Server(port, process.pid, messages.Events(KEY, ENDPOINT).make)


def _shown(server: Server, connections: int, options: Options) -> Shown:
    seconds = options.seconds(SECONDS)
    sent = server.make(int(seconds * MOST_A_SECOND))
    before = serving.processor_seconds(server.leader)
    found = load.run(load.Load(server.port, connections, seconds, sent))
    good = found.all_good()
    spent = serving.processor_seconds(server.leader) - before
    at = f"{connections} connections"
    return {
        f"events, {at}": (found.rate, "/s"),
        f"p50, {at}": (load.percentile(good, 0.5) * 1000, "ms"),
        f"p99, {at}": (load.percentile(good, 0.99) * 1000, "ms"),
        f"the app's processor, {at}": (spent / len(good) * 1e6, "µs an event"),
        f"the generator's share of a core, {at}": (found.share, ""),
    }


def _kept(stack: Stack) -> str:
    with psycopg.connect(stack.database_url) as connection:
        counted = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE outcome = 'applied'), (SELECT count(*) FROM charges) FROM notices"
        )
        kept, applied, charges = counted.fetchone() or (0, 0, 0)
    return f"Of Panless's {kept:,} notices {applied:,} were applied, {charges:,} payments recorded, each with its entries; the worker rested meanwhile. Every answer was 200."


def _judge(outcome: Outcome) -> None:
    for connections in CONNECTIONS:
        at = f"{connections} connections"
        rate, late = f"events, {at}", f"p99, {at}"
        outcome.goals += [
            Goal(f"{rate}, against Flask from begin to commit", "least", 0.95, outcome.compare(OURS, FLOOR, rate)),
            Goal(f"{late}, against Flask from begin to commit", "most", 1.3, outcome.compare(OURS, FLOOR, late)),
            Goal(f"{rate}, against dj-stripe", "least", 8, outcome.compare(OURS, PEER, rate), why="no dj-stripe here"),
            Goal(f"aim: {rate}, against one statement", "least", 1.0, outcome.compare(OURS, IN_ONE, rate)),
        ]
