"""Plots as inline SVG, drawn by ourselves: a page of results needs no network and no script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bench.outcome import Figure, Plot
from bench.table import number, spread

WIDTH, BAR, LEFT, HEIGHT = 760, 22, 250, 300
COLOURS = {"ours": "#0b6e4f", "floor": "#8a8f98", "peer": "#c0622d", "check": "#b9a44c"}
LINES = ("#0b6e4f", "#c0622d", "#3b6fb6", "#8a8f98", "#b9a44c", "#7d3c98", "#111111")


def bars(figures: Sequence[Figure]) -> str:
    """One thing as every contender showed it: a bar to the median, a whisker over the spread."""
    top = max(one.spread.high for one in figures) or 1.0
    wide = WIDTH - LEFT - 190
    parts = []
    for place, one in enumerate(figures):
        found, y = one.spread, place * BAR + 4
        end, low, high = (LEFT + wide * value / top for value in (found.median, found.low, found.high))
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(one.contender)}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{max(1.0, end - LEFT):.1f}" height="{BAR - 6}" fill="{COLOURS[one.role]}"/>'
            f'<path d="M{low:.1f} {y + 8}H{high:.1f}" stroke="#111" stroke-width="1.5"/>'
            f'<text x="{max(end, high) + 8:.1f}" y="{y + 13}">{escape(spread(found))} {escape(one.unit)}</text>'
        )
    return _svg(len(figures) * BAR + 8, parts)


def lines(plot: Plot) -> str:
    """Lines over two logarithmic axes, each with its name at its end."""
    points = [point for line in plot.lines for point in line.points if point[0] > 0 and point[1] > 0]
    if not points:
        return ""
    x_of = _scale([x for x, _ in points], 60, WIDTH - 210)
    y_of = _scale([y for _, y in points], HEIGHT - 36, 14)
    parts = [
        f'<path d="M60 14V{HEIGHT - 36}H{WIDTH - 210}" fill="none" stroke="#888"/>',
        f'<text x="{(WIDTH - 150) / 2}" y="{HEIGHT - 4}" text-anchor="middle">{escape(plot.x)}</text>',
        f'<text x="4" y="11">{escape(plot.y)}</text>',
    ]
    parts += [
        f'<text x="{x_of(x):.1f}" y="{HEIGHT - 20}" text-anchor="middle">{number(x)}</text>'
        for x in sorted({x for x, _ in points})
    ]
    heights = [y for _, y in points]
    parts += [
        f'<text x="56" y="{y_of(y) + 4:.1f}" text-anchor="end">{number(y)}</text>' for y in (min(heights), max(heights))
    ]
    ends: list[float] = []
    for place, line in enumerate(plot.lines):
        shown = [(x_of(x), y_of(y)) for x, y in line.points if x > 0 and y > 0]
        if shown:
            colour = LINES[place % len(LINES)]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
            at = _free(shown[-1][1] + 4, ends)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
                f'<text x="{shown[-1][0] + 8:.1f}" y="{at:.1f}" fill="{colour}">{escape(line.name)}</text>'
            )
    return _svg(max(HEIGHT, int(max(ends, default=0)) + 8), parts)


def _free(y: float, taken: list[float]) -> float:
    """The next place downwards where a name covers none that stands already."""
    while any(abs(y - other) < 13 for other in taken):
        y += 1
    taken.append(y)
    return y


def _scale(values: Sequence[float], start: float, end: float):  # noqa: ANN202
    low, high = math.log(min(values)), math.log(max(values))
    return lambda value: start + (end - start) * ((math.log(value) - low) / (high - low) if high > low else 0.5)


def _svg(height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12">{"".join(parts)}</svg>'
    )
