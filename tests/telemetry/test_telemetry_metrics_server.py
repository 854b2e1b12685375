"""The metrics of a process that serves nothing else: constant answers, one line for each request, and no word of what was sent."""

from __future__ import annotations

import http.client
import json
import socket
import struct

import pytest

from service.evidence.wire import exchange, request
from service.store.ids import new_id
from service.telemetry import metrics_server
from tests.support.cards import VISA, traces
from tests.telemetry.conftest import until


@pytest.fixture(scope="module")
def address():
    return metrics_server.serve(("127.0.0.1", 0), lambda: new_id("req"))


@pytest.fixture
def lines(logged):
    """The lines of requests so far, once there are as many as expected."""

    def read(expected=1):
        return until(lambda: (found := _lines(logged)) and len(found) >= expected and found)

    return read


def _lines(logged):
    return [line for line in map(json.loads, logged().splitlines()) if line["event"] == "request.answered"]


def test_metrics_are_read_at_their_own_path(address, lines):
    answer = exchange(address, request("GET", "/metrics"))
    assert answer.status == 200
    assert b"panless_log_records_withheld_total" in answer.body
    (line,) = lines()
    assert (line["level"], line["door"], line["route"], line["status"]) == ("info", "operations", "/metrics", 200)
    assert line["request_id"] == answer.header("X-Request-Id")


ODD = {
    "another path": (request("GET", f"/{VISA}"), 404),
    "a query": (request("GET", f"/metrics?{VISA}"), 404),
    "another method": (request("POST", "/metrics", body=VISA), 501),
    "an unknown method": (request(f"A{VISA}", "/metrics"), 501),
    "no request line": (f"{VISA} {VISA} {VISA} {VISA}\r\n\r\n".encode(), 400),
    "unknown version": (f"GET /metrics HTTP/{VISA}\r\n\r\n".encode(), 400),
    "line too long": (request("GET", "/" + VISA * 5_000), 414),
    "too many headers": (request("GET", "/metrics", [("X-A", VISA)] * 200), 431),
    "header too long": (request("GET", "/metrics", [("X-A", VISA * 5_000)]), 431),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_request_is_answered_and_told_without_its_words(address, lines, logged, name):
    raw, status = ODD[name]
    answer = exchange(address, raw)
    (line,) = lines()
    assert (answer.status, line["status"], line["level"]) == (status, status, "warning")
    assert answer.body == b""
    assert traces(answer.raw.decode("latin-1"), VISA) == traces(logged(), VISA) == []
    assert answer.header("Server") is None


def test_reader_that_is_gone_before_its_answer_leaves_one_line(address, lines, capfd):
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(request("GET", "/metrics"))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert len(lines()) == 1
    assert capfd.readouterr().err == ""


def test_request_that_breaks_off_leaves_one_line(address, lines):
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nX-A")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    (line,) = lines()
    assert line["status"] in {
        200,
        400,
    }  # a head that ends early is taken for whole, if its end is seen before the reset


def test_connection_without_a_request_leaves_no_line(address, lines):
    socket.create_connection(address, timeout=10).close()
    with socket.create_connection(address, timeout=10) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange(address, request("GET", "/metrics"))
    assert len(lines()) == 1


def test_failing_answer_is_told_by_its_class_and_never_on_standard_error(address, logged, monkeypatch, capfd):
    def fail():
        raise ValueError(VISA)

    monkeypatch.setattr(metrics_server.metrics, "page", fail)
    assert exchange(address, request("GET", "/metrics")).raw == b""
    text = until(lambda: (found := logged()) and "request.failed" in found and found)
    assert '"error": "ValueError"' in text
    assert [line["status"] for line in _lines(lambda: text)] == [500]
    assert traces(text, VISA) == []
    assert capfd.readouterr().err == ""


def test_address_that_is_taken_is_an_error_of_its_own(address):
    with pytest.raises(OSError, match="in use"):
        metrics_server.serve(address, lambda: new_id("req"))


def test_ipv6_address_is_served():
    try:
        host, port = metrics_server.serve(("::1", 0), lambda: new_id("req"))
    except OSError:
        pytest.skip("this machine has no IPv6")
    reader = http.client.HTTPConnection(host, port, timeout=10)
    reader.request("GET", "/metrics")
    assert reader.getresponse().status == 200
    reader.close()
