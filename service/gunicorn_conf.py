"""How gunicorn serves us: two listeners (requests, metrics), our log formatter, constant answers, and nothing written outside one folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from typing import Any

import structlog
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

from service.config import load, local_environ
from service.errors import Code, Refusal
from service.store.ids import new_id
from service.telemetry import logs, metrics
from service.web import problems


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn quotes a request that it refuses, in its answer and in its log; this one says a constant sentence and counts it."""

    def handle_error(self, _request: Any, client: Any, _address: Any, error: BaseException) -> None:
        """Answer a request that never reached the app: one problem, one log line, nothing of what was sent."""
        status = {LimitRequestLine: 414, LimitRequestHeaders: 431}.get(
            type(error), 400 if isinstance(error, ParseException) else 500
        )
        code, request_id = (Code.INTERNAL_ERROR if status == 500 else Code.REQUEST_MALFORMED), new_id("req")
        body = json.dumps({**problems.document(Refusal(code), request_id), "status": status}).encode()
        head = f"HTTP/1.1 {status} Refused\r\nConnection: close\r\nContent-Type: {problems.MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        with contextlib.suppress(OSError):  # the client may be gone
            client.sendall(head.encode() + body)
        metrics.REQUESTS.labels(door="none", method="OTHER", status=str(status)).inc()
        structlog.get_logger().warning(
            "request.answered",
            door="none",
            method="OTHER",
            route="none",
            status=status,
            error=type(error).__name__,
            request_id=request_id,
        )


settings = load(local_environ(os.environ))
bind = [f"{host}:{port}" for host, port in (settings.bind, settings.metrics_bind)]
workers = settings.workers
threads = settings.threads
worker_class = Worker
# Imported once, before the fork: a start costs a third less, and the workers share the memory. Building the tools opens no connection.
preload_app = True
# The chain of deadlines (specs on faults, section 6): BlueSnap's 65 s < worker 75 s < graceful 80 s < proxy 90 s.
timeout = 75
graceful_timeout = 80
keepalive = 15
max_requests = 20_000
max_requests_jitter = 2_000
limit_request_line = 1_024
limit_request_fields = 64
limit_request_field_size = 4_096
forwarded_allow_ips = ""
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - gunicorn's heartbeat files, by its own advice
control_socket_disable = True
accesslog = None
logger_class = "service.telemetry.gunicorn_logger.Logger"


def on_exit(_server: Any) -> None:
    """Leave nothing behind: the folder in which the workers' metrics meet was made for this start alone (cli.py)."""
    shutil.rmtree(os.environ.pop("PROMETHEUS_MULTIPROC_DIR", ""), ignore_errors=True)


def child_exit(_server: Any, worker: Any) -> None:
    """A worker's gauges die with it."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


logs.set_up()
