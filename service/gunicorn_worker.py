"""gunicorn's worker, with our words: constant answers and one line for each request that no app of ours has seen. Never quotes what was sent."""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import gunicorn.http.unreader
import gunicorn.http.wsgi
import structlog
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.errors import (
    InvalidChunkExtension,
    InvalidHeader,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.http.parser import RequestParser

from service import crashpoints
from service.errors import Code, Refusal
from service.server.connections import WRITE_SECONDS, Connections
from service.server.peer import Connection, TooSlowError
from service.store.ids import new_id
from service.telemetry import answers
from service.web import admission, problems

STATUS = {TooSlowError: 408, LimitRequestLine: 414, LimitRequestHeaders: 431}
#: What gunicorn says of a header that the app wants to send: a mistake of ours, though it has the class of a client's.
OUR_FAULTS = (InvalidResponseHeader, InvalidResponseHeaderName)
#: What `Server` says instead of which software serves: nobody needs to know, but who looks for its holes.
gunicorn.http.wsgi.SERVER = "panless"
log = structlog.get_logger()


class BrokenOffError(ParseException):  # type: ignore[misc]
    """A request that began and never came to its end."""

    def __init__(self) -> None:
        super().__init__("")


class Unreader(gunicorn.http.unreader.Unreader):  # type: ignore[misc]
    """All that there is of a request; what is not here does not come. No thread ever waits for a client."""

    def chunk(self, _size_hint: int | None = None) -> bytes:
        """The end."""
        return b""


class Chunks(ChunkedReader):  # type: ignore[misc]
    """The chunks of a body may carry extensions, and fields behind the last one (RFC 9112 sections 7.1.1 and 7.1.2). Nobody here reads them, WSGI shows
    them to no guard, and no honest caller sends any: they are refused.
    """

    def parse_chunk_size(self, unreader: Any, data: bytes | None = None) -> Any:
        """The size, and nothing behind it."""
        buffer = bytearray(data or b"")
        while b"\r\n" not in buffer and len(buffer) <= self.limit_chunk_size_line:
            self.read_into(unreader, buffer)
        if b";" in buffer.partition(b"\r\n")[0]:
            raise InvalidChunkExtension("")
        return super().parse_chunk_size(unreader, bytes(buffer))

    def parse_trailers(self, unreader: Any, data: bytes) -> None:
        """The end, and nothing before it."""
        super().parse_trailers(unreader, data)
        if self.req.trailers:
            raise InvalidHeader("")


class Parser(RequestParser):  # type: ignore[misc]
    """gunicorn says nothing of a client that goes away in the middle of a head; what began is a request to us."""

    def __init__(self, cfg: Any, connection: Connection) -> None:
        super().__init__(cfg, (), connection.client)
        self.unreader, self._connection = Unreader(), connection

    def __next__(self) -> Any:
        connection = self._connection
        self.unreader.unread(bytes(connection.frame.data))
        if connection.failure is not None:
            raise connection.failure
        try:
            request = super().__next__()
        except OSError:  # the end of what is there is one to gunicorn
            raise BrokenOffError from None
        request._expected_100_continue = False  # noqa: SLF001 - the loop has told it to go on
        if connection.frame.too_large:
            request.force_close()  # its body was not waited for
        if type(request.body.reader) is ChunkedReader:
            request.body = Body(Chunks(request, self.unreader))
        return request


class Worker(Connections):
    """gunicorn quotes a request that it refuses, in its answer and in its log; this one says a constant sentence and counts it.

    Each request leaves exactly one line: its door's, the gate's, or else the one that is written here.
    """

    says: ClassVar[Mapping[str, str]] = answers.HEADERS

    def handle(self, conn: Any) -> Any:
        """One request of a connection."""
        answers.begin()
        admission.arrived(conn.began, conn.seen)
        if conn.parser is None:  # ours, and with it neither TLS nor HTTP/2, which are the proxy's business
            conn.parser = Parser(self.cfg, conn)
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """The request was read. A client that goes away before the app hears of it makes an OSError, of which gunicorn says nothing."""
        if self.due_since is not None:
            req.force_close()
        conn.sock.settimeout(WRITE_SECONDS)
        try:
            alive = super().handle_request(req, conn)
        except OSError as error:
            if not answers.told():
                _tell(type(error).__name__, 400, new_id("req"))
            if isinstance(error, TimeoutError):  # the client does not take its answer: as good as gone
                raise ConnectionResetError(errno.ECONNRESET, "") from None
            raise
        crashpoints.reach(crashpoints.ANSWER_WRITTEN)
        if not answers.told():  # the app failed twice over: at the request, and at saying so
            _tell("Untold", 500, new_id("req"))
        return alive

    def handle_error(self, _request: Any, client: Any, _address: Any, error: BaseException) -> None:
        """Answer a request that never reached the app: one problem, one log line, nothing of what was sent."""
        ours = not isinstance(error, ParseException) or isinstance(error, OUR_FAULTS)
        request_id = new_id("req")
        status = 500 if ours else STATUS.get(type(error), 400)
        if not answers.told():
            _tell(type(error).__name__, status, request_id)
        elif ours:  # the app has answered, and its answer could not be sent
            log.error("request.failed", exc_info=error, request_id=request_id)
        else:  # what came after an answered request is no request, and nothing to answer: the connection ends
            return
        with contextlib.suppress(OSError):  # the client may be gone
            client.settimeout(WRITE_SECONDS)
            client.sendall(_answer(status, request_id, self.says))


def _answer(status: int, request_id: str, says: Mapping[str, str]) -> bytes:
    code = Code.INTERNAL_ERROR if status == 500 else Code.REQUEST_MALFORMED
    body = json.dumps({**problems.document(Refusal(code), request_id), "status": status})
    fields = {
        **says,
        "Connection": "close",
        "Content-Length": str(len(body)),
        "Content-Type": problems.MEDIA_TYPE,
        "X-Request-Id": request_id,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Refused\r\n{head}\r\n{body}".encode()


def _tell(error: str, status: int, request_id: str) -> None:
    structlog.contextvars.clear_contextvars()  # the thread's last request has left its own
    answers.tell(
        odd=True,
        door="none",
        method="OTHER",
        route="none",
        status=status,
        error=error,
        request_id=request_id,
    )
