"""One handler and one formatter for all records, ours and every library's. No message text of a library and no exception text is ever written."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from service.telemetry import metrics
from service.telemetry.logfiles import Files
from service.telemetry.redaction import redact

SERVICE = Path(__file__).resolve().parents[1]
FIXED = '{"event": "record_withheld", "level": "error"}'
#: Constant templates of gunicorn that operators need; their arguments are left out.
KNOWN = {
    "Starting gunicorn %s": "gunicorn.starting",
    "Listening at: %s (%s)": "gunicorn.listening",
    "Booting worker with pid: %s": "gunicorn.worker_booted",
    "Worker exiting (pid: %s)": "gunicorn.worker_exiting",
    "Shutting down: %s": "gunicorn.stopping",
    "Handling signal: %s": "gunicorn.signal",
    "WORKER TIMEOUT (pid:%s)": "gunicorn.worker_timeout",
    "Worker (pid:%s) was sent %s!": "gunicorn.worker_killed",
}
#: urllib3 quotes unparsed header text at WARNING; procrastinate quotes job arguments: errors alone, and those without their text.
QUIET = {"urllib3": logging.CRITICAL, "procrastinate": logging.WARNING, "alembic": logging.WARNING}


def own_frames(trace: TracebackType | None) -> list[str]:
    """Where in our own code an exception passed, as file and line; nothing of its text or of anybody's variables."""
    frames = traceback.extract_tb(trace)
    paths = ((Path(frame.filename), frame.lineno) for frame in frames)
    return [
        f"{path.relative_to(SERVICE.parent).as_posix()}:{line}" for path, line in paths if path.is_relative_to(SERVICE)
    ][-6:]


def _stamp(_logger: Any, level: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record["time"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record["level"] = "error" if level == "exception" else level
    return record


def _explain(record: Mapping[str, Any]) -> Mapping[str, Any]:
    error = record.get("exc_info")
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        return {**record, "error": type(error).__name__, "frames": own_frames(error.__traceback__)}
    return record


def render(record: Mapping[str, Any]) -> str:
    """One JSON line of what may be written, or a fixed sentence and a counter if anything about the record is odd."""
    try:
        return json.dumps(redact(_explain(record)), ensure_ascii=True, allow_nan=False)
    except Exception:  # noqa: BLE001 - a record that breaks the formatter must neither be written nor break the request
        metrics.LOG_RECORDS_WITHHELD.inc()
        return FIXED


class Own(dict[str, Any]):
    """The fields of a record that came through our own processors."""


class Formatter(logging.Formatter):
    """The only formatter. A record of ours carries its fields in `msg`; any other is a library's, a bare dict too."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON line."""
        if isinstance(record.msg, Own):
            return render(record.msg)
        fields: dict[str, Any] = {
            "event": KNOWN.get(record.msg, "library.record") if type(record.msg) is str else "library.record",
            "library": record.name,
            "pid": record.process,
        }
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        return render(_stamp(None, record.levelname.lower(), fields))


class Handler(logging.StreamHandler[Any]):
    """A record that cannot be written (the disk is full, the reader has gone) is lost and counted. The work that it is about goes on.

    The same line goes to the stream and to the files; where one of them takes nothing, the other does.
    """

    def __init__(self, stream: Any, files: Files | None) -> None:
        super().__init__(stream)
        self.files = files

    def format(self, record: logging.LogRecord) -> str:
        """The line, which is kept in a file as well."""
        line = super().format(record)
        if self.files is not None:
            try:
                self.files.write(line + self.terminator)
            except OSError:
                metrics.LOG_FILE_RECORDS_LOST.inc()
        return line

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's own name
        """Called by `emit` for whatever it met."""
        metrics.LOG_RECORDS_LOST.inc()


def set_up(stream: Any = None, *, files: Files | None = None) -> None:
    """Make the one handler. Everything below the root propagates to it; nothing else writes. Warnings and thread deaths come here too."""
    handler = Handler(stream or sys.stdout, files)
    handler.setFormatter(Formatter())
    root = logging.getLogger()
    for old in root.handlers:
        if isinstance(old, Handler) and old.files is not None and old.files is not files:
            old.files.close()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.raiseExceptions = False  # logging's own complaints print the arguments of the record to stderr
    logging.captureWarnings(capture=True)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    sys.excepthook = lambda _kind, error, _trace: _tell_death("process", error)
    threading.excepthook = lambda death: _tell_death("thread", death.exc_value)
    sys.unraisablehook = lambda lost: _tell_death("destructor", lost.exc_value)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _stamp, _as_message],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _tell_death(what: str, error: BaseException | None) -> None:
    """Python's own hooks write the text of the exception to stderr."""
    if not isinstance(error, SystemExit):
        logging.getLogger(what).critical("", exc_info=error)


def _as_message(_logger: Any, _level: str, record: MutableMapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (Own(record),), {}
