"""The headers that every answer carries, and those by which a page of an allowed origin may read it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response

CORS_HEADERS = "Authorization, Content-Type, Idempotency-Key"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def secure(response: Response, request_id: str) -> None:
    """What every answer says."""
    for name, value in HEADERS.items():
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
