"""gunicorn's thread worker with a main loop that never waits for a client and lets no thread do so: a request goes to a thread when all of it is there.

A connection is in one place at a time: with the loop (idle, sending its request, or being closed) or with a thread. What it sends too slowly ends; where
too many are open the others wait in the kernel's queue; a worker that stops takes what waits there and answers it.
"""

from __future__ import annotations

import contextlib
import errno
import resource
import selectors
import socket
import sys
from concurrent.futures import Future
from time import monotonic
from typing import Any, ClassVar

import structlog
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import ThreadWorker

from service.server.draining import let_nobody_in
from service.server.framing import Limits
from service.server.peer import Connection, TooSlowError
from service.server.waiting import Place, Waiting
from service.telemetry import metrics

#: Head and body together, from the first byte on: the largest request takes an honest client on a slow line (100 kbit/s) six seconds.
READ_SECONDS = 10.0
#: For an answer that the client does not take.
WRITE_SECONDS = 10.0
#: Answers that are no larger than this leave the thread whether or not the client takes them; the longest, the API's description, is.
SEND_BUFFER = 256 * 1024
#: A closed connection stays for so long that the client can read the answer before a reset tells it that not all it sent was read (RFC 9112 section 9.6).
LINGER_SECONDS, LINGER_BYTES = 2.0, 1024 * 1024
#: A stopping worker leaves kept connections open for a request that may be on its way.
LAST_WORD_SECONDS = 2.0
#: A worker that is due to be replaced goes on until it is idle, for so long.
DUE_SECONDS = 60.0
#: Without files no connection is taken for a moment; others of the service may take it.
NO_FILES_SECONDS = 0.5
#: It is said again after so long.
QUIET_SECONDS = 30.0
#: Files that a worker needs beside its callers', and for each thread one to PostgreSQL and one to BlueSnap.
OWN_FILES, FILES_OF_A_THREAD = 64, 2
_PIECE = 64 * 1024
_NO_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_BROKEN = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EFAULT})
log = structlog.get_logger()


class Connections(ThreadWorker):  # type: ignore[misc]
    """The loop. Its own thread alone touches what is here; a thread that has a connection touches that connection."""

    max_requests: int
    worker_connections: int
    alive: bool
    _waiting: Waiting  # a process makes its own
    limits: ClassVar[Limits] = Limits(line=1_024, head=32_768, body=65_536)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._most_requests, self.max_requests = self.max_requests, sys.maxsize
        self._without_files_until = 0.0
        self.due_since: float | None = None

    def init_process(self) -> None:
        """Never more callers than there can be files for."""
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = most - OWN_FILES - FILES_OF_A_THREAD * self.cfg.threads
        self.worker_connections = max(min(self.worker_connections, spare), self.cfg.threads)
        super().init_process()

    # the loop

    def run(self) -> None:
        """Until told to stop, or due and idle; then what is under way, within the graceful time."""
        self._waiting = Waiting(self.poller)
        self.poller.register(self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks)
        while self.alive:
            self.set_accept_enabled(enabled=self._takes_more())
            self._turn()
            if not self.is_parent_alive():
                let_nobody_in(self.sockets)
                break
            self._look_whether_due()
        self.alive = False
        self._take_what_waits()
        self._waiting.cap(Place.IDLE, min(LAST_WORD_SECONDS, self.cfg.graceful_timeout / 2))
        until = monotonic() + self.cfg.graceful_timeout
        while self.nr_conns > 0 and monotonic() < until:
            self._turn()
        # pipe and poller stay open: a thread that is still at work would write its last word into whatever has their numbers then
        self.tpool.shutdown(wait=False)

    def _turn(self) -> None:
        self.notify()
        self.wait_for_and_dispatch_events(timeout=self._waiting.soonest(1.0))
        self._expire()

    def _look_whether_due(self) -> None:
        """After so many requests the worker ends: once nobody needs it, so that nobody waits for its successor, or else after a while."""
        now = monotonic()
        if self.due_since is None and self.nr >= self._most_requests:
            log.info("gunicorn.worker_recycled")
            self.due_since = now
        if self.due_since is not None and (self.nr_conns == 0 or now > self.due_since + DUE_SECONDS):
            self.alive = False

    # taking connections

    def _takes_more(self) -> bool:
        if monotonic() < self._without_files_until:
            return False
        longest_idle = self._waiting.first(Place.IDLE)
        if self.nr_conns >= self.worker_connections and longest_idle is not None:
            self._drop(longest_idle)
        return bool(self.nr_conns < self.worker_connections)

    def accept(self, listener: Any) -> bool:
        """One connection. False if none waits, or none can be had."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in _BROKEN:
                raise
            if error.errno in _NO_FILES:
                self._put_off(errno.errorcode[error.errno].lower())
            return False  # anything else is the client's trouble (accept(2))
        with contextlib.suppress(OSError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.nr_conns += 1
        connection = Connection(self.cfg, client, address, listener.getsockname(), limits=self.limits)
        self._waiting.put(connection, Place.IDLE, self.cfg.keepalive, self._readable)
        self._readable(connection)
        return True

    def _put_off(self, cause: str) -> None:
        metrics.CONNECTIONS_PUT_OFF.inc()
        now = monotonic()
        if now > self._without_files_until + QUIET_SECONDS:
            log.error("connections.put_off", cause=cause)
        self._without_files_until = now + NO_FILES_SECONDS
        self.set_accept_enabled(enabled=False)

    def _take_what_waits(self) -> None:
        """A listener that closes resets whoever waits to be taken. In a service that goes on, others take the rest."""
        self.set_accept_enabled(enabled=False)
        for listener in self.sockets:
            while self.accept(listener):
                pass
            listener.close()

    # connections that the loop has

    def _drop(self, connection: Connection) -> None:
        self._waiting.take(connection)
        self.nr_conns -= 1
        connection.close()

    def _readable(self, connection: Connection) -> None:
        """Take what is there, and see what it makes."""
        piece = _there(connection)
        if piece is None:
            return
        if piece:
            connection.take(piece)
            self._consider(connection)
        elif connection.frame:  # it has broken off: a thread says so
            self._hand_over(connection)
        else:
            self._drop(connection)

    def _consider(self, connection: Connection) -> None:
        frame = connection.frame
        if frame.whole:
            self._hand_over(connection)
        elif self._waiting.is_in(connection, Place.IDLE):
            self._waiting.move(connection, Place.SENDING, READ_SECONDS)
        if frame.asks and not frame.whole and not connection.told_to_go_on:
            connection.told_to_go_on = True
            with contextlib.suppress(OSError):  # a client that is gone shows when it is read
                connection.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hand_over(self, connection: Connection) -> None:
        """To a thread, which has all that it will ever get of this request."""
        self._waiting.take(connection)
        if connection.frame.head_too_large:
            connection.failure = LimitRequestHeaders("")
        self.enqueue_req(connection)

    def finish_request(self, connection: Connection, future: Future[bool]) -> None:
        """A thread is done with a connection. What came behind the request is the next one's beginning."""
        if future.cancelled() or future.exception() is not None or not future.result():
            self._close_politely(connection)
            return
        rest, came = connection.parser.unreader.take_buffered(), connection.seen
        connection.expect_another()
        patience = self.cfg.keepalive if self.alive else LAST_WORD_SECONDS
        self._waiting.put(connection, Place.IDLE, patience, self._readable)
        if rest:
            connection.frame.feed(rest)
            connection.began = connection.seen = came  # it has waited behind the one before
            self._consider(connection)

    def _close_politely(self, connection: Connection) -> None:
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        self._waiting.put(connection, Place.CLOSING, LINGER_SECONDS, self._drain)
        self._drain(connection)

    def _drain(self, connection: Connection) -> None:
        piece = _there(connection)
        if piece is None:
            return
        connection.drained += len(piece)
        if not piece or connection.drained > LINGER_BYTES:
            self._drop(connection)

    def _expire(self) -> None:
        for connection in self._waiting.over(Place.CLOSING):
            self._drop(connection)
        for connection in self._waiting.over(Place.SENDING):
            connection.failure = TooSlowError()
            self._hand_over(connection)
        for connection in self._waiting.over(Place.IDLE):
            self._readable(connection)  # the first byte may have come just now
            if self._waiting.is_in(connection, Place.IDLE):
                self._drop(connection)


def _there(connection: Connection) -> bytes | None:
    """What has come: nothing yet (None), or nothing any more (empty)."""
    try:
        return bytes(connection.sock.recv(_PIECE))
    except BlockingIOError:
        return None
    except OSError:
        return b""
