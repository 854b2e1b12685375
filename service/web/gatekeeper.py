"""Puts the gate in front of an app: how a request with card data is counted, logged and answered. Knows of it only where, and by which rule."""

from __future__ import annotations

import structlog
from flask import Flask

from service.cardguard import detect
from service.cardguard.gate import App, Environ, Found, Gate
from service.config import Settings
from service.errors import Code, Refusal
from service.store.ids import new_id
from service.telemetry import answers, metrics
from service.web import headers, problems, reports, webhooks

DOOR = "gate"
#: The operations whose bodies others write, and that keep nothing of them but words of a closed list.
UNREAD = frozenset({("POST", webhooks.PATH), ("POST", reports.PATH)})


def guard(app: Flask, settings: Settings) -> None:
    """Let nothing come to the app but through the gate."""

    def refuse(environ: Environ, found: Found) -> App:
        return _refused(environ, found, settings)

    gate = Gate(app.wsgi_app, detect, refuse, limit=settings.max_body_bytes, unread=UNREAD)
    app.wsgi_app = gate  # type: ignore[method-assign]


def _refused(environ: Environ, found: Found, settings: Settings) -> App:
    """The one answer to card data, wherever it was and whatever else the request was."""
    request_id = new_id("req")
    answer = problems.response(Refusal(Code.CARD_DATA_REFUSED), request_id)
    headers.secure(answer, request_id, settings.environment)
    sent = environ["REQUEST_METHOD"]
    headers.allow_origin(answer, environ.get("HTTP_ORIGIN"), sent, settings.cors_origins)
    method = sent if sent in headers.METHODS else "OTHER"
    metrics.CARD_DATA_REFUSED.labels(place=found.place, rule=found.rule).inc()
    structlog.contextvars.clear_contextvars()  # the thread's last request has left its own
    answers.tell(
        odd=True,
        door=DOOR,
        method=method,
        route="none",
        status=answer.status_code,
        code=Code.CARD_DATA_REFUSED.value,
        place=found.place,
        rule=found.rule,
        request_id=request_id,
        exc_info=found.error,
    )
    return answer
