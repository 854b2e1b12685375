"""The way to the issuer: one JSON object over TLS, soon, and whole; no redirect, no credential, and nothing of what goes wrong is told."""

from __future__ import annotations

import http.server
import json
import threading
import time
from contextlib import contextmanager

import pytest

from service.identity import fetching
from service.identity.fetching import UnfetchedError, over_http
from tests.support.certificates import Authority


@contextmanager
def serving(answer, tls=None):
    """A server on loopback; `answer` gets its handler. Yields its address and the paths and headers that it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            answer(self)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_):
            """A client that gives up is what these tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}" if tls else f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def saying(body, status=200, **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


GOOD = json.dumps({"issuer": "x"}).encode()


def test_object_is_fetched_with_no_credential_and_no_cookie():
    with serving(saying(GOOD, Set_Cookie="a=b")) as (url, asked):
        fetch = over_http(loopback=True)
        assert fetch(url + "/a?b=c") == fetch(url + "/a?b=c") == {"issuer": "x"}
    assert [path for path, _ in asked] == ["/a?b=c"] * 2
    assert not [name for _, headers in asked for name in headers if name.lower() in {"cookie", "authorization"}]


def early(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "9000")
    handler.end_headers()
    handler.wfile.write(GOOD)


@pytest.mark.parametrize(
    "answer",
    [
        saying(GOOD, status=500),
        saying(GOOD, status=404),
        saying(GOOD, status=204),
        saying(GOOD, status=302, Location="/elsewhere"),
        saying(GOOD, Content_Encoding="gzip"),
        saying(b""),
        saying(b"{"),
        saying(b"[]"),
        saying(b"\xff"),
        saying(b'{"a":' + b"[" * 100_000),
        saying(b'{"a":"' + b"x" * fetching._LARGEST + b'"}'),
        early,
        lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"),
        lambda handler: None,
    ],
)
def test_what_is_no_whole_object_is_not_believed(answer):
    with serving(answer) as (url, asked):
        with pytest.raises(UnfetchedError) as told:
            over_http(loopback=True)(url)
        assert len(asked) == 1, "neither followed nor repeated"
    assert (str(told.value), told.value.__cause__, told.value.__suppress_context__) == ("", None, True)


def test_issuer_that_drips_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(fetching, "_SECONDS", 0.3)
    stop = threading.Event()

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not stop.wait(0.05):
            handler.wfile.write(b"X-A: b\r\n")

    with serving(drip) as (url, _):
        began = time.monotonic()
        with pytest.raises(UnfetchedError):
            over_http(loopback=True)(url)
        assert time.monotonic() - began < 5
        stop.set()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://issuer.example/", "https://u:p@127.0.0.1/", "file:///etc/hosts", ""]
)
def test_address_that_is_none_or_without_tls_is_not_asked(url):
    for loopback in (False, True):
        with pytest.raises(UnfetchedError):
            over_http(loopback=loopback)(url)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def test_certificate_of_a_known_authority_is_taken_and_no_other(authority):
    with serving(saying(GOOD), authority.server_context("localhost")) as (url, asked):
        assert over_http(loopback=False, ca_file=str(authority.file))(url) == {"issuer": "x"}
        with pytest.raises(UnfetchedError):
            over_http(loopback=False)(url)
        with pytest.raises(UnfetchedError):
            over_http(loopback=False, ca_file=str(authority.file))(url.replace("localhost", "127.0.0.1"))
        assert len(asked) == 1
