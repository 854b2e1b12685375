"""Callers who behave badly or go away, as bytes on sockets: hundreds that trickle, some that never read, some that hang up. Knows HTTP and nothing of the service."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import statistics
import struct
import threading
import time
import uuid

from tests.journeys.journeys_stage import PAYER, SESSIONS, account_of

PATIENCE = 90.0


def request(method, path, headers=(), body=b""):
    """A request as bytes."""
    fields = {"Host": "127.0.0.1", **dict(headers)}
    if body:
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def completion(buyer, *, hold_at=None, key=None):
    """The bytes of a page's purchase, and its key."""
    key = key or str(uuid.uuid4())
    headers = {
        "Authorization": f"Bearer {buyer.session['client_secret']}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    if hold_at:
        headers["X-Hold-At"] = hold_at
    body = json.dumps({"payer": {"first_name": buyer.name, **PAYER}}).encode()
    return request("POST", f"{SESSIONS}/{buyer.session['id']}/completion", headers, body)


def reading(stage, name="Nobody"):
    """The bytes of a cheap read."""
    return request("GET", f"/v1/accounts/{account_of(name)}", {"Authorization": f"Bearer {stage.stack.api_key}"})


def dial(stage, **options):
    """A connection to the service."""
    line = socket.socket()
    for option, value in options.items():
        line.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
    line.settimeout(PATIENCE)
    try:
        line.connect(("127.0.0.1", stage.stack.ports.service))
    except OSError:
        line.close()
        raise
    return line


def hear(line):
    """Status and body of one answer; (None, b"") where the connection ended without one."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while b"\r\n\r\n" not in received and (piece := line.recv(65_536)):
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        if not head:
            return None, b""
        length = next(
            (int(field.partition(b":")[2]) for field in head.lower().split(b"\r\n") if field.startswith(b"content-length:")), 0
        )  # fmt: skip
        while len(body) < length and (piece := line.recv(65_536)):
            body += piece
        return int(head.split(b" ", 2)[1]), body
    return None, b""


def ask(stage, raw):
    """Status, body and seconds of one request on a connection of its own."""
    begun = time.monotonic()
    with dial(stage) as line:
        line.sendall(raw)
        return *hear(line), time.monotonic() - begun


def hang_up(line, *, reset=False):
    """Leave without waiting for the answer."""
    if reset:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


class Trickle:
    """Connections that each send a byte now and then, from one thread. `ended` says how long each lived, in seconds, and with which status it ended."""

    def __init__(self, stage, raws, every=1.0):
        self._selector, self._stop = selectors.DefaultSelector(), threading.Event()
        self._every, self.ended, self._open = every, [], {}
        for raw in raws:
            line = dial(stage)
            line.settimeout(0)
            self._open[line] = [time.monotonic(), raw, 0]
            self._selector.register(line, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(PATIENCE)
        for line in list(self._open):
            line.close()
        self._selector.close()

    def all_ended(self, within=PATIENCE):
        """Wait until the other side has closed them all."""
        until = time.monotonic() + within
        while self._open:
            assert time.monotonic() < until, f"{len(self._open)} still open"
            time.sleep(0.05)

    def _run(self):
        due = time.monotonic()
        while self._open and not self._stop.is_set():
            if time.monotonic() >= due:
                due += self._every
                self._say_one_byte()
            for key, _ in self._selector.select(0.05):
                self._heard(key.fileobj)

    def _say_one_byte(self):
        for line, state in list(self._open.items()):
            _, raw, place = state
            with contextlib.suppress(OSError):
                line.send(raw[place : place + 1])
                state[2] = place + 1

    def _heard(self, line):
        try:
            piece = line.recv(65_536)
        except OSError:
            piece = b""
        status = int(piece.split(b" ", 2)[1]) if piece.startswith(b"HTTP/") else None
        self._selector.unregister(line)
        self.ended.append((time.monotonic() - self._open.pop(line)[0], status))
        line.close()


def p99(stage, raw, number):
    """The ninety-ninth of a hundred times of so many honest requests, one after the other, each on a connection of its own; all must be answered 200."""
    taken = []
    for _ in range(number):
        status, _, seconds = ask(stage, raw)
        assert status == 200
        taken.append(seconds)
    return statistics.quantiles(taken, n=100)[98]
