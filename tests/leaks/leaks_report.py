"""What a run says at its end, to people and as JSON: cases, sinks, hits, self-test, duration, and what it does not cover and why. Never says what was sent."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from service.config import ROOT
from service.evidence.sinks import missing
from tests.support.disguises import cases

FILE = Path(ROOT) / "var" / "leaks" / "report.json"


def told(run):
    """Everything worth keeping of a run."""
    green = {case.id for case in run.cases if run.results[case.id].green}
    return {
        "cases": {
            "in the matrix": len(cases()),
            "sent": len(run.cases),
            "green": len(green),
            "by outcome": dict(Counter(case.expect for case in run.cases)),
            "red": {
                case.id: [f"{type(error).__name__}: {error}".splitlines()[0] for error in run.results[case.id].errors]
                for case in run.cases
                if case.id not in green
            },
        },
        "sinks": {
            sink.id: {"name": sink.name, "hits": len(run.hits[sink.id]), "unread": run.unread.get(sink.id)}
            for sink in run.sinks
        },
        "hits": [asdict(hit) for hit in run.all_hits()],
        "self-test": {"passed": not run.untested, "not found": run.untested},
        "memory before the workers were replaced": run.memory,
        "residual": sorted({(hit.case, hit.form, hit.place) for hit in run.residual}),
        "not covered": missing(run.sinks),
        "otherwise than specified": {case.id: f"{case.expect} and not {case.spec}" for case in run.cases if case.spec},
        "seconds": {name: round(seconds, 1) for name, seconds in run.seconds.items()},
        "slowest": {case.id: round(run.results[case.id].seconds, 1) for case in slowest(run)},
    }


def slowest(run):
    return sorted(run.cases, key=lambda case: -run.results[case.id].seconds)[:10]


def write(run):
    """The report as a file; answers its bytes."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(told(run), indent=2, ensure_ascii=True) + "\n", encoding="utf-8")
    return FILE.read_bytes()


def lines(report):
    """The report for a terminal."""
    sent, sinks, seconds = report["cases"], report["sinks"], report["seconds"]
    yield f"cases: {sent['sent']} of {sent['in the matrix']} sent, {sent['green']} green"
    yield "  " + ", ".join(f"{count} {word}" for word, count in sorted(sent["by outcome"].items()))
    for case, errors in sent["red"].items():
        yield f"  red: {case}: {'; '.join(errors) or 'found where it must not be'}"
    yield f"sinks: {len(sinks)} searched ({' '.join(sinks)}), {len(report['hits'])} hits"
    for number, sink in sinks.items():
        if sink["hits"] or sink["unread"]:
            yield f"  {number}: {sink['unread'] or str(sink['hits']) + ' hits'}"
    for hit in report["hits"][:20]:
        where = f"{hit['place']}:{hit['line']}" if hit["line"] else f"{hit['place']}+{hit['offset']}"
        yield f"  hit: {hit['case']} in {hit['sink']}, {where}, as {hit['form']}: {hit['context']}"
    tested = report["self-test"]
    yield "self-test: " + ("everything planted was found" if tested["passed"] else f"FAILED: {tested['not found']}")
    yield f"memory: {report['memory before the workers were replaced']} finds before the workers were replaced"
    for case, form, place in report["residual"]:
        yield f"residual, and listed openly: {case} as {form} in {place}"
    for number, reason in report["not covered"].items():
        yield f"not covered: {number}: {reason}"
    changed = report["otherwise than specified"]
    yield f"judged otherwise than the specification says: {len(changed)} cases (column `spec`)"
    yield "seconds: " + ", ".join(f"{name} {took}" for name, took in seconds.items())
