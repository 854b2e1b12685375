"""When a request is whole: exactly when gunicorn's own parser, given these bytes and no more, comes to its end or refuses. However the bytes are cut up."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import given, settings
from hypothesis import strategies as st

from service.evidence.wire import request
from service.server.framing import Frame, Limits

LIMITS = Limits(line=1_024, head=32_768, body=65_536)
CHUNKED = ("Transfer-Encoding", "chunked")
#: Bytes of exactly one request that can be read to its end.
WHOLE = {
    "nothing but a line": b"GET /healthz HTTP/1.1\r\n\r\n",
    "an empty line before it": b"\r\nGET /healthz HTTP/1.1\r\n\r\n",
    "no body": request("GET", "/healthz", [("Host", "localhost")]),
    "a length": request("POST", "/v1/x", [("Content-Length", "11")], b'{"a": "bc"}'),
    "a length of nothing": request("POST", "/v1/x", [("Content-Length", "0")]),
    "a length with zeros before": request("POST", "/v1/x", [("content-length", "0002")], b"{}"),
    "chunks": request("POST", "/v1/x", [CHUNKED], b"2\r\n{}\r\n00A\r\n0123456789\r\n0\r\n\r\n"),
    "no chunk": request("POST", "/v1/x", [("transfer-encoding", "CHUNKED")], b"0\r\n\r\n"),
    "asks first": request("POST", "/v1/x", [("Expect", "100-Continue"), ("Content-Length", "2")], b"{}"),
    "HTTP/1.0": b"POST /v1/x HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
}
#: Bytes that gunicorn refuses: nobody waits for what could come behind them.
REFUSED = {
    "two lengths": request("POST", "/v1/x", [("Content-Length", "2"), ("Content-Length", "2")], b"{"),
    "length and chunks": request("POST", "/v1/x", [("Content-Length", "9"), CHUNKED], b"0"),
    "length that is none": request("POST", "/v1/x", [("Content-Length", "2x")]),
    "unknown coding": request("POST", "/v1/x", [("Transfer-Encoding", "chunky")]),
    "chunks twice": request("POST", "/v1/x", [("Transfer-Encoding", "chunked, chunked")]),
    "line without CR": b"GET /healthz HTTP/1.1\nHost: a",
    "field without CR": b"GET /healthz HTTP/1.1\r\nHost: a\n",
    "endless line": b"GET /" + b"a" * 1_100,
    "chunk of no size": request("POST", "/v1/x", [CHUNKED], b"2x\r\n"),
    "chunk with an extension": request("POST", "/v1/x", [CHUNKED], b"2;a=b\r\n"),
    "chunk longer than it says": request("POST", "/v1/x", [CHUNKED], b"2\r\n{}}}\r\n"),
    "endless size": request("POST", "/v1/x", [CHUNKED], b"0" * 40),
    "field behind the chunks": request("POST", "/v1/x", [CHUNKED], b"0\r\nX: y\r\n"),
}


def framed(*pieces):
    frame = Frame(LIMITS)
    for piece in pieces:
        frame.feed(piece)
    return frame


def parsed(raw):
    """gunicorn's answer to these bytes and no more: what it leaves over, or the exception."""
    config = Config()
    config.set("limit_request_line", LIMITS.line)
    parser = RequestParser(config, iter([raw]), ("127.0.0.1", 1))
    read = next(parser)
    body = read.body.read()
    if not isinstance(read.body.reader, ChunkedReader):
        lengths = [int(value) for name, value in read.headers if name == "CONTENT-LENGTH"]
        if len(body) < sum(lengths):
            raise NoMoreData
    return parser.unreader.take_buffered()


@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE)
def test_request_is_whole_with_its_last_byte_and_not_before(raw):
    assert parsed(raw) == b""
    frame = Frame(LIMITS)
    for place in range(len(raw)):
        assert not frame.whole, raw[:place]
        with pytest.raises((NoMoreData, StopIteration, ParseException)):
            parsed(raw[:place])
        frame.feed(raw[place : place + 1])
    assert frame.whole
    assert framed(raw).whole
    assert bytes(frame.data) == raw


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_what_can_be_refused_is_not_waited_for(raw):
    assert framed(raw).whole
    assert framed(*(raw[place : place + 1] for place in range(len(raw)))).whole


@given(st.sampled_from(sorted(WHOLE.values())), st.sampled_from(sorted(WHOLE.values())), st.lists(st.integers(1, 40)))
@settings(max_examples=100, deadline=None, database=None, derandomize=True)
def test_what_comes_behind_a_request_is_kept_for_the_next(first, second, cuts):
    raw, frame, place = first + second, Frame(LIMITS), 0
    for cut in cuts:
        frame.feed(raw[place : place + cut])
        assert frame.whole == (place + cut >= len(first)) or place >= len(raw)
        place += cut
    frame.feed(raw[place:])
    assert frame.whole
    assert bytes(frame.data) == raw


@given(st.binary(max_size=60), st.lists(st.integers(1, 9), max_size=20))
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
def test_cutting_bytes_up_changes_nothing(tail, cuts):
    raw, pieces, place = request("POST", "/v1/x", [CHUNKED], b"3\r\nabc\r\n" + tail), [], 0
    for cut in cuts:
        pieces.append(raw[place : place + cut])
        place += cut
    frame, at_once = framed(*pieces, raw[place:]), framed(raw)
    assert (frame.whole, frame.too_large, frame.asks) == (at_once.whole, at_once.too_large, at_once.asks)


@given(st.binary(max_size=40))
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
def test_chunks_are_whole_only_if_gunicorn_needs_no_more_of_them(tail):
    raw = request("POST", "/v1/x", [CHUNKED], tail)
    if framed(raw).whole:
        try:
            parsed(raw)
        except ParseException:
            return
        except NoMoreData:
            assert b";" in tail or b"\r\n" not in tail.partition(b"0\r\n")[2] or not tail.startswith(b"0")


def test_body_over_the_limit_is_not_waited_for():
    length = framed(request("POST", "/v1/x", [("Content-Length", "65537")], b"{"))
    one_chunk = framed(request("POST", "/v1/x", [CHUNKED], b"10001\r\n{"))
    tiny = framed(request("POST", "/v1/x", [CHUNKED], b"0000000000000001\r\nx\r\n" * 7_000))
    for frame in (length, one_chunk, tiny):
        assert (frame.whole, frame.too_large) == (True, True)
    largest = framed(request("POST", "/v1/x", [("Content-Length", "65536")], b"x" * 65_536))
    assert (largest.whole, largest.too_large) == (True, False)
    chunks = framed(request("POST", "/v1/x", [CHUNKED], b"8000\r\n" + b"x" * 0x8000 + b"\r\n8000\r\n" + b"x" * 0x8000 + b"\r\n0\r\n\r\n"))  # fmt: skip
    assert (chunks.whole, chunks.too_large) == (True, False)


def test_head_over_the_limit_says_so():
    line = b"GET / HTTP/1.1\r\n"
    assert not framed(line + b"X: aaaa\r\n" * 3_500).whole
    frame = framed(line + b"X: aaaa\r\n" * 3_700)
    assert (frame.whole, frame.head_too_large) == (True, True)
    assert not framed(request("GET", "/")).head_too_large


@pytest.mark.parametrize(
    ("raw", "asks"),
    [
        (request("POST", "/", [("Expect", "100-continue"), ("Content-Length", "2")]), True),
        (request("POST", "/", [("expect", "100-CONTINUE"), CHUNKED]), True),
        (request("POST", "/", [("Content-Length", "2")]), False),
        (request("POST", "/", [("Expect", "something"), ("Content-Length", "2")]), False),
        (b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", False),
    ],
)
def test_client_asks_to_be_told_to_go_on_in_http_1_1_only(raw, asks):
    frame = framed(raw)
    assert (frame.whole, frame.asks) == (False, asks)


def test_nothing_that_has_come_is_nothing():
    assert not framed()
    assert framed(b"G")
