"""docs/operating.md lists exactly the fields that a record may have, and every event that our code writes."""

from __future__ import annotations

import re

from service.config import ROOT
from service.telemetry import logs
from service.telemetry.redaction import FIELDS

TEXT = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
LOGS = TEXT[TEXT.index("\n## Logs\n") : TEXT.index("\n## Metrics\n")]
EVENTS, _, FIELD_ROWS = LOGS.partition("| Field | Is |")


def names(rows):
    """The names in the first column; one that begins with a dot goes on from the one before."""
    found = []
    for cell in re.findall(r"^\| (`[^|]+) \|", rows, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", cell):
            found.append(f"{found[-1].split('.')[0]}{name}" if name.startswith(".") else name)
    return found


def test_documented_fields_are_exactly_those_that_are_written():
    found = names(FIELD_ROWS)
    assert len(found) == len(set(found))
    assert set(found) == set(FIELDS)


def test_documented_events_are_exactly_those_that_our_code_writes():
    written = set(logs.KNOWN.values()) | {"library.record", "record_withheld", "unprintable"}
    for path in (ROOT / "service").rglob("*.py"):
        written |= set(re.findall(r"\blog\.\w+\(\s*\"([a-z_.]+)\"", path.read_text(encoding="utf-8")))
        written |= set(re.findall(r"get_logger\(\)\.\w+\(\s*\"([a-z_.]+)\"", path.read_text(encoding="utf-8")))
    assert set(names(EVENTS)) == written
