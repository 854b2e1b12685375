"""gunicorn's records through our one formatter; its own access log is off, because it would write request lines."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from service.telemetry import logs
from service.telemetry.logfiles import Files


class Logger(GunicornLogger):  # type: ignore[misc]
    """Hands everything to the root handler."""

    #: Where lines are kept as well; gunicorn_conf.py says.
    files: Files | None = None

    def setup(self, _cfg: Any) -> None:
        """Drop gunicorn's handlers and formats."""
        logs.set_up(files=self.files)
        self.error_log.handlers[:] = []
        self.error_log.propagate = True
        self.error_log.setLevel(logging.INFO)
        self.access_log.handlers[:] = []
        self.access_log.propagate = False

    def access(self, *_: Any) -> None:
        """Our own line for each request is written by the app."""
