"""Small hostile peers on loopback sockets, and the calls that meet them. Must never reach beyond loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from service.bluesnap.client import BlueSnapClient, Timeouts
from service.bluesnap.payloads import Payer, Refund, Shopper, Subscription
from service.errors import Unknown

#: For everything that is not about deadlines: none of these ends a test on a busy machine.
PATIENT = Timeouts(connect=5, read=30, total=20, charging_connect=5, charging_read=30, charging_total=30)
# A silence may last longer than the whole call, so that it is always the deadline that ends it, on a slow machine too.
SHORT = Timeouts(connect=0.4, read=30, total=0.5, charging_connect=0.4, charging_read=30, charging_total=5)


@dataclass
class Peer:
    """One accepted connection, from the server's side."""

    sock: socket.socket
    stopped: threading.Event
    number: int

    def request(self) -> bytes:
        """One whole request, or b"" when the client has closed."""
        seen = b""
        while b"\r\n\r\n" not in seen:
            piece = self.sock.recv(65536)
            if not piece:
                return b""
            seen += piece
        head, _, body = seen.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += self.sock.recv(65536)
        return head + b"\r\n\r\n" + body

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, *, every: float) -> None:
        """Byte by byte, until the test is over."""
        for byte in data:
            if self.stopped.wait(every):
                return
            self.sock.sendall(bytes([byte]))

    def reset(self) -> None:
        """End with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.sock.close()


@dataclass
class Server:
    """A listening socket with one thread per connection; `requests` is all that it was asked, in order."""

    handler: Callable[[Peer, Server], None]
    wrap: Callable[[socket.socket], socket.socket] | None = None
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    open_socks: list[socket.socket] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"{'https' if self.wrap else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._spawn(self._accept)

    def stop(self) -> None:
        self.stopped.set()
        for sock in (self.listener, *self.open_socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self.threads:
            thread.join(5)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open_socks.append(sock)
            self._spawn(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            if self.wrap is not None:
                sock = self.wrap(sock)
                self.open_socks.append(sock)
            self.handler(Peer(sock, self.stopped, number), self)
        except (OSError, ValueError):
            pass  # the client hung up first, as most of these tests want
        finally:
            sock.close()


PLAN = b'{"planId":2340001,"status":"ACTIVE"}'
TOKEN = b"HTTP/1.1 201 Created\r\nLocation: https://x.test/services/2/payment-fields-tokens/abc_\r\nContent-Length: 0\r\n\r\n"


def answer(body: bytes = PLAN, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer, as bytes on the wire."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def subscribe(client: BlueSnapClient, **changes: object) -> Subscription:
    given = {"plan_id": "1", "shopper_id": "2", "amount": Decimal("29.00"), "idempotency_key": "k-1", **changes}
    return client.create_subscription(**given)


def shop(client: BlueSnapClient, **changes: object) -> Shopper:
    given = {
        "payment_fields_token": "abc_",
        "merchant_shopper_id": "attempt-1",
        "payer": Payer("Mira", "Okafor", "us"),
        "three_d_secure_reference": None,
        "fraud_session_id": None,
        "idempotency_key": "k-1",
    }
    return client.create_shopper(**{**given, **changes})


def give_back(client: BlueSnapClient, **changes: object) -> Refund:
    given = {
        "amount": Decimal("10.00"),
        "reason_word": "requested_by_customer",
        "cancel_subscriptions": False,
        "refund_reference": "ref_1",
        "idempotency_key": "k-1",
    }
    return client.refund(str(changes.pop("transaction_id", "5")), **{**given, **changes})


def cause_of(call: Callable[..., object], *args: object) -> str:
    """The cause for which this call ends as unknown."""
    with pytest.raises(Unknown) as caught:
        call(*args)
    return caught.value.cause
