"""Asks a part of a stack whether it answers yet. Goes through no proxy."""

from __future__ import annotations

import contextlib
import http.client
from urllib.parse import urlsplit


def status(url: str, api_key: str = "") -> int | None:
    """The status that a GET is answered with; None if there is no answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", parts.path or "/", headers={"Authorization": f"Bearer {api_key}"} if api_key else {})
        return connection.getresponse().status
    return None
