"""The calls behind the plan page: what the shop's server asks of Panless for this browser's account, and what it refuses before."""

from __future__ import annotations

import json
import uuid

import pytest
import requests
import responses

from simulator.settings import ShopSettings
from simulator.shop import create_app

ORIGIN = "http://localhost:8070"
PANLESS = "http://127.0.0.1:8080"
SETTINGS = ShopSettings(
    panless_url=PANLESS, api_key="a-key", script_url="http://localhost:8091/web-sdk/5/bluesnap.js", origin=ORIGIN
)
ACT = "12345678-1234-4234-8234-123456789abc"
CHARGE = "chg_bcdf"


class Browser:
    """One visitor's calls; `account` is Panless' address of its account."""

    def __init__(self):
        self._client = create_app(SETTINGS).test_client()
        self.call("GET", "/plan")
        account = self._client.get_cookie("lantern_account", domain="localhost").value
        self.account = f"{PANLESS}/v1/accounts/{account}"

    def call(self, method, path, body=None, key=ACT):
        headers = {"Origin": ORIGIN} | ({"Idempotency-Key": key} if key else {})
        return self._client.open(path, method=method, base_url=ORIGIN, json=body, headers=headers)


@pytest.fixture
def browser():
    return Browser()


@pytest.fixture
def panless():
    with responses.RequestsMock() as mock:
        yield mock


def sent(panless):
    return panless.calls[-1].request


def test_change_goes_out_with_the_version_that_was_seen(browser, panless):
    panless.patch(f"{browser.account}/subscription", json={})
    body = {"members": 5, "version": 7}
    assert browser.call("PATCH", "/api/plan", body).json == {"confirmed": True}
    assert json.loads(sent(panless).body) == {"members": 5}
    assert sent(panless).headers["If-Match"] == '"7"'


@pytest.mark.parametrize(("status", "confirmed"), [(204, True), (202, False)])
def test_unconfirmed_change_is_passed_on_as_such(browser, panless, status, confirmed):
    panless.delete(f"{browser.account}/subscription/cancellation", status=status, body="" if confirmed else "{}")
    assert browser.call("DELETE", "/api/plan/cancellation").json == {"confirmed": confirmed}


def test_preview_asks_for_what_the_page_chose(browser, panless):
    wanted = responses.matchers.query_param_matcher({"plan": "business", "members": "4"})
    panless.get(f"{browser.account}/subscription/preview", json={"plan": "business"}, match=[wanted])
    assert browser.call("GET", "/api/plan/preview?plan=business&members=4").json == {"plan": "business"}


def test_act_under_one_key_is_one_act_of_this_account(browser, panless):
    panless.post(f"{browser.account}/subscription/cancellation", json={})
    browser.call("POST", "/api/plan/cancellation")
    browser.call("POST", "/api/plan/cancellation")
    browser.call("POST", "/api/plan/cancellation", key=str(uuid.uuid4()))
    first, again, other = (call.request.headers["Idempotency-Key"] for call in panless.calls)
    assert first == again
    assert len({first, other, ACT}) == 3
    assert str(uuid.UUID(first)) == first


@pytest.mark.parametrize("key", [None, "", "1", "x" * 36])
@pytest.mark.parametrize("path", ["/api/plan/cancellation", "/api/plan/reactivation"])
def test_act_without_a_proper_key_is_refused(browser, path, key):
    assert browser.call("POST", path, {"plan": "team"}, key=key).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"plan": "community"},
        {"plan": "gold"},
        {"members": 0},
        {"members": 501},
        {"members": "x"},
        {"members": 3, "version": "7"},
        {"members": 3, "version": True},
        {"members": 3, "version": 0},
        [],
    ],
)
def test_change_that_makes_no_sense_is_refused_before_panless(browser, body):
    assert browser.call("PATCH", "/api/plan", body).status_code == 400


def test_card_session_is_opened_for_replacing_and_nothing_else(browser, panless):
    panless.post(f"{PANLESS}/v1/checkout-sessions", json={"id": "cs_x"}, status=201)
    assert browser.call("POST", "/api/card/session", {"plan": "team"}).json == {"id": "cs_x"}
    account = browser.account.rpartition("/")[2]
    assert json.loads(sent(panless).body) == {
        "account": account,
        "purpose": "replace_card",
        "client_address": "127.0.0.1",
    }


def test_charges_are_read_page_by_page(browser, panless):
    pages = (
        ({"limit": "100"}, {"charges": [{"id": "a"}], "next": "c"}),
        ({"limit": "100", "after": "c"}, {"charges": [{"id": "b"}], "next": None}),
    )
    for query, page in pages:
        panless.get(f"{browser.account}/charges", json=page, match=[responses.matchers.query_param_matcher(query)])
    assert browser.call("GET", "/api/charges").json == {"charges": [{"id": "a"}, {"id": "b"}]}


@pytest.mark.parametrize("charge", ["chg_other", "CHG_BCDF", "chg_bcdf%3F"])
def test_refund_of_a_foreign_payment_never_reaches_panless(browser, panless, charge):
    panless.get(f"{browser.account}/charges", json={"charges": [{"id": CHARGE}], "next": None})
    answer = browser.call("POST", f"/api/charges/{charge}/refund")
    assert answer.status_code == 404
    assert {call.request.method for call in panless.calls} <= {"GET"}


def test_refund_of_an_own_payment_gives_all_back_and_keeps_the_plan(browser, panless):
    panless.get(f"{browser.account}/charges", json={"charges": [{"id": CHARGE}], "next": None})
    panless.post(f"{PANLESS}/v1/charges/{CHARGE}/refunds", json={}, status=201)
    assert browser.call("POST", f"/api/charges/{CHARGE}/refund").json == {"confirmed": True}
    assert json.loads(sent(panless).body) == {"reason": "requested_by_customer", "cancel_subscription": False}


@pytest.mark.parametrize(("charges", "returning"), [([], False), ([{"id": CHARGE}], True)])
def test_account_that_paid_once_may_start_again(browser, panless, charges, returning):
    free = {"plan": "community", "members": None, "until": None, "reason": "free"}
    panless.get(browser.account, json={"access": free, "subscription": None, "confirming": False})
    panless.get(f"{browser.account}/charges", json={"charges": charges, "next": None})
    assert browser.call("GET", "/api/plan").json["returning"] is returning


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (409, "subscription_changed", "changed elsewhere"),
        (412, "version_wrong", "changed elsewhere"),
        (409, "subscription_canceled", "Undo the cancellation first"),
        (409, "subscription_disputed", "is disputed"),
        (503, "bluesnap_unreachable", "did not answer as it should"),
        (403, "key_scope_missing", "did not answer as it should"),
    ],
)
def test_change_that_is_refused_is_told_in_one_sentence(browser, panless, status, code, told):
    panless.patch(f"{browser.account}/subscription", status=status, json={"code": code, "title": "internal words"})
    message = browser.call("PATCH", "/api/plan", {"members": 5}).json["message"]
    assert told in message
    assert "internal words" not in message


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (402, {"code": "card_declined", "reason": "card_expired"}, (402, "The stored card has expired.")),
        (402, {"code": "card_declined", "reason": "refused"}, (402, "The bank declined the stored card.")),
        (409, {"code": "subscription_exists"}, (409, "already has a paid plan")),
        (409, {"code": "idempotency_key_in_progress"}, (503, "under way already")),
        (503, {"code": "bluesnap_unreachable"}, (502, "Nothing was charged")),
        (500, {"code": "internal_error"}, (503, "it happens once at most")),
        (200, requests.ReadTimeout("x"), (503, "it happens once at most")),
        (200, "<html>", (503, "it happens once at most")),
    ],
)
def test_reactivation_that_fails_is_told_as_what_is_known(browser, panless, status, body, told):
    answer = {"json": body} if isinstance(body, dict) else {"body": body}
    panless.post(f"{browser.account}/subscription/reactivation", status=status, **answer)
    found = browser.call("POST", "/api/plan/reactivation", {"plan": "team", "members": 3})
    assert found.status_code == told[0]
    assert told[1] in found.json["message"]
