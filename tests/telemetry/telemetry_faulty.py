"""A WSGI app that does what ours never should, for the server beneath it: fails, says nothing, or answers what cannot be sent."""

from __future__ import annotations

from service.telemetry import answers
from tests.support.cards import VISA


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/raises":
        raise RuntimeError(VISA)
    if path != "/silent":
        answers.tell(door="operations", method="GET", route="none", status=200)
    start_response("200 OK", [("X-Odd", f"{VISA}\r\n")] if path == "/header" else [("Content-Length", "0")])
    return []
