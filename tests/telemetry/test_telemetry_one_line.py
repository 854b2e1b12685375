"""Exactly one line for each request, whoever answered it and however it ended, and none where there was none. Real sockets, real gunicorn."""

from __future__ import annotations

import contextlib
import re
import socket
import struct

import pytest

from service.evidence.wire import exchange, request
from tests.support.cards import VISA, traces
from tests.telemetry.conftest import serving

REQUEST_ID = re.compile(r"req_[bcdfghjklmnpqrstvwxz]{30}")
ORDER = "/v1/checkout-sessions"
PAGE = f"{ORDER}/cs_{'b' * 30}"
CHUNKED = ("Transfer-Encoding", "chunked")
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(190)
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def order(*headers, body=b"{}", path=ORDER):
    return request("POST", path, [("Content-Type", "application/json"), *headers], body)


def get(target, *headers, method="GET"):
    return request(method, target, headers)


#: What is sent, then door, method and status of the one line, which is also the status of the answer. The number stands wherever one can be put.
WHOLE = {
    "no request line": (b"%b\r\n\r\n" % VISA.encode(), "none", "OTHER", 400),
    "HTTP/0.9": (b"GET /%b\r\n\r\n" % VISA.encode(), "none", "OTHER", 400),
    "HTTP/2 in the clear": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "none", "OTHER", 400),
    "upgrade to HTTP/2": (
        get("/healthz", ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")),
        "operations", "GET", 200,
    ),
    "unknown version": (b"GET /healthz HTTP/3.%b\r\n\r\n" % VISA.encode(), "none", "OTHER", 400),
    "method in small letters": (b"get /%b HTTP/1.1\r\n\r\n" % VISA.encode(), "none", "OTHER", 400),
    "unknown method": (get("/healthz", method="BREW"), "none", "OTHER", 405),
    "header without a colon": (HEAD + b"%b\r\n\r\n" % VISA.encode(), "none", "OTHER", 400),
    "header with a blank in its name": (HEAD + b"X %b : a\r\n\r\n" % VISA.encode(), "none", "OTHER", 400),
    "folded header": (HEAD + b"X-A: a\r\n %b\r\n\r\n" % VISA.encode(), "none", "OTHER", 400),
    "too many headers": (get("/healthz", *((f"X-{n}", VISA) for n in range(80))), "none", "OTHER", 431),
    "header too long": (get("/healthz", ("X-A", VISA * 300)), "none", "OTHER", 431),
    "line too long": (get("/" + VISA * 80), "none", "OTHER", 414),
    "NUL in the path": (get(f"/{VISA}\0"), "none", "OTHER", 400),
    "unknown transfer coding": (order(("Transfer-Encoding", VISA)), "none", "OTHER", 400),
    "two lengths": (order(CHUNKED, ("Content-Length", VISA), body=b"0\r\n\r\n"), "none", "OTHER", 400),
    "length that is none": (order(("Content-Length", f"+{VISA}")), "none", "OTHER", 400),
    "unknown expectation": (order(("Expect", VISA)), "none", "OTHER", 400),
    "chunk of no size": (order(CHUNKED, body=b"%bx\r\n{}\r\n0\r\n\r\n" % VISA.encode()), "checkout", "POST", 401),
    "chunk of no size in a notice": (
        order(CHUNKED, body=b"%bx\r\n{}\r\n0\r\n\r\n" % VISA.encode(), path="/webhooks/bluesnap"),
        "webhooks", "POST", 400,
    ),
    "chunks that break off behind the limit": (
        order(CHUNKED, body=b"9000\r\n" + b" " * 0x9000 + b"\r\n%b\r\n" % VISA.encode()), "checkout", "POST", 401,
    ),
    "body too large": (order(body=b" " * 200_000), "checkout", "POST", 401),
    "notice too large": (order(body=b" " * 200_000, path="/webhooks/bluesnap"), "webhooks", "POST", 413),
    "card data": (get(f"/v1/accounts/{VISA}"), "gate", "GET", 422),
    "card data in an unknown method": (get(f"/{VISA}", method="BREW"), "gate", "OTHER", 422),
    "foreign host": (get("/healthz", ("Host", "evil.example")), "none", "GET", 400),
    "path that is not there": (get("/nothing"), "none", "GET", 404),
    "method that is not allowed": (get("/healthz", method="DELETE"), "none", "DELETE", 405),
    "no credentials": (order(), "checkout", "POST", 401),
    "HEAD": (get("/healthz", method="HEAD"), "operations", "HEAD", 200),
    "OPTIONS": (get("/healthz", method="OPTIONS"), "none", "OPTIONS", 405),
    "preflight": (
        get(PAGE, ("Origin", "http://localhost:8070"), ("Access-Control-Request-Method", "GET"), method="OPTIONS"),
        "page", "OPTIONS", 204,
    ),
    "metrics on the wrong port": (get("/metrics"), "operations", "GET", 404),
}  # fmt: skip
#: What breaks off: the line says so, whether or not anybody hears the answer.
CUT = {
    "in the request line": (b"GET /%b" % VISA.encode(), {"none"}),
    "in the head": (HEAD + b"X-A: %b" % VISA.encode(), {"none"}),
    "a hello of TLS": (TLS_HELLO, {"none"}),
    "in the body": (order(("Content-Length", "100"), body=b'{"a": "%b"' % VISA.encode()), {"checkout", "gate"}),
    "in a chunk": (order(CHUNKED, body=b"50\r\n%b" % VISA.encode()), {"checkout"}),
    "in a notice": (order(("Content-Length", "100"), path="/webhooks/bluesnap"), {"webhooks"}),
}


@pytest.mark.parametrize("name", WHOLE)
def test_request_leaves_one_line_and_an_answer_with_its_id(served, name):
    raw, door, method, status = WHOLE[name]
    answers = []
    mark = served.mark()
    (line,) = served.lines_of(lambda: answers.append(exchange(served.address, raw)))
    (answer,) = answers
    assert (line["door"], line["method"], line["status"], answer.status) == (door, method, status, status)
    assert REQUEST_ID.fullmatch(line["request_id"])
    assert answer.header("X-Request-Id") == line["request_id"]
    assert answer.header("Cache-Control") == "no-store"
    assert traces(answer.raw.decode("latin-1"), VISA) == traces(served.text(mark), VISA) == []


def send_and_reset(address, raw):
    """Breaks the connection off as a client that dies does: with a reset, not with an end."""
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(raw)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("end", ["finished", "reset"])
def test_request_that_breaks_off_leaves_one_line(served, name, end):
    raw, doors = CUT[name]
    mark = served.mark()
    if end == "finished":
        (line,) = served.lines_of(lambda: exchange(served.address, raw, finish=True))
    else:
        (line,) = served.lines_of(lambda: send_and_reset(served.address, raw))
    assert line["door"] in doors
    assert 400 <= line["status"] < 500
    assert traces(served.text(mark), VISA) == []


def test_client_that_is_gone_before_the_answer_leaves_one_line(served):
    (line,) = served.lines_of(lambda: send_and_reset(served.address, order()))
    assert line["status"] == 401


def test_client_that_waits_to_be_told_to_go_on_and_is_gone_leaves_one_line(served):
    raw = order(("Expect", "100-continue"), ("Content-Length", "100"), body=b"")
    (line,) = served.lines_of(lambda: send_and_reset(served.address, raw))
    assert 400 <= line["status"] < 500


def test_connection_without_a_request_leaves_no_line(served):
    assert served.lines_of(lambda: socket.create_connection(served.address, timeout=10).close(), expected=0) == []
    assert served.lines_of(lambda: send_and_reset(served.address, b""), expected=0) == []


def test_kept_connection_that_ends_without_a_second_request_leaves_no_second_line(served):
    (line,) = served.lines_of(lambda: exchange(served.address, get("/healthz")))
    assert line["status"] == 200


def test_each_request_of_a_kept_connection_leaves_its_line(served):
    raw = get("/healthz") + get("/nothing") + b"%b\r\n\r\n" % VISA.encode()

    def act():
        with socket.create_connection(served.address, timeout=10) as client:
            client.sendall(raw)
            with contextlib.suppress(OSError):
                while client.recv(65_536):
                    pass

    assert [line["status"] for line in served.lines_of(act, expected=3)] == [200, 404, 400]


def test_reading_of_metrics_leaves_one_line(served):
    answers = []
    (line,) = served.lines_of(lambda: answers.append(exchange(served.metrics, get("/metrics"))))
    assert (line["door"], line["route"], line["status"]) == ("operations", "/metrics", 200)
    assert b"panless_requests_total" in answers[0].body
    (line,) = served.lines_of(lambda: answers.append(exchange(served.metrics, get("/healthz"))))
    assert (line["door"], line["status"], answers[1].status) == ("operations", 404, 404)


MINE = "req_" + "b" * 30


@pytest.mark.parametrize("rest", [b"", b"odd\r\n"], ids=["answered by the app", "refused by the server"])
def test_id_that_a_client_sends_is_on_no_line_and_in_no_answer(served, rest):
    answers = []
    raw = HEAD + f"X-Request-Id: {MINE}\r\n".encode() + rest + b"\r\n"
    (line,) = served.lines_of(lambda: answers.append(exchange(served.address, raw)))
    assert line["request_id"] == answers[0].header("X-Request-Id") != MINE


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, module_database):
    """The same server over an app that fails."""
    folder = tmp_path_factory.mktemp("faulty")
    app = ("-m", "gunicorn", "--config", "python:service.gunicorn_conf", "tests.telemetry.telemetry_faulty:app")
    with serving(folder, module_database, command=app) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "error", "statuses"),
    [
        ("/raises", "RuntimeError", (500, 500)),
        ("/silent", "Untold", (200, 500)),
        ("/header", None, (500, 200)),
        ("/fine", None, (200, 200)),
    ],
)
def test_app_that_fails_in_any_way_leaves_one_line(faulty, path, error, statuses):
    answers, mark = [], faulty.mark()
    (line,) = faulty.lines_of(lambda: answers.append(exchange(faulty.address, get(path))))
    assert (answers[0].status, line["status"], line.get("error")) == (*statuses, error)
    failed = [record for record in faulty.records(mark) if record["event"] == "request.failed"]
    assert [record["error"] for record in failed] == (["InvalidResponseHeader"] if path == "/header" else [])
    assert traces(faulty.text(mark), VISA) == traces(answers[0].raw.decode("latin-1"), VISA) == []
