"""Row 6: whether intake and reads stay as fast as the data grows, and how long an audit and a sweep take beside what they cannot do without."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import psycopg

from bench import filling, journal, load, messages, stage, sweeping
from bench.outcome import Goal, Line, Outcome, Plot
from bench.rounds import Contender, Options, Shown, interleave
from bench.stage import Another

SIZES = (10_000, 100_000, 1_000_000)
KEY = "bench-key-of-notices-0123456789"
SECONDS, WARM, READS = 1.5, 100, 60
INTAKE, ACCOUNT, AT, FEED = "intake, 16 connections", "GET account", "history --at", "entries feed"
#: What a plot may rise between the least and the greatest size and still be flat.
FLAT = 1.25
FLOOR, AUDIT = "read and hash in one process", "audit verify"


def measure(options: Options, sizes: tuple[int, ...] = SIZES) -> Outcome:
    """The row. `sizes` in entries; each has a database of its own, all of one server."""
    outcome = Outcome()
    grown = [options.amount(size, least=2_000 * place) for place, size in enumerate(sizes, 1)]
    with contextlib.ExitStack() as undo:
        place = undo.enter_context(stage.folder("growth"))
        stack = undo.enter_context(
            stage.panless(place, {"PANLESS_WEBHOOK_KEYS": KEY}, server={"max_connections": "400"})
        )
        stage.rest(stack)
        contenders = []
        for size in grown:
            begun, audits = time.perf_counter(), options.pairs if size == grown[-1] else 0
            ours = undo.enter_context(
                stage.another(stack, f"rows_{size}", place, lambda url, n=size, a=audits: _fill(url, n, outcome, a))
            )
            outcome.notes.append(
                f"{size:,} entries, versions, payments and notices each: ready{' and audited' if audits else ''} in {time.perf_counter() - begun:.0f} s."
            )
            contenders.append(_contender(ours, size))
        outcome.figures += interleave([_timed(one, options) for one in contenders], options.pairs)
        _plots(outcome, grown)
    _judge_growth(outcome, grown)
    sweeping.measure(outcome, options)
    return outcome


def _name(size: int) -> str:
    return f"{size:,} rows"


Measured = tuple[int, Another, Callable[[int], list[bytes]], Mapping[str, bytes]]


def _contender(ours: Another, size: int) -> Measured:
    """With what is asked of it. Raises RuntimeError where an answer is none."""
    notices = messages.Notices(KEY, size // journal.CHANGES)
    with psycopg.connect(ours.url) as connection:
        rows = connection.execute("SELECT at, xid, number FROM entries ORDER BY number OFFSET %s LIMIT 1", (size // 2,))
        moment, _, _ = rows.fetchone() or (datetime.now(UTC), 0, 0)
    at = quote(moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"))
    asked = {
        ACCOUNT: _get(ours, "/v1/accounts/acct-7"),
        AT: _get(ours, f"/v1/accounts/acct-7/history?at={at}"),
        FEED: _get(ours, "/v1/entries?limit=100"),
    }
    for one in (*asked.values(), *notices.make(WARM)):
        found = load.run(load.Load(ours.port, 1, 20, [one]))
        if not found.good():
            raise RuntimeError(f"{one[:80]!r} was answered {dict(found.counts)}")
    return size, ours, notices.make, asked


def _get(ours: Another, path: str) -> bytes:
    return load.request("GET", path, Authorization=f"Bearer {ours.key}")


def _timed(one: Measured, options: Options) -> Contender:
    size, ours, make, asked = one

    def run() -> Shown:
        seconds = options.seconds(SECONDS)
        taken = load.run(load.Load(ours.port, 16, seconds, make(int(seconds * 2_500))))
        shown: dict[str, tuple[float, str]] = {INTAKE: (taken.rate, "/s")}
        for name, request in asked.items():
            found = load.run(load.Load(ours.port, 1, 20, [request] * options.amount(READS, least=5)))
            shown[name] = (load.percentile(found.good(), 0.5) * 1000, "ms p50")
        return shown

    return Contender(_name(size), "ours", run)


def _plots(outcome: Outcome, sizes: list[int]) -> None:
    def line(what: str) -> Line:
        figures = {one.contender: one.spread.median for one in outcome.figures if one.what == what}
        return Line(what, [(size, figures[_name(size)]) for size in sizes])

    outcome.plots.append(Plot("Reads as the data grows", "entries stored", "ms", [line(ACCOUNT), line(AT), line(FEED)]))
    outcome.plots.append(Plot("Intake as the data grows", "entries stored", "notices a second", [line(INTAKE)]))


def _judge_growth(outcome: Outcome, sizes: list[int]) -> None:
    small, large = _name(sizes[0]), _name(sizes[-1])
    outcome.goals.append(
        Goal(f"intake at {large} against {small}", "least", 0.9, outcome.compare(large, small, INTAKE))
    )
    for what in (ACCOUNT, AT, FEED):
        outcome.goals.append(
            Goal(f"{what} at {large} against {small}", "most", FLAT, outcome.compare(large, small, what))
        )


def _fill(url: str, entries: int, outcome: Outcome, pairs: int) -> None:
    """Fill it; with `pairs`, audit the journal so often before anything lies beside it: what comes through COPY has no versions."""
    with stage.folder(f"archive_{entries}") as place:
        made = journal.staged(url, entries, place)
        if pairs:
            _audit(made, outcome, pairs)
    filling.beside(url, entries)


def _audit(made: journal.Stage, outcome: Outcome, pairs: int) -> None:
    what = f"a journal of {made.entries:,} entries"
    contenders = [
        Contender(FLOOR, "floor", lambda: {what: (journal.timed(journal.floor, made), "s")}),
        Contender(AUDIT, "ours", lambda: {what: (journal.timed(journal.verify, made), "s")}),
    ]
    outcome.figures += interleave(contenders, pairs)
    text = f"audit verify of {made.entries:,} entries against bare hashing"
    outcome.goals.append(Goal(text, "most", 1.3, outcome.compare(AUDIT, FLOOR, what)))
