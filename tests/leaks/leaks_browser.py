"""Sends a case as a browser would on behalf of the signup page (E76, E77): reports of broken policies, and errors of scripts."""

from __future__ import annotations

import json

from leaks_outcomes import says_nothing_of
from leaks_payloads import name
from leaks_registry import sender

from service.evidence.wire import request
from service.page.policy import REPORTS

ERRORS = "/v1/client-errors"


def said_by_the_browser(stage, path, media, document):
    """A report goes out without credentials."""
    headers = [
        ("User-Agent", f"leaks/{stage.marker}"),
        ("Origin", stage.stand.shop.rstrip("/")),
        ("Content-Type", media),
    ]
    return request("POST", path, headers, json.dumps(document))


@sender("E76", still=True)
def policy_report(case, stage):
    """Counted and dropped, and answered as every report is. With the address that was blocked and a sample of the script, each holding the code under its name."""
    report = {
        "document-uri": f"{stage.stand.shop}/checkout?plan=team",
        "violated-directive": "script-src-elem",
        "effective-directive": "script-src-elem",
        "blocked-uri": f"https://evil.example/x.js?{stage.labelled(case)}&who={stage.marker}",
        "script-sample": f'{name(case)} = "{stage.payload(case)}"; // {stage.marker}',
    }
    seen = stage.send(said_by_the_browser(stage, REPORTS, "application/csp-report", {"csp-report": report}))

    def judge():
        assert (seen.answer.status, seen.answer.body) == (204, b"")
        says_nothing_of(case, stage, seen.answer)

    seen.judge = judge
    return seen


@sender("E77", still=True)
def script_error(case, stage):
    """There is no such endpoint here, and there shall be none."""
    error = {
        "message": f"TypeError: {stage.labelled(case)} is not a function",
        "stack": f"at {stage.marker} (pay.js:1)",
    }
    return stage.send(said_by_the_browser(stage, ERRORS, "application/json", error))
