"""gunicorn's own records go through our formatter, and its access log, which would write request lines, says nothing."""

from __future__ import annotations

import json
import sys
import threading

import pytest
from gunicorn.config import Config

from service.telemetry.gunicorn_logger import Logger
from tests.support.cards import VISA, traces


@pytest.fixture
def gunicorn(quiet_logs, capsys):
    """Makes gunicorn's logger as it sets itself up; a function then answers what was written."""
    kept = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield lambda: (Logger(Config()), lambda: capsys.readouterr().out)
    sys.excepthook, threading.excepthook, sys.unraisablehook = kept
    quiet_logs()


def test_error_of_gunicorn_is_told_without_its_text(gunicorn):
    logger, written = gunicorn()
    logger.error("Error handling request %s", f"/{VISA}")
    try:
        int(f"card {VISA}")
    except ValueError:
        logger.exception("Exception in worker process %s", VISA)
    text = written()
    told = [json.loads(line) for line in text.splitlines()]
    assert [(line["event"], line["library"], line.get("error")) for line in told] == [
        ("library.record", "gunicorn.error", None),
        ("library.record", "gunicorn.error", "ValueError"),
    ]
    assert traces(text, VISA) == []


def test_access_log_of_gunicorn_says_nothing(gunicorn):
    logger, written = gunicorn()
    logger.access(None, None, {"RAW_URI": f"/{VISA}"}, None)
    logger.access_log.info("GET /%s", VISA)
    assert written() == ""
