"""HTTP itself: security headers on every answer, CORS for exact origins on one door, HEAD, sizes, methods, hosts, and the address of the payer."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select

from service.billing.buying.limits import address_digests
from service.store.models import SIGNUPS
from tests.support.cards import VISA
from tests.support.notices import charge_form, signed_headers
from tests.support.tools import PRODUCTION, SANDBOX, SHOP_ORIGIN
from tests.support.web import SESSIONS, WEBHOOKS, Web, new_key, problem, told

PAGE = f"{SESSIONS}/cs_{'b' * 30}"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
FOREIGN = [
    "https://evil.example",
    "null",
    "",
    "*",
    SHOP_ORIGIN + ".evil.example",
    SHOP_ORIGIN + "/",
    "https://localhost:8070",
    "http://localhost",
    SHOP_ORIGIN.upper(),
]


SAID = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def every_kind_of_answer(web):
    session = web.open()
    yield web.call("GET", "/healthz")
    yield web.call("GET", "/openapi.yaml")
    yield web.call("HEAD", "/healthz")
    yield web.call("OPTIONS", PAGE)
    yield web.read(session)
    yield web.account()
    yield web.call("GET", "/nothing")
    yield web.call("DELETE", "/healthz")
    yield web.call("GET", "/v1/accounts/acct-a")
    yield web.call("GET", "/healthz", headers={"Host": "evil.example"})
    yield web.notify(charge_form())
    yield web.notify(charge_form(), {})
    yield web.complete(session)
    web.bluesnap.script("create_payment_fields_token", RuntimeError("broken"))
    yield web.order(account="acct-b")


def test_every_answer_carries_the_security_headers(web):
    answers = list(every_kind_of_answer(web))
    assert {answer.status_code for answer in answers} == {200, 201, 204, 400, 401, 404, 405, 500}
    for answer in answers:
        shown = answer.headers
        assert {name: shown.get(name) for name in SAID} == SAID
        assert "Strict-Transport-Security" not in shown
        assert shown["X-Request-Id"].startswith("req_")
        assert "Set-Cookie" not in shown
        assert "Access-Control-Allow-Credentials" not in shown


@pytest.mark.parametrize("real", [PRODUCTION, SANDBOX], ids=["production", "sandbox"])
def test_answers_outside_the_simulator_ask_for_tls_for_a_year(make_tools, bluesnap, real):
    web = Web(make_tools(**real | {"trusted_hosts": "localhost,billing.example"}), bluesnap)
    asked = [web.call("GET", path) for path in ("/healthz", "/nothing", f"/healthz?x={VISA}")]
    asked.append(web.call("GET", "/healthz", headers={"Host": "evil.example"}))
    assert [answer.status_code for answer in asked] == [200, 404, 422, 400]
    for answer in asked:
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_request_ids_are_ours_whatever_a_caller_sends(web):
    answer = web.call("GET", "/healthz", headers={"X-Request-Id": "zqxcanary"})
    assert "zqxcanary" not in told(answer)


def test_page_of_the_shop_may_read_answers_and_problems(web):
    session = web.open()
    origin = {"Origin": SHOP_ORIGIN}
    answers = [
        web.call("GET", f"{SESSIONS}/{session['id']}", auth=session["client_secret"], headers=origin),
        web.call("GET", f"{SESSIONS}/{session['id']}", headers=origin),
        web.complete(session, headers=origin),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 201]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP_ORIGIN
        assert answer.headers["Access-Control-Expose-Headers"] == "ETag, Retry-After, X-Request-Id"
        assert answer.headers["Vary"] == "Origin"


def test_preflight_of_the_shop_allows_what_the_page_sends(web):
    answer = web.call("OPTIONS", PAGE + "/completion", headers={"Origin": SHOP_ORIGIN, **PREFLIGHT})
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP_ORIGIN
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, Idempotency-Key"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"


@pytest.mark.parametrize("origin", FOREIGN)
def test_page_of_a_foreign_origin_reads_nothing(web, origin):
    session = web.open()
    for answer in (
        web.call("GET", f"{SESSIONS}/{session['id']}", auth=session["client_secret"], headers={"Origin": origin}),
        web.call("OPTIONS", PAGE, headers={"Origin": origin, **PREFLIGHT}),
    ):
        assert [name for name, _ in answer.headers if name.startswith("Access-Control")] == []
        assert answer.headers["Vary"] == "Origin"


def test_without_any_origin_set_no_page_may_call(make_tools, bluesnap):
    web = Web(make_tools(cors_origins=None), bluesnap)
    for origin in ("", "null", SHOP_ORIGIN):
        answer = web.call("OPTIONS", PAGE, headers={"Origin": origin, **PREFLIGHT})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_other_doors_know_no_cross_origin_calls(web):
    body, origin = charge_form(), {"Origin": SHOP_ORIGIN}
    answers = [
        web.call("GET", "/v1/accounts/acct-a", auth=web.key, headers=origin),
        web.call(
            "POST",
            SESSIONS,
            auth=web.key,
            key=new_key(),
            headers=origin,
            json={"account": "a", "plan": "team", "members": 1},
        ),
        web.call("GET", "/healthz", headers=origin),
        web.notify(body, signed_headers(body) | origin),
    ]
    assert [answer.status_code for answer in answers] == [200, 201, 200, 200]
    for path in (SESSIONS, "/v1/accounts/acct-a", WEBHOOKS, "/healthz"):
        answers.append(web.call("OPTIONS", path, headers=origin | PREFLIGHT))
        problem(answers[-1], 405, "method_not_allowed")
    assert [name for answer in answers for name, _ in answer.headers if name.startswith("Access-Control")] == []


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.yaml", WEBHOOKS])
def test_head_is_answered_as_get_without_a_body(web, path):
    head, get = web.call("HEAD", path), web.call("GET", path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_type == get.content_type


def test_head_of_a_locked_door_needs_the_key(web):
    assert web.call("HEAD", "/v1/accounts/acct-a").status_code == 401
    assert web.call("HEAD", "/v1/accounts/acct-a", auth=web.key).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", SESSIONS, {"POST"}),
        ("PUT", SESSIONS, {"POST"}),
        ("DELETE", PAGE, {"GET", "HEAD", "OPTIONS"}),
        ("GET", PAGE + "/completion", {"POST", "OPTIONS"}),
        ("PATCH", "/v1/accounts/acct-a", {"GET", "HEAD"}),
        ("DELETE", WEBHOOKS, {"GET", "HEAD", "POST"}),
        ("TRACE", "/healthz", {"GET", "HEAD"}),
        ("BREW", "/healthz", {"GET", "HEAD"}),
    ],
)
def test_method_that_is_not_allowed_is_told_which_are(web, method, path, allowed):
    answer = web.call(method, path)
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        SESSIONS + "/",
        "/healthz/",
        "/V1/accounts/a",
        "/v1/accounts/",
        "/v1/accounts/a/b",
        "/..%2fetc",
        "/static/x",
    ],
)
def test_path_that_is_not_there_is_not_redirected(web, path):
    answer = web.call("GET", path, auth=web.key)
    problem(answer, 404, "not_found")
    assert "Location" not in answer.headers


@pytest.mark.parametrize("path", ["/./healthz", "/v1//accounts/acct-a", "//evil.example/healthz"])
def test_path_with_a_slash_too_many_is_not_mended(web, path):
    answer = web.client.get("/", environ_overrides={"PATH_INFO": path})
    problem(answer, 404, "not_found")
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:80", "a b", "[::1"]
)
def test_host_that_is_not_ours_is_refused(web, host):
    answer = web.call("GET", "/healthz", headers={"Host": host})
    problem(answer, 400, "request_malformed")
    assert "evil" not in told(answer)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "localhost:8080", "127.0.0.1:8080"])
def test_host_of_our_own_is_served(web, host):
    assert web.call("GET", "/healthz", headers={"Host": host}).status_code == 200


def chunked(web, path, size, headers):
    """A request without Content-Length, as a server hands over a chunked one."""
    return web.client.post(
        path,
        headers=headers | {"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input": io.BytesIO(b" " * size), "wsgi.input_terminated": True},
    )


@pytest.mark.parametrize(
    ("size", "code"),
    [(100, "body_malformed"), (16_383, "body_malformed"), (16_384, "body_too_large"), (99_999, "body_too_large")],
)
def test_chunked_body_keeps_the_same_limit(web, size, code):
    headers = {"Authorization": f"Bearer {web.key}", "Content-Type": "application/json", "Idempotency-Key": new_key()}
    answer = chunked(web, SESSIONS, size, headers)
    problem(answer, 413 if code == "body_too_large" else 400, code)


def test_chunked_notice_keeps_its_own_limit(web):
    problem(chunked(web, WEBHOOKS, 65_535, {}), 401, "signature_invalid")
    problem(chunked(web, WEBHOOKS, 65_536, {}), 413, "body_too_large")


def test_body_without_a_known_length_is_not_waited_for(web):
    headers = {"Authorization": f"Bearer {web.key}", "Content-Type": "application/json", "Idempotency-Key": new_key()}
    answer = web.client.post(
        SESSIONS, headers=headers, environ_overrides={"wsgi.input": io.BytesIO(b"{}"), "CONTENT_LENGTH": ""}
    )
    problem(answer, 400, "body_malformed")


def address_of(web, forwarded, **environ):
    """The address digest that a completion was counted under."""
    session = web.open()
    headers = {"Authorization": f"Bearer {session['client_secret']}", "Idempotency-Key": new_key()}
    answer = web.client.post(
        f"{SESSIONS}/{session['id']}/completion",
        json={"payer": {"first_name": "Mira", "last_name": "Okafor", "country": "us"}},
        headers=[*headers.items(), *(("X-Forwarded-For", value) for value in forwarded)],
        environ_overrides=environ,
    )
    assert answer.status_code == 201
    with web.tools.engine.connect() as connection:
        return connection.execute(select(SIGNUPS.c.address)).scalar_one()


@pytest.mark.parametrize("forwarded", [[], ["192.0.2.1"], ["192.0.2.1, 10.0.0.1"], ["rubbish"]])
def test_forwarded_address_of_a_stranger_is_not_believed(web, forwarded):
    assert address_of(web, forwarded, REMOTE_ADDR="203.0.113.9") is None


@pytest.mark.parametrize(
    ("forwarded", "believed"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
        (["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
        (["198.51.100.7, 192.0.2.1, 10.1.2.3"], "192.0.2.1"),
        (["2001:db8::1"], "2001:db8::1"),
        ([], None),
        (["10.0.0.1"], None),
        (["rubbish"], None),
        (["192.0.2.1, rubbish"], None),
    ],
)
def test_address_is_the_last_that_our_own_proxies_saw(make_tools, bluesnap, forwarded, believed):
    web = Web(make_tools(trusted_proxies="10.0.0.0/8,fd00::/8"), bluesnap)
    expected = next(iter(address_digests(web.tools.keyring, believed)), None)
    assert address_of(web, forwarded, REMOTE_ADDR="10.0.0.5") == expected
