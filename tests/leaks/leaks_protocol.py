"""Sends a case where HTTP itself is spoken wrongly (E62 to E74): most of these never reach the application."""

from __future__ import annotations

import contextlib
import ssl

from leaks_registry import sender
from leaks_stage import SESSIONS

from service.evidence.wire import request

#: Just over gunicorn's limits (service/gunicorn_conf.py).
LINE, FIELD = 1_024, 4_096


@sender("E62", still=True)
def method_of_digits(case, stage):
    return stage.send(request(stage.payload(case), f"/v1/accounts/{stage.account}", stage.headers()))


@sender("E63", still=True)
def illegal_method(case, stage):
    return stage.send(request(f"GET({stage.payload(case)})", f"/v1/accounts/{stage.account}", stage.headers()))


@sender("E65", still=True)
def line_of_digits(case, stage):
    return stage.send(f"{stage.payload(case)}\r\n\r\n".encode())


@sender("E66", still=True)
def header_without_a_colon(case, stage):
    return stage.send(with_line(stage, stage.payload(case)))


@sender("E67", still=True)
def illegal_header_name(case, stage):
    return stage.send(with_line(stage, f"X-({stage.payload(case)}): 1"))


def with_line(stage, line):
    """An honest question with one more line in its head."""
    return stage.reading().replace(b"\r\n\r\n", f"\r\n{line}\r\n\r\n".encode())


@sender("E68", still=True)
def unknown_transfer_coding(case, stage):
    return stage.send(request("POST", SESSIONS, stage.headers(("Transfer-Encoding", stage.payload(case))), b"{}"))


@sender("E69", still=True)
def nul_in_the_path(case, stage):
    return stage.send(stage.reading(f"/v1/accounts/\0{stage.payload(case)}"))


@sender("E70", still=True)
def long_request_line(case, stage):
    return stage.send(stage.reading(f"/v1/accounts/{stage.payload(case)}{'a' * LINE}"))


@sender("E71", still=True)
def long_header(case, stage):
    return stage.send(stage.reading("", ("X-Note", f"{stage.payload(case)}{'a' * FIELD}")))


@sender("E72", still=True)
def proxy_preamble(case, stage):
    """The PROXY protocol's first line, in front of an honest question."""
    return stage.send(f"PROXY TCP4 {stage.payload(case)} 127.0.0.1 443 80\r\n".encode() + stage.reading())


@sender("E73", still=True)
def tls_server_name(case, stage):
    """The first message of a TLS handshake, whose server name is in clear."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    hello = context.wrap_bio(incoming, outgoing, server_hostname=f"card-{stage.payload(case)}.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    return stage.send(outgoing.read() + b"\r\n\r\n")


@sender("E74", still=True)
def http_of_1991(case, stage):
    """A request line without a version."""
    return stage.send(f"GET /v1/accounts/{stage.payload(case)}\r\n\r\n".encode())
