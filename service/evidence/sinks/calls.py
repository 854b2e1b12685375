"""Plain HTTP to parts of the private copy. Must never leave this machine, nor go through a proxy."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

_SECONDS = 60.0


def call(url: str, body: Mapping[str, Any] | None = None, *, raw: bytes | None = None) -> tuple[int | None, bytes]:
    """Status and body of the answer to a GET, or to a POST of a JSON body, or of raw bytes. The status is None where there is no answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    content = json.dumps(body).encode() if body is not None else raw
    headers = {} if content is None else {"Content-Type": "application/json"}
    with contextlib.closing(connection):
        try:
            connection.request("GET" if content is None else "POST", target, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None, b""
