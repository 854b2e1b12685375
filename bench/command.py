"""`python -m bench [ROW…]`: measures the rows, prints their tables, and writes results/<date>.json and results/<date>.html."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from dataclasses import dataclass
from datetime import datetime

from bench import page, results, table
from bench.outcome import Outcome
from bench.rounds import Options


@dataclass(frozen=True)
class Row:
    """A row of the table: `module` has `measure(options) -> Outcome`."""

    module: str
    title: str


ROWS = {
    "harness": Row("bench.rows.harness", "1 The harness itself"),
    "intake": Row("bench.rows.intake", "2 Notice intake"),
    "checkout": Row("bench.rows.checkout", "3 Opening a checkout"),
    "flight": Row("bench.rows.flight", "4 In flight and overload"),
    "guard": Row("bench.rows.guard", "5 The guard"),
    "growth": Row("bench.rows.growth", "6 Growth"),
    "start": Row("bench.rows.start", "7 Start"),
}


def main(arguments: list[str]) -> int:
    """Exit status 0 whether or not a goal is met: a benchmark measures, and a busy machine is no mistake of the code's."""
    chosen = _parse(arguments)
    if chosen.readme:
        sys.stdout.write(table.as_markdown(results.outcomes(results.newest())))
        return 0
    options = Options(chosen.pairs, chosen.scale)
    at, about, rows = datetime.now().astimezone(), results.machine(), []
    for name in chosen.rows or ROWS:
        title = ROWS[name].title
        begun = time.perf_counter()
        outcome = measured(name, options)
        seconds = time.perf_counter() - begun
        rows.append(results.of_row(name, title, outcome, seconds))
        sys.stdout.write(f"{table.of_row(title, outcome)}  ({seconds:.0f} s)\n\n")
        sys.stdout.flush()
    found = results.document(at, options, about, rows)
    if not chosen.dry:
        file = results.write(found)
        page.write(found, file.with_suffix(".html"))
        sys.stdout.write(f"Written: bench/results/{file.name} and {file.stem}.html\n")
    return 0


def measured(name: str, options: Options) -> Outcome:
    """One row."""
    outcome: Outcome = importlib.import_module(ROWS[name].module).measure(options)
    return outcome


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}; all of them if none is named")
    parser.add_argument("--pairs", type=int, default=5, help="rounds of each comparison")
    parser.add_argument("--scale", type=float, default=1.0, help="below 1: shorter runs, to try it out")
    parser.add_argument("--dry", action="store_true", help="print the tables and write nothing")
    parser.add_argument("--readme", action="store_true", help="print the newest results as the README's table")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.rows if name not in ROWS]
    if unknown or chosen.pairs < 1 or not 0 < chosen.scale <= 1:
        parser.error(f"rows are {', '.join(ROWS)}; --pairs at least 1; --scale above 0 and at most 1")
    return chosen
