"""Each value of a request is shown once, under its place and its kind; what has the exact format of its place, and nothing else, is left out."""

from __future__ import annotations

import itertools
import json

import pytest

from service.cardguard import places
from service.cardguard.places import Item, Kind
from tests.cardguard.shapes import ANY_HEX, DIGITS, HEX, LETTERS, Shape, judged

SECRET = LETTERS + DIGITS + "_-"
OURS = "bcdfghjklmnpqrstvwxz"
SESSION = "cs_" + "b" * 30


def shown(items):
    """Place, kind and value of each, as short words."""
    return [(item.place, item.kind.name.lower(), item.sent) for item in items]


def of_target(method="GET", **environ):
    return shown(places.of_target({"REQUEST_METHOD": method, **environ}))


def of_header(name, value):
    return shown(places.of_headers({name: value}))


def of_body(raw):
    return shown(places.of_body(raw))


def exact(name):
    """Whether a header's value is left out."""
    return lambda value: of_header(name, value) == []


NOTHING = [("path", "numbers", [""]), ("query", "name", ""), ("query", "value", ""), ("query", "numbers", [""])]


def test_request_line_without_path_and_query_holds_nothing():
    assert of_target() == NOTHING
    assert of_target(PATH_INFO="", QUERY_STRING="", RAW_URI="") == NOTHING


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_method_that_there_is_holds_nothing(method):
    assert of_target(method) == NOTHING
    for other in (method.lower(), f"X{method}", ""):
        assert of_target(other) == [("method", "value", other), *NOTHING]


def test_path_is_taken_apart_at_its_slashes():
    assert of_target(PATH_INFO="/v1/a=b;c/d+e") == [
        ("path", "value", "v1"),
        ("path", "value", "a=b;c"),
        ("path", "value", "d+e"),
        ("path", "numbers", ["", "v1", "a=b;c", "d+e"]),
        *NOTHING[1:],
    ]


def test_query_is_taken_apart_into_names_and_values():
    shown_ = of_target(QUERY_STRING="a=b=c&d%3De=f+g;h&=%34%32")
    assert shown_ == [
        NOTHING[0],
        *[("query", kind, name) for name in ("a", "d=e", "h", "") for kind in ("name", "value")],
        *[("query", "value", value) for value in ("b=c", "f g", "42")],
        ("query", "numbers", ["b=c", "f g", "", "42"]),
    ]


def test_rest_of_the_raw_address_is_shown_once_and_as_path():
    raw = "http:/42/a?b=c#d&e;f=g&h+i"
    assert of_target(PATH_INFO="/a", QUERY_STRING="b=c", RAW_URI=raw)[-7:] == [
        *[("path", "value", piece) for piece in ("http:", "42", "d", "e", "f", "g", "h i")],
    ]


def test_what_path_names_and_values_have_shown_is_not_shown_again():
    whole = {"PATH_INFO": "/a/b", "QUERY_STRING": "c=d&e", "RAW_URI": "/a/b?c=d&e"}
    assert of_target(**whole) == of_target(**(whole | {"RAW_URI": ""}))


@pytest.mark.parametrize(
    ("sent", "read"),
    [("\u00c3\u00a4", "\u00e4"), ("a\u00ff42", "a\ufffd42"), ("\u20ac42", "\u20ac42"), ("\ud80042", "?42")],
)
def test_text_is_read_as_utf_8_and_nothing_hides_what_stands_beside(sent, read):
    assert of_target(PATH_INFO=sent)[0] == ("path", "value", read)
    assert of_target(QUERY_STRING=sent)[1] == ("query", "name", read)
    assert of_header("HTTP_X_A", sent)[-1] == ("header", "value", read)
    assert of_header(f"HTTP_{sent}", "a")[0] == ("header", "name", read)


@pytest.mark.parametrize("ours", [SESSION, "b" * 30])
def test_ids_and_cursors_of_ours_are_left_out_as_values_only(ours):
    assert of_target(PATH_INFO=f"/{ours}") == [("path", "numbers", ["", ours]), *NOTHING[1:]]
    assert ("query", "value", ours) not in of_target(QUERY_STRING=f"a={ours}")
    assert of_target(QUERY_STRING=ours)[1:3] == [("query", "name", ours), ("query", "value", ours)]
    assert of_header("HTTP_X_A", ours)[2:] == []
    assert of_body(json.dumps(ours).encode()) == [("body", "numbers", [ours])]
    assert ("path", "value", ours + "b") in of_target(PATH_INFO=f"/{ours}b")


def test_header_is_a_name_and_a_value():
    assert of_header("HTTP_X_ANY_THING", "a, 42 ") == [
        ("header", "name", "X_ANY_THING"),
        ("header", "value", "X_ANY_THING"),
        ("header", "value", "a, 42 "),
    ]
    assert of_header("HTTP_HTTP_A", "b")[0] == ("header", "name", "HTTP_A")


@pytest.mark.parametrize("name", ["wsgi.input", "SERVER_NAME", "REMOTE_ADDR", "PATH_INFO", "gunicorn.socket"])
def test_what_the_server_adds_is_no_header(name):
    assert of_header(name, "42") == []


USUAL = (
    "Host User-Agent Accept Accept-Encoding Accept-Language Connection Origin Referer Cache-Control Pragma X-Forwarded-Proto X-Forwarded-Host "
    "X-Forwarded-For Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Transfer-Encoding Authorization Idempotency-Key If-Match bls-signature bls-ipn-timestamp traceparent"
)
UNREAD = (
    "Cookie tracestate baggage b3 X-B3-TraceId X-B3-SpanId X-B3-ParentSpanId X-B3-Sampled X-B3-Flags X-Cloud-Trace-Context X-Amzn-Trace-Id "
    "X-Datadog-Trace-Id X-Datadog-Parent-Id X-Datadog-Sampling-Priority X-Datadog-Origin X-Datadog-Tags uber-trace-id sentry-trace newrelic CF-RAY "
    "X-Request-Id X-Correlation-Id X-Request-Start X-Queue-Start X-OT-Span-Context"
)


def environ_name(header):
    return "HTTP_" + header.upper().replace("-", "_")


@pytest.mark.parametrize("name", [*map(environ_name, USUAL.split()), "CONTENT_TYPE", "CONTENT_LENGTH"])
def test_usual_header_has_a_value_and_no_name(name):
    assert of_header(name, "42 a") == [("header", "value", "42 a")]


def test_headers_that_are_dropped_unread_are_these_and_no_others():
    """Each is a hole in the guard, which is harmless only because the header is dropped; a new one is a decision."""
    assert set(map(environ_name, UNREAD.split())) == places.UNREAD_HEADERS
    assert places.UNREAD_HEADERS.isdisjoint(map(environ_name, USUAL.split()))


LISTS = [
    "X-Forwarded-For",
    "Authorization",
    "Idempotency-Key",
    "If-Match",
    "bls-signature",
    "bls-ipn-timestamp",
    "traceparent",
]


@pytest.mark.parametrize("name", USUAL.split())
def test_header_that_is_a_list_is_taken_apart_and_no_other(name):
    parts = ["one", "two", "3"] if name in LISTS else ["one,two , 3"]
    assert of_header(environ_name(name), "one,two , 3") == [("header", "value", part) for part in parts]


def test_each_part_of_a_list_is_left_out_by_its_own_format():
    assert of_header("HTTP_X_FORWARDED_FOR", "192.0.2.1, 42 , 198.51.100.7:80,") == [("header", "value", "42")]


DASH = ("-", 0, 1)
HEADERS = {
    "HTTP_AUTHORIZATION": [
        *(Shape("Bearer ", f"pk_{where}_", (SECRET, 43), beside="bB") for where in ("simulator", "sandbox", "production")),
        Shape(("bB", 1), ("eE", 1), ("aA", 1), ("rR", 1), ("eE", 1), ("rR", 1), " pcs_", (OURS, 30), "_", (SECRET, 43), beside="bearBEAR"),
        Shape("Bearer eyJ", (SECRET, 10, 700), ".eyJ", (SECRET, 10, 6000), ".", (SECRET, 43, 1024), beside="bB"),
    ],
    "HTTP_IF_MATCH": [Shape('"', (DIGITS, 1, 9), '"')],
    "HTTP_BLS_SIGNATURE": [Shape((ANY_HEX, 64))],
    "HTTP_TRACEPARENT": [Shape((HEX, 2), "-", (HEX, 32), "-", (HEX, 16), "-", (HEX, 2))],
    "HTTP_IDEMPOTENCY_KEY": [
        Shape((ANY_HEX, 8), DASH, (ANY_HEX, 4), DASH, (ANY_HEX, 4), DASH, (ANY_HEX, 4), DASH, (ANY_HEX, 12), beside="-")
    ],
    "HTTP_HOST": [Shape("1.2.3.4:", (DIGITS, 1, 5), beside=DIGITS)],
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_header_is_left_out_if_it_has_its_format_and_only_then(name):
    assert judged(exact(name), *HEADERS[name]) == ([], [])


@pytest.mark.parametrize(
    ("blanks", "left_out"), [("", False), (" ", True), ("   ", True), ("\t", False), (" \t", False)]
)
def test_scheme_and_credential_have_blanks_between_them(blanks, left_out):
    assert exact("HTTP_AUTHORIZATION")(f"Bearer{blanks}pcs_{'b' * 30}_{'a' * 43}") is left_out


def numbers(digits):
    """All numbers with so many digits."""
    return ["".join(row) for row in itertools.product(DIGITS, repeat=digits)]


def test_address_has_four_numbers_below_256():
    fitting = {one for size in (1, 2, 3, 4) for one in numbers(size) if exact("HTTP_HOST")(f"{one}.9.9.9")}
    assert fitting == {*map(str, range(256)), *numbers(2)}
    assert {one for one in numbers(3) if exact("HTTP_HOST")(f"9.9.9.{one}")} == set(map(str, range(100, 256)))
    assert not exact("HTTP_HOST")("1.2.3")
    assert not exact("HTTP_HOST")("1.2.3.4.5")
    assert not exact("HTTP_HOST")("1a2a3a4")


@pytest.mark.parametrize(
    ("form", "size", "low", "high"),
    [
        ("2031-{}-10 17:00:00", 2, 1, 12),
        ("2031-03-{} 17:00:00", 2, 0, 31),
        ("2031-03-10 {}:00:00", 2, 0, 23),
        ("2031-03-10 17:{}:00", 2, 0, 59),
        ("2031-03-10 17:00:{}", 2, 0, 59),
        ("{}-03-10 17:00:00.123456", 4, 1900, 2199),
    ],
)
def test_time_of_a_notice_is_a_moment_that_can_be(form, size, low, high):
    accepts = exact("HTTP_BLS_IPN_TIMESTAMP")
    assert [one for one in numbers(size) if accepts(form.format(one))] == [
        f"{one:0{size}}" for one in range(low, high + 1)
    ]


def test_time_of_a_notice_has_up_to_six_decimals():
    moment = "2031-03-10 17:00:00"
    accepts = exact("HTTP_BLS_IPN_TIMESTAMP")
    assert [size for size in range(9) if accepts(f"{moment}.{'9876543210'[:size]}")] == [1, 2, 3, 4, 5, 6]
    assert all(accepts(f"{moment}.{digit}") for digit in DIGITS)
    others = [
        "2031/03-10 17:00:00",
        "2031-03/10 17:00:00",
        "2031-03-10T17:00:00",
        "2031-03-10 17.00:00",
        "2031-03-10 17:00:00,5",
    ]
    assert not any(accepts(other) for other in [*others, f"{moment}5", f"1{moment}"])


MOMENT = "2027-04-17T12:00:00.123456Z"


def test_moment_is_left_out_under_its_own_parameter_only():
    [path, name, *others] = of_target(QUERY_STRING=f"at={MOMENT}&limit=5", RAW_URI=f"/?at={MOMENT}&limit=5")
    assert (path, name) == (("path", "numbers", [""]), ("query", "name", "at"))
    assert ("query", "value", "5") in others
    assert ("query", "numbers", ["5"]) in others
    assert MOMENT not in [sent for _, _, sent in others]
    assert ("query", "value", MOMENT) in of_target(QUERY_STRING=f"after={MOMENT}")
    for other in (MOMENT[:-1], f"4{MOMENT[1:]}", f"{MOMENT}0"):
        shown_of_it = of_target(QUERY_STRING=f"at={other}", RAW_URI=f"/?at={other}")
        assert ("query", "value", other) in shown_of_it
        assert ("query", "numbers", [other]) in shown_of_it


@pytest.mark.parametrize("name", ["fraud_session_id", "three_d_secure_reference"])
def test_field_with_a_format_is_left_out_under_its_own_name_only(name):
    good, bad = {"fraud_session_id": ("4" * 32, "4" * 31), "three_d_secure_reference": ("4" * 12, "4" * 13)}[name]
    assert of_body(json.dumps({name: good}).encode()) == [
        ("body", "name", name),
        ("body", "value", name),
        ("body", "numbers", []),
    ]
    assert ("body", "value", bad) in of_body(json.dumps({name: bad}).encode())
    assert ("body", "value", good) in of_body(json.dumps({"a": good}).encode())
    assert ("body", "value", good) in of_body(json.dumps(good).encode())
    listed = of_body(json.dumps({name: [good, {"a": good}]}).encode())
    assert listed.count(("body", "value", good)) == 1


def test_body_is_shown_in_the_order_of_the_document():
    raw = b'{"a": [1, {"b": 2.50}, null], "a": "\\u0034", "c": {"d": NaN, "e": -Infinity, "f": true}, "g": ""}'
    names = ["a", "a", "c", "g", "b", "d", "e", "f"]
    items = of_body(raw)
    assert sorted(sent for _, kind, sent in items if kind == "name") == sorted(names)
    assert [sent for _, kind, sent in items if kind == "value" and sent not in names] == [
        "1",
        "2.50",
        "4",
        "NaN",
        "-Infinity",
    ]
    assert items[-1] == ("body", "numbers", ["1", "2.50", "4", "NaN", "-Infinity", ""])
    assert {place for place, _, _ in items} == {"body"}


@pytest.mark.parametrize(
    "raw", [b"a=42", b"{", b"\xff42", b"{} 42", b"", b"[" * 60_000 + b"]" * 60_000], ids=lambda raw: raw[:9]
)
def test_body_that_is_no_document_is_shown_whole(raw):
    assert of_body(raw) == [("body", "value", raw)]


def test_item_keeps_what_was_sent_out_of_its_representation():
    assert "what was sent" not in repr(Item("body", Kind.VALUE, "what was sent")) + str(
        Item("body", Kind.VALUE, "what was sent")
    )
