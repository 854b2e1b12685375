"""Requests that no application should have to read, as bytes on a connection, each with the status that it is answered with."""

from __future__ import annotations

import re
import socket
import uuid

from journeys_stage import SESSIONS, WEBHOOKS

CANARY = "zqxcanary"


def raw(stage, sent, *, ended=False):
    """Send these bytes on a connection of their own; the status and the whole answer, as text. `ended`: nothing more comes."""
    with socket.create_connection(("127.0.0.1", stage.stack.ports.service), timeout=10) as connection:
        connection.sendall(sent)
        if ended:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer) < _length(answer):
            piece = connection.recv(65_536)
            if not piece:
                break
            answer += piece
    text = answer.decode()
    assert text.startswith("HTTP/1.1 "), text
    return int(text.split()[1]), text


def _length(answer):
    head, _, _ = answer.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head.lower())
    assert found is not None
    return len(head) + 4 + int(found[1])


def a_notice(*headers):
    """The head of a notice without a signature."""
    return ("\r\n".join([f"POST {WEBHOOKS} HTTP/1.1", "Host: 127.0.0.1", *headers]) + "\r\n\r\n").encode()


def an_order(stage, headers):
    """The head of a good order, with other headers for its body."""
    lines = [
        f"POST {SESSIONS} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {stage.stack.api_key}",
        f"Idempotency-Key: {uuid.uuid4()}",
        "Content-Type: application/json",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


LARGE = f'{{"account": "{CANARY}'.encode() + b" " * 20_000
UNREADABLE = {
    "request line of one word": (lambda _: CANARY.encode() + b"\r\n\r\n", 400),
    "request line without a version": (lambda _: f"GET /{CANARY}\r\n\r\n".encode(), 400),
    "version that does not exist": (lambda _: f"GET /{CANARY} HTTP/9.9\r\n\r\n".encode(), 400),
    "method that is no token": (lambda _: f"G@T{CANARY} / HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 400),
    "header without a colon": (lambda _: f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{CANARY}\r\n\r\n".encode(), 400),
    "header with a blank before its colon": (lambda _: f"GET / HTTP/1.1\r\n{CANARY} : x\r\n\r\n".encode(), 400),
    "request line of two thousand bytes": (lambda _: f"GET /{CANARY}{'a' * 2_000} HTTP/1.1\r\n\r\n".encode(), 414),
    "header of five thousand bytes": (
        lambda _: f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: {CANARY}{'a' * 5_000}\r\n\r\n".encode(),
        431,
    ),
    "hundred headers": (
        lambda _: ("GET / HTTP/1.1\r\n" + "".join(f"X-{CANARY}-{n}: x\r\n" for n in range(100)) + "\r\n").encode(),
        431,
    ),
    "two lengths": (
        lambda stage: an_order(stage, ["Content-Length: 5", f"Content-Length: 6{CANARY}"]) + b"{}   ",
        400,
    ),
    "length and chunks": (
        lambda stage: an_order(stage, ["Content-Length: 5", "Transfer-Encoding: chunked"]) + b"0\r\n\r\n",
        400,
    ),
    "body over the limit": (lambda stage: an_order(stage, [f"Content-Length: {len(LARGE)}"]) + LARGE, 413),
    "body far over the limit": (lambda stage: an_order(stage, ["Content-Length: 2000000"]) + LARGE * 100, 413),
    "chunks over the limit": (
        lambda stage: an_order(stage, ["Transfer-Encoding: chunked"]) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(LARGE), LARGE),
        413,
    ),
    "chunk without a size": (
        lambda stage: an_order(stage, ["Transfer-Encoding: chunked"]) + f"{CANARY}\r\n{{}}\r\n0\r\n\r\n".encode(),
        400,
    ),
    "body that stops half-way": (lambda stage: an_order(stage, ["Content-Length: 90"]) + LARGE[:30], 400),
    "chunks that stop half-way": (lambda stage: an_order(stage, ["Transfer-Encoding: chunked"]) + b"5a\r\n{", 400),
    "notice over the limit": (lambda _: a_notice("Content-Length: 80000") + LARGE * 4, 413),
    "notice in chunks without a size": (
        lambda _: a_notice("Transfer-Encoding: chunked") + f"{CANARY}\r\n{{}}\r\n0\r\n\r\n".encode(),
        400,
    ),
}
