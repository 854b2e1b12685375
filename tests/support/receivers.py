"""The platform's side of events: small servers on loopback, honest and hostile, and the check of a signature as a receiver makes it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import socket
import threading
from dataclasses import dataclass, field


@dataclass
class Connection:
    """One accepted connection, from the receiver's side."""

    sock: socket.socket
    stopped: threading.Event

    def request(self):
        """One whole request as (head, body)."""
        seen = b""
        while b"\r\n\r\n" not in seen:
            seen += self._more()
        head, _, body = seen.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while len(body) < int(lengths[0]):
            body += self._more()
        return head.decode(), body

    def _more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise ConnectionError
        return piece

    def say(self, data):
        self.sock.sendall(data)

    def drip(self, data, every=0.02):
        """Byte by byte, until the client has gone or the test is over."""
        for byte in data:
            if self.stopped.wait(every):
                return
            self.sock.sendall(bytes([byte]))


@dataclass
class Receiver:
    """A listening socket; `handle` deals with each connection. `requests` is all that it was told; `connections` how often it was called."""

    handle: object
    wrap: object = None
    requests: list = field(default_factory=list)
    connections: int = 0

    def __post_init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.stopped = threading.Event()
        self.socks = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.socks.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock):
        with contextlib.suppress(OSError):
            spoken = self.wrap(sock) if self.wrap is not None else sock
            self.socks.append(spoken)
            self.handle(Connection(spoken, self.stopped), self)
            spoken.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.stopped.set()
        for sock in (self.listener, *self.socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self.threads:
            thread.join(5)


def answering(data):
    """Takes one request and answers with these bytes."""

    def handle(connection, receiver):
        receiver.requests.append(connection.request())
        connection.say(data)

    return handle


def status(number, *headers):
    lines = [f"HTTP/1.1 {number} Said", *headers, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def headers_of(head):
    """The request line, and the headers by their lower-case names."""
    first, *lines = head.split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    return first, {name.lower(): value for name, value in pairs}


def is_signed(headers, body, secret):
    """Whether one of the signatures is of this secret, by the receiver's own reckoning (standardwebhooks.com)."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    right = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return f"v1,{right}" in headers["webhook-signature"].split(" ")
