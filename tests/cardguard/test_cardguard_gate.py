"""The gate in front of the app: it shows every value of a request to its scan, leaves out what has an exact format, and hands the rest on as it came."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import pytest
from gunicorn.http.errors import InvalidChunkSize
from werkzeug.exceptions import ClientDisconnected
from werkzeug.test import EnvironBuilder

from service.cardguard.gate import FAILED, Gate
from tests.support.cards import VISA

LIMIT = 1_000
NOTICES = ("POST", "/webhooks/bluesnap")
OURS = "cs_" + "b" * 30
HALVES = VISA[:8], VISA[8:]


@dataclass
class Find:
    rule: str


class Stage:
    """A gate whose detector knows one number, plainly written, and one name, before an app that keeps what it is given."""

    def __init__(self):
        self.scanned, self.side_by_side, self.served, self.refused = [], [], [], []
        self.gate = Gate(self.app, self, self.refuse, limit=LIMIT, unread={NOTICES})

    def holds_card(self, value):
        self.scanned.append(value)
        needle = VISA.encode() if isinstance(value, bytes) else VISA
        return Find("card_number") if needle in value else None

    def names_card_data(self, name):
        return Find("security_code") if name.lower() == "cvv" else None

    def numbers_hold_card(self, values):
        self.side_by_side.append(list(values))
        return Find("card_number") if VISA in "".join(values) else None

    def app(self, environ, start_response):
        self.served.append((environ, environ["wsgi.input"]))
        return [b"served"]

    def refuse(self, environ, found):
        self.refused.append((found.place, found.rule))
        return lambda environ, start_response: [b"refused"]

    def send(self, method="GET", path="/", environ=(), **given):
        sent = EnvironBuilder(path=path, method=method, **given).get_environ() | dict(environ)
        [answer] = self.gate(sent, None)
        return answer.decode()

    def body(self, raw, **environ):
        return self.send("POST", "/v1/checkout-sessions", environ, data=raw)


@pytest.fixture
def stage():
    return Stage()


ENTRANCES = {
    "method": {"method": VISA},
    "path": {"path": f"/v1/accounts/{VISA}"},
    "path with percent signs": {"path": "/v1/accounts/" + "".join(f"%{ord(digit):x}" for digit in VISA)},
    "path beside broken UTF-8": {"path": f"/v1/accounts/%ff{VISA}"},
    "path in two segments": {"path": "/v1/{}/{}".format(*HALVES)},
    "parameter of a path": {"path": f"/v1/accounts/a;card={VISA}"},
    "query value": {"path": f"/healthz?card={VISA}"},
    "query name": {"path": f"/healthz?{VISA}=1"},
    "query name without a value": {"path": f"/healthz?{VISA}"},
    "query in two values": {"path": "/healthz?a={}&b={}".format(*HALVES)},
    "query by semicolons": {"path": f"/healthz?a=1;b={VISA}"},
    "host of an absolute address": {"environ": {"RAW_URI": f"http://{VISA}/healthz"}},
    "fragment": {"environ": {"RAW_URI": f"/healthz#{VISA}"}},
    "header value": {"headers": {"X-Anything": VISA}},
    "header name": {"headers": {f"X-{VISA}": "1"}},
    "User-Agent": {"headers": {"User-Agent": VISA}},
    "Referer": {"headers": {"Referer": f"https://shop.example/?{VISA}"}},
    "Origin": {"headers": {"Origin": f"https://{VISA}.example"}},
    "Host": {"headers": {"Host": f"{VISA}.example"}},
    "Content-Type": {"method": "POST", "headers": {"Content-Type": f"text/{VISA}"}},
    "Content-Length": {"environ": {"CONTENT_LENGTH": VISA}},
    "X-Forwarded-For": {"headers": {"X-Forwarded-For": f"192.0.2.1, {VISA}"}},
    "Accept-Language": {"headers": {"Accept-Language": f"en, {VISA}"}},
    "Authorization": {"headers": {"Authorization": f"Bearer {VISA}"}},
    "Idempotency-Key": {"headers": {"Idempotency-Key": VISA}},
    "If-Match": {"headers": {"If-Match": f'"{VISA}"'}},
    "traceparent": {"headers": {"traceparent": f"00-{VISA}-00-01"}},
    "signature": {"headers": {"bls-signature": VISA}},
    "timestamp": {"headers": {"bls-ipn-timestamp": VISA}},
    "JSON value": {"method": "POST", "json": {"account": VISA}},
    "JSON name": {"method": "POST", "json": {"payer": {VISA: 1}}},
    "JSON number": {"method": "POST", "json": {"members": int(VISA)}},
    "JSON item": {"method": "POST", "json": [[1, [VISA]]]},
    "JSON scalar": {"method": "POST", "json": VISA},
    "fraud session": {"method": "POST", "json": {"fraud_session_id": VISA}},
    "3-D Secure reference": {"method": "POST", "json": {"three_d_secure_reference": VISA}},
    "two JSON values": {"method": "POST", "json": dict(zip(("first_name", "last_name"), HALVES, strict=True))},
    "JSON array in pieces": {"method": "POST", "json": {"a": [int(VISA[at : at + 4]) for at in range(0, 16, 4)]}},
    "JSON array of digits": {"method": "POST", "json": {"a": [int(digit) for digit in VISA]}},
    "deep in JSON": {"method": "POST", "data": '{"a":' * 100 + VISA + "}" * 100},
    "JSON escapes": {"method": "POST", "data": '"' + "".join(f"\\u00{ord(digit):x}" for digit in VISA) + '"'},
    "first of two equal names": {"method": "POST", "data": f'{{"a": "{VISA}", "a": ""}}'},
    "half a document": {"method": "POST", "data": f'{{"a": "{VISA}'},
    "after the document": {"method": "POST", "data": f"{{}}{VISA}x"},
    "text": {"method": "POST", "data": f"card {VISA}", "content_type": "text/plain"},
    "form": {"method": "POST", "data": {"card": VISA}},
    "multipart": {"method": "POST", "data": {"card": (io.BytesIO(VISA.encode()), "f.txt")}},
    "bytes that are no text": {"method": "POST", "data": b"\xff\xfe" + VISA.encode()},
    "body of a GET": {"data": VISA},
    "query of the notices": {"method": "POST", "path": f"{NOTICES[1]}?{VISA}"},
    "header of the notices": {"method": "POST", "path": NOTICES[1], "headers": {"X-A": VISA}},
    "GET of the notices": {"path": NOTICES[1], "data": VISA},
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_number_at_any_entrance_never_reaches_the_app(stage, entrance):
    assert stage.send(**ENTRANCES[entrance]) == "refused"
    assert stage.served == []
    assert [rule for _, rule in stage.refused] == ["card_number"]


@pytest.mark.parametrize(
    "path", ["/\uff14\uff12", "/%EF%BC%94%EF%BC%92", "/?a=\uff14\uff12", "/?a=%EF%BC%94%ef%bc%92", "/%ff\uff14\uff12"]
)
def test_digits_of_another_script_arrive_as_they_were_meant(stage, path):
    stage.send(path=path)
    assert [value for value in stage.scanned if value.endswith("\uff14\uff12")]


EXACT = {
    "Authorization": ["Bearer pk_simulator_" + VISA + "a" * 27, "bearer  pcs_" + "b" * 30 + "_" + VISA + "A" * 27],
    "Idempotency-Key": [VISA[:8] + "-4263-4263-8263-426398264026", (VISA * 2).lower()],
    "bls-signature": [VISA + "a" * 48, " " + VISA + "F" * 48],
    "bls-ipn-timestamp": ["2031-03-10 17:00:00.000", "2031-03-10 17:00:00"],
    "traceparent": [f"00-{VISA * 2}-{VISA}-01"],
    "If-Match": ['"123456789"'],
    "X-Forwarded-For": ["192.0.2.101, 198.51.100.123:54321"],
    "Host": ["192.168.100.123:8080"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in EXACT for value in EXACT[name]])
def test_header_of_an_exact_format_is_not_scanned(stage, name, value):
    assert stage.send(headers={name: value}) == "served"
    assert [part for part in value.split(",") if part.strip() in stage.scanned] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer pk_simulator_" + "a" * 44),
        ("Idempotency-Key", "my-key"),
        ("bls-signature", "a" * 63),
        ("bls-ipn-timestamp", "4263-98-26 40:26:92.99"),
        ("traceparent", "00"),
        ("X-Forwarded-For", "256.0.0.1"),
    ],
)
def test_header_that_fails_its_exact_format_is_scanned(stage, name, value):
    assert stage.send(headers={name: value}) == "served"
    assert value in stage.scanned


def test_each_of_two_headers_of_one_name_is_checked(stage):
    keys = [("Idempotency-Key", "0" * 32), ("Idempotency-Key", VISA)]
    assert stage.send(headers=keys) == "refused"


def test_ids_and_cursors_of_ours_are_not_scanned(stage):
    stage.send(path=f"/v1/checkout-sessions/{OURS}?after={'b' * 30}")
    stage.body(json.dumps({"id": OURS, "fraud_session_id": "4" * 32, "three_d_secure_reference": "1" * 12}))
    assert {OURS, "b" * 30, "4" * 32, "1" * 12}.isdisjoint(stage.scanned)


@pytest.mark.parametrize(
    "sent",
    [
        {"path": "/healthz?cvv=1"},
        {"headers": {"Cvv": "1"}},
        {"method": "POST", "json": {"payer": [{"cvv": None}]}},
    ],
    ids=str,
)
def test_name_of_card_data_is_enough(stage, sent):
    assert stage.send(**sent) == "refused"
    assert [rule for _, rule in stage.refused] == ["security_code"]


def test_numbers_are_compared_in_the_order_of_the_document(stage):
    stage.body(b'{"a": [1, {"b": "2"}], "c": {"d": 3.5}, "fraud_session_id": "6", "e": null, "f": 7}')
    assert stage.side_by_side[-1] == ["1", "2", "3.5", "7"]


def test_numbers_are_scanned_as_they_were_written(stage):
    stage.body(b'{"a": 4.012888888881881e15, "b": [1E+2, -7], "c": NaN}')
    assert {"4.012888888881881e15", "1E+2", "-7"} <= set(stage.scanned)


@pytest.mark.parametrize(
    "name", ["X-Cloud-Trace-Context", "X-Datadog-Trace-Id", "B3", "X-Amzn-Trace-Id", "X-Request-Id", "Tracestate"]
)
def test_ids_of_tracers_are_dropped_unread(stage, name):
    assert stage.send(headers={name: VISA}) == "served"
    [(environ, _)] = stage.served
    assert VISA not in str(environ)


def test_cookies_are_dropped_unread(stage):
    assert stage.send(headers={"Cookie": f"card={VISA}"}) == "served"
    [(environ, _)] = stage.served
    assert [name for name in environ if "COOKIE" in name] == []


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b'{"a": 1, "a": 2}', b"\x00\xff", b"a" * LIMIT, '{"a": "\u00e4"}'.encode()]
)
def test_body_is_handed_on_byte_for_byte(stage, raw):
    assert stage.body(raw) == "served"
    [(environ, stream)] = stage.served
    assert stream.read() == raw
    assert environ.get("CONTENT_LENGTH", "0") == str(len(raw))


class Tap(io.BytesIO):
    """A client's connection, which counts what is read from it."""

    def __init__(self, raw, error=None):
        super().__init__(raw)
        self.taken, self.error = 0, error

    def readinto(self, buffer):
        if self.error is not None:
            raise self.error
        got = super().readinto(buffer)
        self.taken += got
        return got


def chunked(stage, tap, **given):
    environ = {"wsgi.input": tap, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return stage.send("POST", environ=environ, **given)


def test_chunked_body_is_scanned_and_handed_on(stage):
    assert chunked(stage, Tap(b'{"a": 1}')) == "served"
    assert stage.served[0][1].read() == b'{"a": 1}'
    assert chunked(stage, Tap(VISA.encode())) == "refused"


def test_body_over_the_limit_is_neither_read_nor_handed_on(stage):
    tap = Tap(b"a" * (LIMIT + 1))
    environ = {"wsgi.input": tap, "CONTENT_LENGTH": str(LIMIT + 1)}
    assert stage.send("POST", environ=environ) == "served"
    [(environ, stream)] = stage.served
    assert (tap.taken, stream.read(), environ["CONTENT_LENGTH"]) == (0, b"", str(LIMIT + 1))


def test_chunked_body_is_read_up_to_the_limit(stage):
    tap = Tap(b"a" * (LIMIT * 3))
    assert chunked(stage, tap) == "served"
    assert tap.taken == LIMIT
    assert stage.served[0][1].read() == b"a" * LIMIT


@pytest.mark.parametrize("error", [InvalidChunkSize(b"zz"), OSError("gone")], ids=str)
def test_body_that_breaks_off_breaks_off_for_the_app(stage, error):
    assert chunked(stage, Tap(b"", error)) == "served"
    with pytest.raises(ClientDisconnected):
        stage.served[0][1].read(10)


def test_body_of_a_notice_is_left_to_its_own_lock(stage):
    tap = Tap(f"custom1={VISA}".encode())
    environ = {"wsgi.input": tap, "CONTENT_LENGTH": str(len(tap.getvalue()))}
    assert stage.send(*NOTICES, environ=environ) == "served"
    assert tap.taken == 0
    assert stage.served[0][1] is tap


def test_scan_that_fails_refuses(stage):
    def fail(_):
        raise RuntimeError(VISA)

    stage.holds_card = fail
    stage.gate = Gate(stage.app, stage, stage.refuse, limit=LIMIT, unread={NOTICES})
    assert stage.send(path="/healthz") == "refused"
    assert stage.refused == [("path", FAILED)]


def test_nothing_is_scanned_after_the_first_find(stage):
    stage.send(path=f"/{VISA}", headers={"X-After": "later"})
    assert "later" not in stage.scanned
    assert stage.refused == [("path", "card_number")]
