"""The platform's end of our events: takes every one, and keeps it as it came. Must never listen anywhere but on this machine."""

from __future__ import annotations

import base64
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Receiver(ThreadingHTTPServer):
    """A server on a free port of loopback. `requests` are the bytes of head and body of each; `secret` is what signs them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[bytes] = []
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="events", daemon=True)

    @property
    def url(self) -> str:
        """Where events are to be sent."""
        return f"http://127.0.0.1:{self.server_port}/events"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Keep it, and say that it was taken."""
        head = f"{self.requestline}\n{self.headers.as_string()}".encode("utf-8", "surrogateescape")
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.requests.append(head + body)
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: it would be the request line, on our own standard error."""
