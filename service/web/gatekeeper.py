"""Puts the gate in front of an app: how a request with card data is counted, logged and answered. Knows of it only where, and by which rule."""

from __future__ import annotations

import structlog
from flask import Flask

from service.cardguard import detect
from service.cardguard.gate import App, Environ, Found, Gate
from service.config import Settings
from service.errors import Code, Refusal
from service.store.ids import new_id
from service.telemetry import metrics
from service.web import headers, problems, webhooks

DOOR = "gate"
log = structlog.get_logger()


def guard(app: Flask, settings: Settings) -> None:
    """Let nothing come to the app but through the gate."""

    def refuse(environ: Environ, found: Found) -> App:
        return _refused(environ, found, settings)

    unread = ("POST", webhooks.PATH)
    gate = Gate(app.wsgi_app, detect, refuse, limit=settings.max_body_bytes, unread=unread)
    app.wsgi_app = gate  # type: ignore[method-assign]


def _refused(environ: Environ, found: Found, settings: Settings) -> App:
    """The one answer to card data, wherever it was and whatever else the request was."""
    request_id = new_id("req")
    answer = problems.response(Refusal(Code.CARD_DATA_REFUSED), request_id)
    headers.secure(answer, request_id)
    sent = environ["REQUEST_METHOD"]
    headers.allow_origin(answer, environ.get("HTTP_ORIGIN"), sent, settings.cors_origins)
    method = sent if sent in headers.METHODS else "OTHER"
    metrics.CARD_DATA_REFUSED.labels(place=found.place, rule=found.rule).inc()
    metrics.REQUESTS.labels(door=DOOR, method=method, status=str(answer.status_code)).inc()
    structlog.contextvars.clear_contextvars()  # the thread's last request has left its own
    log.warning(
        "request.answered",
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
