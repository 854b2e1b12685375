"""Writes what a run found: a report for people, the same for machines, the picture, and the digests of all of it. Adds nothing to what was found, and holds no canary."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from service.config import Settings
from service.evidence import belongings, policy, provenance, requirements, selftest, summary, templates
from service.evidence.columns import EXCEPTIONS, Inspection
from service.evidence.searching import Searched
from service.evidence.verdict import Found, Verdict, line_of

REPORT, DATA, PICTURE, SUMS = "report.html", "evidence.json", "flow.svg", "SHA256SUMS"
#: So many failures of one check are shown in the report; the data hold all of them.
SHOWN = 40


@dataclass(frozen=True)
class Facts:
    """All that goes into a report. `seconds` is how long the run took, `database` the version of the copy's server, `canaries` how many of each kind there were."""

    began: datetime
    seconds: float
    found: Found
    verdict: Verdict
    picture: str
    settings: Settings
    database: str
    canaries: Mapping[str, int]


@dataclass(frozen=True)
class Written:
    """Where the report is, and what it says in short."""

    folder: Path
    verdict: Verdict
    digest: str

    @property
    def clean(self) -> bool:
        """Whether every check passed."""
        return self.verdict.clean

    def data(self) -> dict[str, Any]:
        """For machines."""
        checks = [
            {"name": one.name, "passed": one.passed, "failures": list(one.failures)} for one in self.verdict.checks
        ]
        told = {"clean": self.clean, "verdict": self.verdict.words, "limited_to": self.verdict.limit or None}
        return {**told, "checks": checks, "folder": str(self.folder), "evidence_sha256": self.digest}

    def text(self) -> str:
        """For people."""
        lines = [f"{self.verdict.words}."]
        for check in self.verdict.checks:
            lines += [f"{'passed' if check.passed else 'FAILED'}  {check.name}", *_some(check.failures)]
        return "\n".join([*lines, f"{self.folder / REPORT}", f"SHA-256 of {DATA}: {self.digest}"])


def _some(failures: Iterable[str]) -> list[str]:
    lines = [f"        {one}" for one in failures]
    return lines[:SHOWN] + ([f"        and {len(lines) - SHOWN} more, see {DATA}"] if len(lines) > SHOWN else [])


def write(folder: Path, facts: Facts) -> Written:
    """All files of the evidence, into an empty folder."""
    data = describe(facts)
    picture = Markup(facts.picture)  # noqa: S704 - whatever stands in it was escaped when it was drawn
    more = {**summary.of(data["tried"]["groups"]), "picture": picture, "shown": SHOWN}
    files = {PICTURE: facts.picture, REPORT: templates.render("report.html.j2", {**data, **more})}
    data["digests"] |= {name: sha256(text.encode()) for name, text in files.items()}
    files[DATA] = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    files[SUMS] = "".join(f"{sha256(text.encode())}  {name}\n" for name, text in files.items())
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return Written(folder, facts.verdict, sha256(files[DATA].encode()))


def sha256(data: bytes) -> str:
    """In lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def describe(facts: Facts) -> dict[str, Any]:
    """Everything as plain data: what the report shows, and what the file for machines holds."""
    found, verdict = facts.found, facts.verdict
    settings = provenance.configuration(facts.settings)
    return {
        "format": 1,
        "began": facts.began.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": round(facts.seconds, 1),
        "clean": verdict.clean,
        "verdict": verdict.words,
        "limited_to": verdict.limit or None,
        "checks": [{"name": one.name, "passed": one.passed, "failures": list(one.failures)} for one in verdict.checks],
        "tried": {
            "attempts": found.tried.count,
            "entrances": found.tried.places,
            "groups": [_group(name, places) for name, places in found.tried.entrances.items()],
        },
        "kinds": [_kind(kind, facts.canaries) for kind in belongings.KINDS],
        "sinks": [_sink(one) for one in found.searched],
        "absent": dict(found.absent),
        "columns": _columns(found.columns) if found.columns else None,
        "exceptions": dict(EXCEPTIONS),
        "unrecognised": dict(selftest.UNRECOGNISED),
        "requirements": [asdict(one) for one in requirements.REQUIREMENTS],
        "caveat": requirements.CAVEAT,
        "policy": [{name: policy.plain(text) for name, text in asdict(one).items()} for one in policy.read()],
        "not_shown": list(requirements.NOT_SHOWN),
        "versions": {**provenance.versions(), "PostgreSQL": facts.database},
        "settings": settings,
        "digests": provenance.digests(settings),
    }


def _group(name: str, places: Mapping[str, list[str]]) -> dict[str, Any]:
    """A way in: its places, each with the spellings that were sent there."""
    shown = {place.removeprefix(f"{name} · "): forms for place, forms in places.items()}
    return {"name": name, "attempts": sum(map(len, places.values())), "places": shown}


def _kind(kind: belongings.Kind, canaries: Mapping[str, int]) -> dict[str, Any]:
    return {"name": kind.name, "what": kind.what, "belongs": kind.words, "canaries": canaries.get(kind.name, 0)}


def _sink(one: Searched) -> dict[str, Any]:
    leaks = [{**asdict(hit), "told": line_of(hit)} for hit in (*one.leaks, *one.named)]
    figures = {"pieces": one.pieces, "bytes": one.size, "seconds": round(one.seconds, 1), "belonging": one.belonging}
    return {"id": one.id, "name": one.name, **figures, "leaks": leaks, "error": one.error or None}


def _columns(columns: Inspection) -> dict[str, Any]:
    guards = Counter(one.guard for one in columns.columns)
    return {
        "columns": len(columns.columns),
        "plain": guards["plain"],
        "guarded": len(columns.columns) - guards["plain"] - guards[""],
        "tries": columns.tried,
        "unguarded": list(columns.unguarded),
        "accepted": list(columns.accepted),
        "wide": list(columns.wide),
    }
