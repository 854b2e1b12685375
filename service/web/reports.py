"""The door for browsers' reports of what the payment page's policy stopped. Must never keep, log or repeat anything of a report but words of closed lists.

It has no lock, since browsers send reports without credentials: anybody may write here, and all that comes of it is a number that rises.
What protects it: one size, a fixed number of reports looked at, no database, no other call, always the same answer.
"""

from __future__ import annotations

import json
from typing import Any

from flask import request

from service.config import Settings
from service.errors import Code
from service.page.inventory import Deployment
from service.page.policy import REPORTS
from service.page.violations import of_document
from service.telemetry import metrics
from service.web.bodies import read_bytes
from service.web.door import Door
from service.web.locks import NoLock
from service.web.operation import Call, Reply

door = Door("reports", browser=True)
PATH = REPORTS
#: Of the old form (CSP Level 2), and of the Reporting API; some browsers name neither.
TYPES = frozenset({"application/csp-report", "application/reports+json", "application/json"})
MAX_BYTES, MOST_REPORTS = 65_536, 20


@door.operation(
    "POST",
    PATH,
    summary="Count what the payment page's policy stopped; sent by browsers, always answered alike",
    lock=NoLock(),
    answers={204: None},
    problems=(Code.BODY_TOO_LARGE,),
)
def count_reports(call: Call) -> Reply:
    """A report that is none is dropped as silently as one that counts: the sender learns nothing from the answer."""
    request.max_content_length = MAX_BYTES
    raw = read_bytes(request)
    if request.mimetype in TYPES:
        _count(_document(raw), call.tools.settings)
    return Reply(204)


def _document(raw: bytes) -> Any:
    """The parsed body, or None. Numbers stay text: nobody reads them, and a long one takes time to convert."""
    try:
        return json.loads(raw, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None


def _count(document: Any, settings: Settings) -> None:
    deployment = Deployment(settings.environment, settings.hosted_fields_url, settings.public_url or "")
    for violation in of_document(document, deployment, settings.cors_origins, most=MOST_REPORTS):
        metrics.PAGE_REPORTS.labels(directive=violation.directive, blocked=violation.blocked.value).inc()
