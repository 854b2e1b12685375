"""The headers that every answer carries, and those by which a page of an allowed origin may read it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response

from service.config import Environment
from service.telemetry.answers import HEADERS

CORS_HEADERS = "Authorization, Content-Type, Idempotency-Key"
#: A year. RFC 6797 section 7.2: never over plain HTTP, which is what is spoken on a developer's machine.
TLS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def fixed(environment: Environment) -> dict[str, str]:
    """What every answer says, whatever it answers."""
    return dict(HEADERS) if environment is Environment.SIMULATOR else HEADERS | TLS


def secure(response: Response, request_id: str, environment: Environment) -> None:
    """What every answer says, on an answer."""
    for name, value in fixed(environment).items():
        response.headers[name] = value
    response.headers["X-Request-Id"] = request_id


def allow_origin(response: Response, origin: str | None, method: str, allowed: Sequence[str]) -> None:
    """CORS for exact origins, without credentials, never `null` (Fetch standard)."""
    response.headers.add("Vary", "Origin")
    if origin is None or origin not in allowed:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After, X-Request-Id"
    if method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
