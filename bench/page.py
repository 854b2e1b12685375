"""The results as one HTML file: tables, bars and lines. Self-contained: it loads nothing."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from bench import plots, results
from bench.outcome import Figure, Outcome, Spread
from bench.table import VERDICTS, promise, spread

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:.5rem 0}td,th{text-align:left;padding:.15rem .8rem .15rem 0;border-bottom:1px solid #ddd;vertical-align:top}
h2{margin-top:2.5rem}h3{font-size:1rem;margin:1rem 0 .2rem}.MISSED{color:#b3261e;font-weight:600}.met{color:#0b6e4f;font-weight:600}svg{max-width:100%;height:auto}"""


def page(found: dict[str, Any]) -> str:
    """The whole page."""
    about = found["machine"]
    head = (
        f"<p>{escape(found['at'])} · {about['cores']} cores · CPython {escape(about['python'])} · {found['pairs']} rounds of each comparison, "
        "ours, floor and peer in turn. Only ratios of one run mean anything: the bars are medians, the whiskers go from the least to the greatest.</p>"
    )
    trial = (
        ""
        if found["scale"] >= 1
        else "<p><strong>A short run to try it out: its figures are worth nothing.</strong></p>"
    )
    rows = "".join(_row(title, outcome) for title, outcome in results.outcomes(found))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Panless: how fast</title><style>{STYLE}</style></head><body><h1>How fast</h1>{head}{trial}{rows}</body></html>\n"
    )


def write(found: dict[str, Any], file: Path) -> None:
    """Write the page."""
    file.write_text(page(found), encoding="utf-8")


def _row(title: str, outcome: Outcome) -> str:
    goals = "".join(
        f"<tr><td>{escape(goal.text)}</td><td>{escape(promise(goal))}</td>"
        f"<td>{escape(spread(Spread.of(goal.values)) if goal.values else goal.why)}</td>"
        f'<td class="{VERDICTS[goal.met].split()[0]}">{VERDICTS[goal.met]}</td></tr>'
        for goal in outcome.goals
    )
    table = f"<table><tr><th>Goal</th><th></th><th>Measured</th><th></th></tr>{goals}</table>" if goals else ""
    notes = "".join(f"<li>{escape(note)}</li>" for note in outcome.notes)
    drawn = "".join(f"<h3>{escape(one.title)}</h3>{plots.lines(one)}" for one in outcome.plots)
    return f"<h2>{escape(title)}</h2>{table}<ul>{notes}</ul>{drawn}{_bars(outcome)}"


def _bars(outcome: Outcome) -> str:
    groups: dict[str, list[Figure]] = {}
    for one in outcome.figures:
        groups.setdefault(f"{one.what}, {one.unit}", []).append(one)
    return "".join(f"<h3>{escape(what)}</h3>{plots.bars(figures)}" for what, figures in groups.items())
