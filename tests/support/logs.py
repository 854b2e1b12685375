"""The service's own log set-up inside a test process, without taking pytest's watch over dying threads and destructors away."""

from __future__ import annotations

import logging
import sys
import threading

import structlog

from service.telemetry import logs


def write_logs_to(stream, **options):
    """From now on every record goes through our formatter into this stream."""
    structlog.contextvars.clear_contextvars()  # the last request of another test may have left its id
    kept = sys.excepthook, threading.excepthook, sys.unraisablehook
    logs.set_up(stream, **options)
    sys.excepthook, threading.excepthook, sys.unraisablehook = kept
    logging.captureWarnings(capture=False)
