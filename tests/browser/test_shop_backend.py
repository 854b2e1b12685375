"""The demo shop's own server: what it asks of Panless, what it tells the page, and what it keeps to itself."""

from __future__ import annotations

import json
import re
import uuid

import pytest
import requests
import responses

from simulator.settings import ShopSettings
from simulator.shop import create_app

ORIGIN = "http://localhost:8070"
PANLESS = "http://127.0.0.1:8080"
KEY = "a-key-that-no-page-may-see"
SETTINGS = ShopSettings(
    panless_url=PANLESS, api_key=KEY, script_url="http://localhost:8091/web-sdk/5/bluesnap.js", origin=ORIGIN
)
SESSIONS = f"{PANLESS}/v1/checkout-sessions"
ORDER = {"plan": "team", "members": 3}


@pytest.fixture
def client():
    return create_app(SETTINGS).test_client()


@pytest.fixture
def panless():
    with responses.RequestsMock() as mock:
        yield mock


def get(client, path, **more):
    return client.get(path, base_url=ORIGIN, **more)


def order(client, body=ORDER, origin=ORIGIN, **more):
    headers = {} if origin is None else {"Origin": origin}
    return client.post("/api/checkout", base_url=ORIGIN, json=body, headers=headers, **more)


def account_of(client):
    return client.get_cookie("lantern_account", domain="localhost").value


def test_order_opens_a_session_for_this_browsers_account(client, panless):
    panless.post(SESSIONS, json={"id": "cs_x", "client_secret": "pcs_x"}, status=201)
    assert order(client).json == {"id": "cs_x", "client_secret": "pcs_x"}
    sent = panless.calls[0].request
    assert json.loads(sent.body) == {**ORDER, "account": account_of(client), "client_address": "127.0.0.1"}
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert str(uuid.UUID(sent.headers["Idempotency-Key"])) == sent.headers["Idempotency-Key"]


def test_every_session_is_asked_for_under_a_fresh_key(client, panless):
    panless.post(SESSIONS, json={"id": "cs_x"}, status=201)
    order(client)
    order(client)
    first, second = (call.request.headers["Idempotency-Key"] for call in panless.calls)
    assert first != second


def test_no_netrc_entry_replaces_the_api_key(client, panless, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    panless.post(SESSIONS, json={"id": "cs_x"}, status=201)
    order(client)
    assert panless.calls[0].request.headers["Authorization"] == f"Bearer {KEY}"


def test_account_cookie_is_closed_to_scripts_and_other_sites(client):
    cookie = get(client, "/checkout?plan=team&members=3").headers["Set-Cookie"]
    assert re.match(r"lantern_account=acct-[bcdfghjklmnpqrstvwxz]{20};", cookie)
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def test_account_stays_the_same_until_somebody_starts_over(client):
    get(client, "/welcome")
    first = account_of(client)
    get(client, "/welcome")
    assert account_of(client) == first
    answer = client.post("/start-over", base_url=ORIGIN, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert account_of(client) != first


@pytest.mark.parametrize("text", ["", "acct-aeiou", "../../v1", "acct-" + "b" * 20 + "\u0661", "4" * 16])
def test_foreign_account_cookie_is_not_believed(client, panless, text):
    client.set_cookie("lantern_account", text, domain="localhost")
    panless.get(re.compile(f"{PANLESS}/v1/accounts/acct-[a-z]{{20}}"), json={"access": {"plan": "community"}})
    assert get(client, "/api/access").json["account"] == account_of(client) != text


@pytest.mark.parametrize(
    "origin", [None, "null", "http://localhost:8071", "https://localhost:8070", "http://evil.example"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/checkout"),
        ("POST", "/start-over"),
        ("PATCH", "/api/plan"),
        ("POST", "/api/plan/cancellation"),
        ("DELETE", "/api/plan/cancellation"),
        ("POST", "/api/plan/reactivation"),
        ("POST", "/api/card/session"),
        ("POST", "/api/charges/chg_b/refund"),
    ],
)
def test_writing_call_from_another_origin_is_refused(client, origin, method, path):
    headers = {} if origin is None else {"Origin": origin}
    answer = client.open(path, method=method, base_url=ORIGIN, json=ORDER, headers=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        {"plan": "community", "members": 1},
        {"plan": "gold", "members": 1},
        {"plan": "team", "members": 0},
        {"plan": "team", "members": 501},
        {"plan": "team", "members": -1},
        {"plan": "team", "members": 1.5},
        {"plan": "team", "members": "٣"},
        {"plan": ["team"], "members": 1},
        {"plan": "team"},
        [],
        "team",
    ],
)
def test_order_that_makes_no_sense_is_refused_before_panless(client, body):
    assert order(client, body).status_code == 400


@pytest.mark.parametrize(
    "query", ["", "?plan=team", "?plan=team&members=0", "?plan=x&members=3", "?plan=team&members=5e1"]
)
def test_checkout_page_without_a_sensible_order_says_so(client, query):
    answer = get(client, f"/checkout{query}")
    assert answer.status_code == 400
    assert "cannot be ordered" in answer.text


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("subscription_exists", 409, "already has a paid plan"),
        ("signup_undecided", 409, "still being confirmed"),
        ("too_many_attempts", 429, "try again in ten minutes"),
        ("key_revoked", 502, "Nothing was charged"),
    ],
)
def test_problems_of_panless_become_plain_sentences(client, panless, code, status, words):
    panless.post(SESSIONS, json={"code": code, "title": "internal words"}, status=409)
    answer = order(client)
    assert answer.status_code == status
    assert words in answer.json["message"]
    assert "internal words" not in answer.text


@pytest.mark.parametrize("failure", [requests.ConnectionError("x"), requests.ReadTimeout("x"), "<html>", "[]"])
def test_silent_or_unreadable_panless_is_told_as_a_failure(client, panless, failure):
    panless.get(re.compile(PANLESS), body=failure)
    answer = get(client, "/api/access")
    assert answer.status_code in {502, 503}
    assert "Please try again" in answer.json["message"]


def test_access_tells_the_page_what_panless_answers(client, panless):
    charge = {"date": "2031-02-01", "total": {"amount": "87.00", "currency": "USD"}}
    access = {"plan": "team", "members": 3, "until": "2031-02-01T08:00:00Z", "reason": "paid"}
    panless.get(re.compile(PANLESS), json={"account": "x", "access": access, "subscription": {"next_charge": charge}})
    answer = get(client, "/api/access").json
    assert answer == {"access": access, "next_charge": charge, "account": account_of(client)}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/checkout?plan=team&members=3", 200),
        ("/welcome", 200),
        ("/plan", 200),
        ("/checkout", 400),
        ("/nothing", 404),
        ("/static/panless.js", 200),
    ],
)
def test_every_page_allows_the_shop_and_the_hosted_fields_only(client, path, status):
    answer = get(client, path, buffered=True)
    assert answer.status_code == status
    nonce = re.search(r"'nonce-([^']{24})'", answer.headers["Content-Security-Policy"])[1]
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; script-src 'nonce-{nonce}' http://localhost:8091; style-src 'nonce-{nonce}'; "
        "img-src 'self'; connect-src 'self' http://127.0.0.1:8080; frame-src http://localhost:8091; form-action 'self'; "
        "base-uri 'none'; object-src 'none'; frame-ancestors 'none'; report-uri http://127.0.0.1:8080/v1/page-reports"
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert KEY not in answer.text


@pytest.mark.parametrize("path", ["/", "/checkout?plan=team&members=3", "/welcome", "/plan", "/nothing"])
def test_no_page_holds_script_or_style_of_its_own(client, path):
    page = get(client, path).text
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", page) == []


def test_shop_has_one_address_and_sends_visitors_there(client):
    answer = client.get("/checkout?plan=team&members=3", base_url="http://127.0.0.1:8070")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{ORIGIN}/checkout?plan=team&members=3")
