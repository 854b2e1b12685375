"""Serves the metrics of a process that serves nothing else, such as the worker: constant answers, one line for each request, nothing of what was sent."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

import structlog

from service.telemetry import answers, metrics

PATH = "/metrics"
#: A reader that says nothing for so long is not waited for.
SECONDS = 10.0
log = structlog.get_logger()


class _Handler(BaseHTTPRequestHandler):
    """Python's own handler quotes the request in its errors and its log."""

    timeout = SECONDS
    command = ""
    server: _Server

    def handle_one_request(self) -> None:
        """One, which leaves its line even where it breaks off, or the answer cannot be made."""
        self.raw_requestline = b""
        try:
            super().handle_one_request()
        finally:
            if self.raw_requestline and not answers.told():
                broken_off = isinstance(sys.exception(), OSError | None)
                self._tell(HTTPStatus.BAD_REQUEST if broken_off else HTTPStatus.INTERNAL_SERVER_ERROR)

    def do_GET(self) -> None:
        """The metrics, at their own path only."""
        if self.path == PATH:
            self._answer(HTTPStatus.OK, metrics.page(), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def send_error(self, code: int, *_: Any) -> None:
        """A status, and no word more."""
        self._answer(HTTPStatus(code), b"", "text/plain")

    def log_message(self, *_: Any) -> None:
        """Nothing: it would be the request line."""

    def _tell(self, status: HTTPStatus) -> str:
        request_id, found = self.server.make_id(), status == HTTPStatus.OK
        answers.tell(
            door="operations",
            method="GET" if self.command == "GET" else "OTHER",
            status=status.value,
            odd=not found,
            route=PATH if found else "none",
            request_id=request_id,
        )
        return request_id

    def _answer(self, status: HTTPStatus, body: bytes, media_type: str) -> None:
        fields = {
            **answers.HEADERS,
            "Connection": "close",
            "Content-Length": str(len(body)),
            "Content-Type": media_type,
            "X-Request-Id": self._tell(status),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.close_connection = True
        self.wfile.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode() + body)


class _Server(ThreadingMixIn, TCPServer):
    """Not http.server's own, which asks the network for the name of this host."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, bind: tuple[str, int], make_id: Callable[[], str]) -> None:
        self.make_id = make_id
        self.address_family = socket.AF_INET6 if ":" in bind[0] else socket.AF_INET
        super().__init__(bind, _Handler)

    def handle_error(self, _request: Any, _address: Any) -> None:
        """Python's own writes the traceback to standard error. A reader that went away is nothing to speak of."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("request.failed", exc_info=error)


def serve(bind: tuple[str, int], make_id: Callable[[], str]) -> tuple[str, int]:
    """Serve them beside this process's work; `make_id` makes a request's id. Answers where, which matters for port 0. Raises OSError where the address is taken."""
    server = _Server(bind, make_id)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return str(server.server_address[0]), int(server.server_address[1])
