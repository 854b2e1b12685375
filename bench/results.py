"""The results of a run as a JSON document, and as outcomes again. `schema` is 1; README of the fields: `FIELDS`. Holds no name of a host, user or path."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.outcome import Figure, Goal, Line, Outcome, Plot, Spread
from bench.rounds import Options

FOLDER = Path(__file__).resolve().parent / "results"
SCHEMA = 1
#: Every key of the document, and of a row.
FIELDS = ("schema", "at", "pairs", "scale", "machine", "rows")
ROW = ("name", "title", "seconds", "figures", "goals", "plots", "notes")


def machine() -> dict[str, Any]:
    """What the figures are of: never compared with those of another."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def of_row(name: str, title: str, outcome: Outcome, seconds: float) -> dict[str, Any]:
    """One row, with what follows from its values written out for readers of the file."""
    return {
        "name": name,
        "title": title,
        "seconds": round(seconds, 1),
        "figures": [{**asdict(one), **asdict(one.spread)} for one in outcome.figures],
        "goals": [
            {**asdict(one), "met": one.met, **(asdict(Spread.of(one.values)) if one.values else {})}
            for one in outcome.goals
        ],
        "plots": [asdict(one) for one in outcome.plots],
        "notes": outcome.notes,
    }


def document(at: datetime, options: Options, about: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All of a run."""
    return {
        "schema": SCHEMA,
        "at": at.isoformat(timespec="seconds"),
        "pairs": options.pairs,
        "scale": options.scale,
        "machine": about,
        "rows": list(rows),
    }


def write(found: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write `<date>.json`; a later run of the same day takes its place."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{found['at'][:10]}.json"
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return file


def newest(folder: Path = FOLDER) -> dict[str, Any]:
    """The last results that were written. Raises FileNotFoundError."""
    files = sorted(folder.glob("????-??-??.json"))
    if not files:
        raise FileNotFoundError(f"no results in {folder.name}/: run `make bench`")
    found: dict[str, Any] = json.loads(files[-1].read_text(encoding="utf-8"))
    return found


def outcomes(found: dict[str, Any]) -> list[tuple[str, Outcome]]:
    """Title and outcome of every row of such a document."""
    return [(row["title"], _outcome(row)) for row in found["rows"]]


def _outcome(row: dict[str, Any]) -> Outcome:
    figures = [
        Figure(**{name: one[name] for name in ("contender", "role", "what", "unit", "values")})
        for one in row["figures"]
    ]
    goals = [
        Goal(**{name: one[name] for name in ("text", "at", "bound", "values", "unit", "why")}) for one in row["goals"]
    ]
    plots = [
        Plot(
            one["title"],
            one["x"],
            one["y"],
            [Line(line["name"], [(x, y) for x, y in line["points"]]) for line in one["lines"]],
        )
        for one in row["plots"]
    ]
    return Outcome(figures, goals, plots, row["notes"])
