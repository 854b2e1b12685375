"""Asks a part of a stack whether it answers yet. Goes through no proxy."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from dev import processes
from dev.errors import DevError

_START_SECONDS = 60.0


def status(url: str, api_key: str = "") -> int | None:
    """The status that a GET is answered with; None if there is no answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", parts.path or "/", headers={"Authorization": f"Bearer {api_key}"} if api_key else {})
        return connection.getresponse().status
    return None


def await_open(logs: Mapping[str, Path], check: Callable[[], None], *, bare: str) -> None:
    """Wait until every address answers with 200, and `bare` with anything. `logs` are those of the parts behind them; `check` raises when a part has died.

    Raises DevError after a minute.
    """
    deadline = time.monotonic() + _START_SECONDS
    for url, log in logs.items():
        while (answer := status(url)) != http.HTTPStatus.OK and not (answer and url == bare):
            check()
            if time.monotonic() > deadline:
                message = f"{log.stem} did not answer at {url} in {_START_SECONDS:.0f} s; the end of {log}:\n{processes.tail(log)}"
                raise DevError(message)
            time.sleep(0.05)
    check()
