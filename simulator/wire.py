"""The HTTP server under every face: werkzeug's, with connections that are kept alive and can be hung up. It must never write what a request holds to the console, nor bind outside loopback."""

from __future__ import annotations

import contextlib
import errno
import io
import socket
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from simulator.settings import is_loopback

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# What an application left unread of a request is swallowed up to here, so that the connection can go on.
_SWALLOWED = 1_000_000


class CannotListen(OSError):
    """The port cannot be had; the text is one plain line."""


class Face:
    """One listener. The port is open from the start, so that an app may be built from the address it will have."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self._host = host
        self._listener = _listener(host, port)
        self._server: BaseWSGIServer | None = None
        self.port: int = self._listener.getsockname()[1]

    @property
    def origin(self) -> str:
        """`http://localhost:8091`."""
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self.port}"

    def serve(self, app: WSGIApplication) -> None:
        """Begin to answer, on a thread of its own."""
        # werkzeug duplicates the descriptor; without one it would end the process by itself on a taken port.
        fd = self._listener.fileno()
        self._server = make_server(_address(self._host), self.port, app, threaded=True, request_handler=_Handler, fd=fd)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name=self.name, daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.shutdown()
        self._listener.close()


def _address(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def _listener(host: str, port: int) -> socket.socket:
    if not is_loopback(host):
        raise CannotListen(f"{host} is not a loopback address")
    address = _address(host)
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        why = "is taken by another program" if error.errno == errno.EADDRINUSE else "cannot be opened"
        raise CannotListen(f"port {port} on {host} {why}") from error
    return listener


def hang_up(environ: WSGIEnvironment) -> Response:
    """An answer that never comes: the connection ends without a byte of it."""

    def nothing() -> Iterator[bytes]:
        connection: Any = environ.get("werkzeug.socket")
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError("hung up as ordered")
        yield b""

    return Response(nothing(), 200)


class _Body(io.RawIOBase):
    """A request's body of known length: nothing beyond it can be read."""

    def __init__(self, stream: Any, length: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = self._stream.read(min(len(buffer), self._left)) if self._left else b""
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


class _Handler(WSGIRequestHandler):
    """werkzeug's own handler closes every connection; this one keeps it, because real clients pool them."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 75  # an idle or stuck connection ends; longer than the slowest answer a client should wait for

    def run_wsgi(self) -> None:
        """Answer one request; the loop around it is http.server's."""
        self.environ = environ = self.make_environ()
        if not environ.get("wsgi.input_terminated"):
            length = environ.get("CONTENT_LENGTH") or "0"
            environ["wsgi.input"] = _Body(self.rfile, int(length) if length.isdecimal() else 0)
        try:
            self._answer(environ)
            self._swallow(environ["wsgi.input"])
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:  # noqa: BLE001  # a bug ends this connection and is shown; the other ones go on
            self.close_connection = True
            traceback.print_exc(file=sys.stderr)

    def _answer(self, environ: WSGIEnvironment) -> None:
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            del exc_info
            head[:] = [status, headers]

        start: StartResponse = start_response
        chunks: Iterable[bytes] = self.server.app(environ, start)
        try:
            framed = None
            for data in chunks:
                framed = self._send_head(*head) if framed is None else framed
                if data:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if framed else data)
            framed = self._send_head(*head) if framed is None else framed
            if framed:
                self.wfile.write(b"0\r\n\r\n")
        finally:
            if hasattr(chunks, "close"):
                chunks.close()

    def _send_head(self, status: str, headers: list[tuple[str, str]]) -> bool:
        """Send status and headers; True when the body must be sent in chunks because its length is unknown."""
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        names = set()
        for name, value in headers:
            self.send_header(name, value)
            names.add(name.lower())
        unknown_length = not ("content-length" in names or self.command == "HEAD" or code in {"204", "304"})
        framed = unknown_length and self.request_version == "HTTP/1.1"
        if framed:
            self.send_header("Transfer-Encoding", "chunked")
        elif unknown_length:
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        return framed

    def _swallow(self, stream: Any) -> None:
        left = _SWALLOWED
        while data := stream.read(min(left, 65_536)):
            left -= len(data)
            if left <= 0:
                self.close_connection = True
                return

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a payment-fields token stands in some paths."""

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Say nothing: what cannot be parsed may hold anything."""
