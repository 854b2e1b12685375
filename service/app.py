"""Builds the Flask app: doors, errors, headers, one log line for each request. Knows everyone."""

from __future__ import annotations

import os
from time import monotonic
from typing import Any

import structlog
from flask import Flask, Response, g, request
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from service import config, crashpoints, wiring
from service.billing.tools import Tools
from service.errors import Code, Refusal
from service.store import database
from service.store.ids import new_id
from service.telemetry import answers, metrics
from service.web import (
    accounts,
    audit,
    cards,
    charges,
    checkout,
    entries,
    gatekeeper,
    grants,
    headers,
    history,
    operations,
    problems,
    reports,
    support,
    webhooks,
)
from service.web.admission import Admission
from service.web.door import Door
from service.web.door import tools as tools_here
from service.web.operation import Operation

DOORS: tuple[Door, ...] = (
    checkout.platform_door,
    checkout.page_door,
    accounts.door,
    cards.door,
    charges.door,
    history.door,
    entries.door,
    audit.door,
    grants.door,
    support.door,
    webhooks.door,
    reports.door,
    operations.door,
)
log = structlog.get_logger()


def ways_in() -> list[tuple[str, str, str]]:
    """One operation of each door, by door, method and path, for whoever tries them all: one that takes a body, else one with a place in its path."""

    def rank(one: Operation) -> tuple[bool, bool]:
        return one.method != "POST" or "{" in one.path, "{" not in one.path

    chosen = [(door, min(door.operations, key=rank)) for door in DOORS]
    return [(door.name, operation.method, operation.path) for door, operation in chosen]


def serving() -> Flask:
    """The app of a worker process, from the environment. Raises SettingsError (which `python -m service serve` has told before)."""
    return create_app(wiring.build(config.load(config.local_environ(os.environ)), "web"))


def create_app(tools: Tools) -> Flask:
    """The app over these tools, behind its gate."""
    app = Flask("panless", static_folder=None)
    app.extensions["panless"] = tools
    app.extensions["panless_admission"] = Admission(tools.settings)
    app.config.update(
        MAX_CONTENT_LENGTH=tools.settings.max_body_bytes,
        MAX_FORM_PARTS=1,
        TRUSTED_HOSTS=list(tools.settings.trusted_hosts),
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.strict_slashes = True
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False  # a redirect would repeat the path in its Location
    for door in DOORS:
        app.register_blueprint(door)
    app.before_request(_begin)
    app.after_request(_finish)
    _handle_errors(app)
    gatekeeper.guard(app, tools.settings)
    return app


def _begin() -> None:
    g.request_id = new_id("req")
    g.started = monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    crashpoints.reach(crashpoints.REQUEST_READ)
    if operations.on_metrics_port(tools_here()) and request.path != "/metrics":
        raise Refusal(Code.NOT_FOUND)


def _finish(response: Response) -> Response:
    door = request.blueprint or "none"
    headers.secure(response, g.request_id, tools_here().settings.environment)
    if any(item.name == door and item.browser for item in DOORS):
        origins = tools_here().settings.cors_origins
        headers.allow_origin(response, request.headers.get("Origin"), request.method, origins)
    method = request.method if request.method in headers.METHODS else "OTHER"
    seconds = monotonic() - g.started
    metrics.REQUEST_SECONDS.labels(door=door).observe(seconds)
    caller = g.get("caller")
    answers.tell(
        door=door,
        method=method,
        route=request.url_rule.rule if request.url_rule else "none",
        status=response.status_code,
        code=g.get("code"),
        key=g.get("refused_key"),
        ms=round(seconds * 1000, 1),
        actor=caller.actor if caller and caller.kind != "nobody" else None,
    )
    return response


def _handle_errors(app: Flask) -> None:
    @app.errorhandler(Refusal)
    def refused(refusal: Refusal) -> Response:
        g.code = refusal.code.value
        return problems.response(refusal, g.request_id)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        code = problems.OF_STATUS.get(error.code or 500, Code.REQUEST_MALFORMED)
        g.code = code.value
        allow = [(name, value) for name, value in error.get_headers() if name == "Allow"]
        return problems.response(Refusal(code), g.request_id, allow)

    @app.errorhandler(PoolTimeout)
    @app.errorhandler(PendingRollbackError)  # the connection went away within a savepoint
    def database_gone(error: Any) -> Response:
        log.error("database.unavailable", error=type(getattr(error, "orig", None) or error).__name__)
        return refused(Refusal(Code.NOT_READY, retry_after=2))

    @app.errorhandler(DBAPIError)
    def database_failed(error: DBAPIError) -> Response:
        return database_gone(error) if database.is_passing(error) else unforeseen(error)

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        log.error("request.failed", exc_info=error)
        return refused(Refusal(Code.INTERNAL_ERROR))
