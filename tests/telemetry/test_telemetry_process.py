"""A whole process: how it dies, what it warns of and what its code logs, all by the one formatter and its list of fields."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from service.config import ROOT
from service.telemetry.redaction import FIELDS
from tests.support.cards import VISA, traces

DEATHS = f"""
import logging, sys, threading, warnings
from service.telemetry import logs
logs.set_up()
class Odd:
    def __del__(self):
        raise ValueError("{VISA}")
def die():
    raise KeyError("{VISA}")
thread = threading.Thread(target=die, name="{VISA}")
thread.start(); thread.join()
Odd()
warnings.warn("{VISA}")
logging.getLogger("a").error("%d", "{VISA}")
raise RuntimeError("{VISA}")
"""


def test_deaths_and_warnings_of_a_process_say_nothing_of_it():
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", DEATHS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["library"], line.get("error")) for line in told] == [
        ("thread", "KeyError"),
        ("destructor", "ValueError"),
        ("py.warnings", None),
        ("a", None),
        ("process", "RuntimeError"),
    ]
    assert (done.stderr, done.returncode) == ("", 1)
    assert traces(done.stdout, VISA) == []


#: A call that writes a record, and what it hands over.
CALL = r"\b(?:(?:log|get_logger\(\))\.\w+\(\s*\"[a-z_.]+\",?|(?<!def )answers\.tell\()(.*?)\)\n"


#: What the formatter itself says of an exception, and of a library's record.
MADE_HERE = {"frames", "library", "pid"}


def test_listed_fields_are_exactly_those_that_our_log_calls_use():
    """A field that nobody listed would be dropped in silence; one that nobody uses is a hole in the list."""
    used = set()
    for path in Path(ROOT / "service").rglob("*.py"):
        for call in re.findall(CALL, path.read_text(encoding="utf-8"), re.DOTALL):
            used |= set(re.findall(r"\b([a-z_]+)=", call))
    assert used - {"exc_info", "odd"} == set(FIELDS) - MADE_HERE
