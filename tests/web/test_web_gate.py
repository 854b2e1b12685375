"""The gate before the whole service: card data at any entrance is told one constant refusal, changes nothing, and is in nothing that is written or sent."""

from __future__ import annotations

import io
import json
import uuid

import pytest
from prometheus_client import generate_latest
from sqlalchemy import text

from service.cardguard import detect
from service.store.models import METADATA
from service.web.headers import HEADERS
from tests.support.cards import NUMBERS, VISA, spellings, traces
from tests.support.metrics import reading
from tests.support.notices import charge_form, signed_headers
from tests.support.tools import SHOP_ORIGIN
from tests.support.web import PAYER, SESSIONS, WEBHOOKS, new_key, problem, told

ORDER = {"account": "acct-a", "plan": "team", "members": 10}
ACCOUNT = "/v1/accounts/acct-a"
HALVES = VISA[:8], VISA[8:]


def get(path=ACCOUNT, **headers):
    return lambda web: web.call("GET", path, auth=web.key, headers=headers)


def order(**changed):
    return lambda web: web.order(**changed)


def completion(**changed):
    return lambda web: web.complete({"id": "cs_" + "b" * 30, "client_secret": web.key}, **changed)


def raw(data, path=SESSIONS, media_type="application/json", **headers):
    given = {"Content-Type": media_type, **headers}
    return lambda web: web.call("POST", path, auth=web.key, key=new_key(), headers=given, data=data)


def chunked(web):
    body = io.BytesIO(json.dumps(ORDER | {"account": VISA}).encode())
    environ = {"wsgi.input": body, "wsgi.input_terminated": True}
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    return web.client.post(SESSIONS, headers=headers, environ_overrides=environ)


ENTRANCES = {
    "method": lambda web: web.call(VISA, "/healthz"),
    "path": get(f"/v1/accounts/{VISA}"),
    "path that is not there": get(f"/{VISA}"),
    "path in percent signs": get("/v1/accounts/" + "".join(f"%{ord(digit):x}" for digit in VISA)),
    "path in percent signs twice": get("/v1/accounts/" + "".join(f"%25{ord(digit):x}" for digit in VISA)),
    "behind an encoded slash": get(f"/v1/accounts/a%2F{VISA}"),
    "id of a session": get(f"{SESSIONS}/{VISA}"),
    "query value": get(f"{ACCOUNT}?card={VISA}"),
    "query name": get(f"{ACCOUNT}?{VISA}=1"),
    "query in two values": get("{}?a={}&b={}".format(ACCOUNT, *HALVES)),
    "query of the open door": get(f"/healthz?{VISA}"),
    "query of the description": get(f"/openapi.yaml?{VISA}"),
    "query of the notices": lambda web: web.notify_at(f"{WEBHOOKS}?{VISA}"),
    "header of the notices": lambda web: web.notify_at(WEBHOOKS, {"X-Note": VISA}),
    "signature": lambda web: web.notify(charge_form(), signed_headers(charge_form()) | {"bls-signature": VISA}),
    "timestamp": lambda web: web.notify(charge_form(), signed_headers(charge_form()) | {"bls-ipn-timestamp": VISA}),
    **{
        name: get(**{name: VISA})
        for name in (
            "User-Agent", "Referer", "traceparent", "X-Forwarded-For", "X-Forwarded-Host",
            "Forwarded", "Accept-Language", "Content-Disposition", "If-None-Match", "If-Match", "Range", "From", "Idempotency-Key",
            "X-Anything",
        )
    },
    "Origin": get(Origin=f"https://{VISA}.example"),
    "Host": get(Host=f"{VISA}.example"),
    "name of a header": get(**{f"X-{VISA}": "1"}),
    "bearer": lambda web: web.call("GET", ACCOUNT, auth=VISA),
    "password": lambda web: web.call("GET", ACCOUNT, headers={"Authorization": "Basic NDI2Mzk4MjY0MDI2OTI5OTp4"}),
    "media type": raw(json.dumps(ORDER), media_type=f"application/json; card={VISA}"),
    "account": order(account=VISA),
    "plan": order(plan=VISA),
    "members": order(members=int(VISA)),
    "name of a field": order(**{VISA: "x"}),
    "field of a card": order(cvv="737"),
    "first name": completion(payer=PAYER | {"first_name": VISA}),
    "halves in two names": completion(payer=PAYER | {"first_name": HALVES[0], "last_name": HALVES[1]}),
    "e-mail": completion(payer=PAYER | {"email": f"{VISA}@example.org"}),
    "zip": completion(payer=PAYER | {"zip": VISA}),
    "3-D Secure reference": completion(three_d_secure_reference=VISA),
    "fraud session": completion(fraud_session_id=VISA),
    "number in exponents": raw(f'{{"members": {VISA[0]}.{VISA[1:]}e15}}'),
    "list of digits": order(members=[int(digit) for digit in VISA]),
    "deep down": raw('{"a":' * 20 + f'"{VISA}"' + "}" * 20),
    "document in a text in a text": order(plan=json.dumps(json.dumps({"n": VISA}))),
    "first of two equal names": raw(f'{{"plan": "{VISA}", "plan": "team"}}'),
    "half a document": raw(f'{{"plan": "{VISA}'),
    "after the document": raw(json.dumps(ORDER) + VISA),
    "text": raw(VISA + " ", media_type="text/plain"),
    "form": raw(f"card={VISA}", media_type="application/x-www-form-urlencoded"),
    "multipart": lambda web: web.call("POST", SESSIONS, data={"card": VISA}, content_type="multipart/form-data"),
    "file": lambda web: web.call("POST", SESSIONS, data={"card": (io.BytesIO(VISA.encode()), "a.txt")}),
    "name of a file": lambda web: web.call("POST", SESSIONS, data={"card": (io.BytesIO(b"a"), f"{VISA}.txt")}),
    "UTF-16": raw(json.dumps(ORDER | {"account": VISA}).encode("utf-16-le"), media_type="application/json; charset=utf-16"),
    "broken UTF-8": raw(b'{"plan": "\xff' + VISA.encode()),
    "body of a GET": lambda web: web.call("GET", "/healthz", data=VISA),
    "chunked body": chunked,
}  # fmt: skip


@pytest.fixture
def web(web):
    web.notify_at = lambda path, headers=(): web.client.post(
        path, data=charge_form(), headers=signed_headers(charge_form()) | dict(headers)
    )
    return web


def stored(web):
    """Everything in every table, as text."""
    with web.tools.engine.connect() as connection:
        rows = [connection.execute(text(f'SELECT * FROM "{table}"')).all() for table in METADATA.tables]
    return repr(rows)


def constant(answer):
    """What is the same in every refusal: all but the id of the request."""
    return {**problem(answer, 422, "card_data_refused"), "request_id": None}


REFUSAL = {
    "type": "about:blank",
    "title": "Card data refused",
    "status": 422,
    "code": "card_data_refused",
    "request_id": None,
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_card_data_at_any_entrance_is_refused_and_left_nowhere(web, entrance, logged):
    before, kept, counted = web.rows(), stored(web), refusals()
    answer = ENTRANCES[entrance](web)
    assert constant(answer) == REFUSAL
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert (web.rows(), stored(web)) == (before, kept)
    assert web.bluesnap.calls == []
    assert refusals() == counted + 1
    assert traces(told(answer) + logged() + generate_latest().decode(), VISA) == []
    assert '"cvv"' not in answer.text + logged()


def refusals():
    return reading("panless_requests_total", door="gate", method="GET", status="422") + sum(
        reading("panless_requests_total", door="gate", method=method, status="422") for method in ("POST", "OTHER")
    )


def test_refusal_is_one_line_of_constant_words(web, logged):
    answer = web.order(account=VISA)
    [line] = logged().splitlines()
    written = json.loads(line)
    del written["time"]
    assert written == {
        "event": "request.answered", "level": "warning", "door": "gate", "method": "POST", "route": "none", "status": 422,
        "code": "card_data_refused", "place": "body", "rule": "card_number", "request_id": answer.headers["X-Request-Id"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("act", "place", "rule"),
    [
        (get(f"/{VISA}"), "path", "card_number"),
        (get(f"/healthz?a={VISA}"), "query", "card_number"),
        (get(**{"X-Anything": VISA}), "header", "card_number"),
        (order(cvv="737"), "body", "security_code"),
    ],
)
def test_refusals_are_counted_by_place_and_rule(web, act, place, rule):
    before = reading("panless_card_data_refused_total", place=place, rule=rule)
    act(web)
    assert reading("panless_card_data_refused_total", place=place, rule=rule) == before + 1


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("spelled", spellings(VISA))
def test_number_is_refused_however_it_is_spelled(web, number, spelled):
    assert constant(web.order(account=spellings(number)[spelled])) == REFUSAL


def test_page_of_the_shop_may_read_the_refusal(web):
    payer = PAYER | {"last_name": VISA}
    session = web.open()
    answer = web.complete(session, payer=payer, headers={"Origin": SHOP_ORIGIN})
    assert constant(answer) == REFUSAL
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP_ORIGIN
    foreign = web.complete(session, payer=payer, headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in foreign.headers
    assert web.complete(session).status_code == 201


def test_key_of_a_refused_request_is_not_used_up(web):
    key = new_key()
    assert constant(web.order(key=key, account=VISA)) == REFUSAL
    assert web.order(key=key).status_code == 201


@pytest.mark.parametrize("name", ["Cookie", "X-Request-Id", "tracestate", "baggage", "X-Cloud-Trace-Context"])
def test_cookies_and_ids_of_tracers_are_dropped_unread(web, logged, name):
    answer = web.call("GET", ACCOUNT, auth=web.key, headers={name: f"{VISA}={VISA}"})
    assert answer.status_code == 200
    assert traces(told(answer) + logged(), VISA) == []


def test_scan_that_fails_lets_nothing_through(web, monkeypatch, logged):
    def fail(_):
        raise RuntimeError(VISA)

    monkeypatch.setattr(detect, "holds_card", fail)
    web = type(web)(web.tools, web.bluesnap)
    before = web.rows()
    assert constant(web.order()) == REFUSAL
    assert web.rows() == before
    lines = [json.loads(line) for line in logged().splitlines()]
    [line] = [line for line in lines if line["event"] == "request.answered"]
    assert (line["rule"], line["error"]) == ("scan_failed", "RuntimeError")
    assert traces(logged(), VISA) == []


HONEST_HEADERS = {
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Referer": "http://localhost:8070/signup?plan=team&members=10",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "X-Forwarded-For": "198.51.100.123, 192.168.100.101, 10.100.200.101",
    "X-Forwarded-Proto": "https",
    "X-Request-Id": "7f0c8a1d2e3b4c5d6e7f8091a2b3c4d5",
    "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "If-Modified-Since": "Wed, 21 Oct 2015 07:28:00 GMT",
    "Sec-CH-UA": '"Chromium";v="120", "Not A(Brand";v="8", "Google Chrome";v="120"',
}


def test_honest_purchase_passes_with_the_headers_that_people_send(web):
    account = str(uuid.UUID(int=2**127 + 1, version=4))
    order = {"client_address": "2001:db8:1234:5678:9012:3456:7890:1234", "members": 4_263}
    answer = web.post(SESSIONS, ORDER | order | {"account": account}, auth=web.key, headers=HONEST_HEADERS)
    assert answer.status_code == 201
    payer = PAYER | {"email": "mira.2031@example.org", "first_name": "\u674e\u5c0f\u9f99", "zip": "02451-1234"}
    extra = {"fraud_session_id": "0123456789abcdef0123456789ABCDEF", "three_d_secure_reference": "426398264026"}
    done = web.complete(answer.json, payer=payer, headers=HONEST_HEADERS, **extra)
    assert done.status_code == 201
    assert web.account(account).json["access"]["plan"] == "team"


@pytest.mark.parametrize(
    "account", ["123456789012", "acct-20310310", "ACCT_1-2-3", "0b5e2c4e-9d1f-4b7a-8f7e-2c1a3b4d5e6f"]
)
def test_honest_account_passes_in_body_and_path(web, account):
    assert web.complete(web.open(account=account, members=12)).status_code == 201
    assert web.account(account).status_code == 200
    assert web.cancel(account).status_code == 200


def test_authentic_notice_with_a_number_in_it_is_taken(web):
    body = charge_form(custom1=VISA)
    assert web.notify(body).status_code == 200
    assert traces(stored(web), VISA) == []
