"""The table that a run prints: for each row its figures with median and spread, its goals with what came of them, its notes."""

from __future__ import annotations

from collections.abc import Sequence

from bench.outcome import Figure, Goal, Outcome, Spread

VERDICTS = {True: "met", False: "MISSED", None: "not measured"}


def number(value: float) -> str:
    """Three significant digits, thousands apart: 1,234  56.7  0.0123."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def spread(found: Spread) -> str:
    """`median [low..high]`, or the median alone where all are the same."""
    if found.low == found.high:
        return number(found.median)
    return f"{number(found.median)} [{number(found.low)}..{number(found.high)}]"


def promise(goal: Goal) -> str:
    """`<= 1.25 x`."""
    return f"{'<=' if goal.at == 'most' else '>='} {number(goal.bound)} {goal.unit}"


def of_row(title: str, outcome: Outcome) -> str:
    """The lines of one row."""
    lines = [title, "=" * len(title)]
    lines += _columns([_figure(one) for one in outcome.figures])
    if outcome.goals:
        lines += ["", *_columns([_goal(one) for one in outcome.goals])]
    lines += [f"  - {note}" for note in outcome.notes]
    return "\n".join(lines) + "\n"


def _figure(one: Figure) -> tuple[str, ...]:
    return one.what, f"{one.contender} ({one.role})", spread(one.spread), one.unit


def _goal(goal: Goal) -> tuple[str, ...]:
    found = spread(Spread.of(goal.values)) if goal.values else goal.why or "-"
    return goal.text, promise(goal), found, VERDICTS[goal.met]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def as_markdown(rows: Sequence[tuple[str, Outcome]]) -> str:
    """The goals of all rows as a table for the README: `python -m bench --readme` prints it of the newest results."""
    lines = ["| What | Goal | Measured | |", "|---|---|---|---|"]
    for title, outcome in rows:
        for goal in outcome.goals:
            found = spread(Spread.of(goal.values)) if goal.values else "-"
            lines.append(f"| {title}: {goal.text} | {promise(goal)} | {found} | {VERDICTS[goal.met]} |")
    return "\n".join(lines) + "\n"
