"""The door for browsers' reports of the payment page, whose body the gate leaves unread: reports with what no report should hold. Every one must be taken in silence, and dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from service.evidence import asking, belongings, entrances, wire
from service.evidence.canaries import marker
from service.evidence.trying import CARDS, Attempt, Sender, counted
from service.page.policy import REPORTS

GROUP = "Browsers' reports of the payment page"
_OPERATION = entrances.Operation("POST", REPORTS, "", (), keyed=False, media=None, body=None)
#: The fields of both forms of a report (CSP Level 2, section 4.4; Reporting API), the last of each unknown.
OLD = ("document-uri", "referrer", "blocked-uri", "violated-directive", "effective-directive", "original-policy", "source-file", "script-sample", "unknown")  # fmt: skip
NEW = (
    "documentURL",
    "referrer",
    "blockedURL",
    "effectiveDirective",
    "originalPolicy",
    "sourceFile",
    "sample",
    "unknown",
)


def attempts(address: tuple[str, int], traffic: wire.Traffic) -> Iterator[Attempt]:
    """Each field of both forms, and a field's name: card numbers in their spellings, then a marker."""
    sender = Sender(address, traffic)
    for index, (form, name) in enumerate(
        [*(("old form", one) for one in (*OLD, "")), *(("Reporting API", one) for one in (*NEW, ""))]
    ):
        place = f"field {name}" if name else "name of a field"
        entrance, card = f"report, {form} · {place}", CARDS[index % len(CARDS)]
        for spelling, value in asking.forms(entrances.Entrance(_OPERATION, entrances.FIELD, (name,)), card.text):
            yield sender.attempt(GROUP, entrance, (spelling, card, _report(form, name, value)), counted)
        word = belongings.canary(belongings.MARKER, entrance, marker())
        yield sender.attempt(GROUP, entrance, ("marker", word, _report(form, name, word.text)), counted)


def _report(form: str, name: str, value: asking.Value) -> bytes:
    """A report with this value in one field, or as a field's name."""
    changed: dict[str, Any] = {name: value} if name else {str(value): 1}
    if form == "old form":
        body: Any = {"csp-report": {"effective-directive": "script-src", "blocked-uri": "inline", **changed}}
        media = "application/csp-report"
    else:
        told = {"effectiveDirective": "script-src", "blockedURL": "inline", **changed}
        body, media = (
            [{"type": "csp-violation", "url": "https://shop.example/", "body": told}],
            "application/reports+json",
        )
    return wire.request("POST", REPORTS, [("Content-Type", media)], json.dumps(body).encode())
