"""How gunicorn serves us: two listeners (requests, metrics), our worker and log formatter, and nothing written outside one folder."""

from __future__ import annotations

import os
from typing import Any

import structlog

from service.config import load, local_environ
from service.errors import SettingsError
from service.gunicorn_worker import Worker
from service.server.draining import Master
from service.server.framing import Limits
from service.telemetry import logfiles, logs, metrics_folder
from service.telemetry.gunicorn_logger import Logger
from service.web import headers, reports

log = structlog.get_logger()
settings = load(local_environ(os.environ))
bind = [f"{host}:{port}" for host, port in (settings.bind, settings.metrics_bind)]
workers = settings.workers
threads = settings.threads
worker_class = Worker
# Imported once, before the fork: a start costs a third less, and the workers share the memory. Building the tools opens no connection.
preload_app = True
timeout = settings.worker_timeout_seconds
graceful_timeout = settings.graceful_seconds
keepalive = 15
worker_connections = settings.connections
# What a refused request held stays in a worker's memory until the memory is used again: no worker lives longer than 1,000 requests (specs on
# security, G8). A new one is a fork, but the old one takes its time to go, so workers that began together must not end together: a wide jitter.
max_requests = 500
max_requests_jitter = 500
limit_request_line = 1_024
limit_request_fields = 64
limit_request_field_size = 4_096
Worker.limits = Limits(
    line=limit_request_line,
    head=32_768,
    body=max(settings.max_body_bytes, settings.max_notice_bytes, reports.MAX_BYTES),
)
Worker.says = headers.fixed(settings.environment)
forwarded_allow_ips = ""
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - gunicorn's heartbeat files, by its own advice
control_socket_disable = True
accesslog = None
logger_class = "service.telemetry.gunicorn_logger.Logger"


def on_starting(server: Any) -> None:
    """The master is ours, too; gunicorn has no setting for its class."""
    server.__class__ = Master


def on_reload(server: Any) -> None:
    """The workers to come are made of the settings as they are now: files of secrets may have been written anew. Wrong ones change nothing."""
    from service import app

    try:
        server.app.callable = app.serving()
    except SettingsError:
        log.error("settings.refused")  # noqa: TRY400 - its text names settings, which no field of the log may hold
    else:
        log.info("settings.taken")


def on_exit(_server: Any) -> None:
    """Leave nothing behind: the folder in which the workers' metrics meet was made for this start alone (cli.py)."""
    metrics_folder.remove()


def child_exit(_server: Any, worker: Any) -> None:
    """A worker's gauges die with it; its counts go on."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
        metrics_folder.fold(worker.pid)


Logger.files = logfiles.files_in(settings.log_folder, "service")
logs.set_up(files=Logger.files)
