"""The door for monitoring and for readers of the API's description. Explicitly without a lock: nothing private is behind it."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError

from service.billing import clocks
from service.billing.tools import Tools
from service.config import ROOT
from service.errors import Code, Refusal
from service.store import database
from service.telemetry import metrics
from service.web.door import Door
from service.web.locks import NoLock
from service.web.operation import Call, Reply

door = Door("operations")
OPENAPI = ROOT / "openapi.yaml"
SECURITY = "/.well-known/security.txt"
#: RFC 9116 section 2.5.5 advises less than a year; a copy that somebody keeps is worth nothing after three months.
SECURITY_STAYS = timedelta(days=90)


@door.operation("GET", "/healthz", summary="Is the process alive?", lock=NoLock(), answers={200: None})
def healthz(call: Call) -> Reply:  # noqa: ARG001
    """Yes; nothing else is asked."""
    return Reply(200)


@door.operation(
    "GET", "/readyz", summary="Can requests be served?", lock=NoLock(), answers={200: None}, problems=(Code.NOT_READY,)
)
def readyz(call: Call) -> Reply:
    """Whether the database answers, has at least our schema, and a clock near ours. BlueSnap is not asked: its trouble is not ours to be restarted for."""
    if not _database_serves(call.tools):
        raise Refusal(Code.NOT_READY, retry_after=1)
    return Reply(200)


@door.operation("GET", "/openapi.yaml", summary="This description", lock=NoLock(), answers={200: None})
def openapi(call: Call) -> Reply:  # noqa: ARG001
    """The description as checked in."""
    return Reply(200, raw=Response(OPENAPI.read_bytes(), content_type="application/yaml"))


@door.operation(
    "GET",
    SECURITY,
    summary="Whom to tell of a hole (RFC 9116)",
    lock=NoLock(),
    answers={200: None},
    problems=(Code.NOT_FOUND,),
)
def security(call: Call) -> Reply:
    """Who answers for this service. It is true for as long as somebody keeps the service running, so its end is always a while ahead."""
    settings = call.tools.settings
    if not settings.security_contact:
        raise Refusal(Code.NOT_FOUND)
    ends = (call.tools.clock() + SECURITY_STAYS).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [f"Contact: {contact}" for contact in settings.security_contact]
    lines += [f"Expires: {ends:%Y-%m-%dT%H:%M:%SZ}", "Preferred-Languages: en"]
    if settings.public_url is not None:
        lines.append(f"Canonical: {settings.public_url}{SECURITY}")
    return Reply(200, raw=Response("".join(f"{line}\n" for line in lines), content_type="text/plain; charset=utf-8"))


@door.operation(
    "GET",
    "/metrics",
    summary="Metrics, on their own port only",
    lock=NoLock(),
    answers={200: None},
    problems=(Code.NOT_FOUND,),
)
def read_metrics(call: Call) -> Reply:
    """In the Prometheus text format, over all workers."""
    if not on_metrics_port(call.tools):
        raise Refusal(Code.NOT_FOUND)
    return Reply(200, raw=Response(metrics.page(), content_type="text/plain; version=0.0.4; charset=utf-8"))


def on_metrics_port(tools: Tools) -> bool:
    """Whether this request came in where metrics are served (the socket's port, which no header can claim)."""
    return request.environ.get("SERVER_PORT") == str(tools.settings.metrics_bind[1])


def _database_serves(tools: Tools) -> bool:
    try:
        with tools.engine.connect() as connection:
            # a newer schema still serves old code: migrations only add what old code can live with, until nobody runs it
            if (database.schema_version(connection) or "") < database.HEAD:
                return False
            if clocks.measured(tools, connection).at_least > clocks.REFUSED:
                return False
        for engine in tools.others.values():
            engine.connect().close()
    except SQLAlchemyError:
        return False
    return True
