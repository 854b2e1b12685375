"""What is alike for each request, whoever answers it: a door, the gate, or the server itself: its one line, its one count, its headers. Never says what was sent."""

from __future__ import annotations

import threading
from typing import Any

import structlog

from service.telemetry import metrics

#: What every answer says to a browser: keep it nowhere, run nothing of it, show it in no frame, give it to no other origin.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
log = structlog.get_logger()


class _Here(threading.local):
    told = False


_here = _Here()


def begin() -> None:
    """This thread begins with another request."""
    _here.told = False


def told() -> bool:
    """Whether the request of this thread has its line."""
    return _here.told


def tell(*, door: str, method: str, status: int, odd: bool = False, **fields: Any) -> None:
    """Count an answer and write its line; `odd` at level warning: no door has seen the request."""
    metrics.REQUESTS.labels(door=door, method=method, status=str(status)).inc()
    _here.told = True
    if odd:
        log.warning("request.answered", door=door, method=method, status=status, **fields)
    else:
        log.info("request.answered", door=door, method=method, status=status, **fields)
