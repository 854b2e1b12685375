"""One line for each request: who did what and how it ended, and nothing of what was sent."""

from __future__ import annotations

import json


def request_lines(text):
    return [line for line in map(json.loads, text.splitlines()) if line["event"] == "request.answered"]


def test_every_request_leaves_exactly_one_line(web, logged):
    session = web.open()
    web.complete(session)
    web.call("GET", "/nothing")
    web.call("GET", "/v1/accounts/acct-a")
    web.call("BREW", "/healthz", headers={"Host": "evil.example"})
    web.bluesnap.script("create_payment_fields_token", RuntimeError("x"))
    web.order(account="acct-b")
    told = [(line["method"], line["route"], line["status"], line.get("code")) for line in request_lines(logged())]
    assert told == [
        ("POST", "/v1/checkout-sessions", 201, None),
        ("POST", "/v1/checkout-sessions/<session_id>/completion", 201, None),
        ("GET", "none", 404, "not_found"),
        ("GET", "/v1/accounts/<account>", 401, "credentials_missing"),
        ("OTHER", "none", 400, "request_malformed"),
        ("POST", "/v1/checkout-sessions", 500, "internal_error"),
    ]


def test_line_of_a_request_says_who_acted_and_in_which_request(web, logged):
    answer = web.order()
    (line,) = request_lines(logged())
    assert (line["actor"], line["door"]) == (f"key:{web.key_id}", "checkout")
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert line["ms"] >= 0
    assert "~" not in line.values()


def test_signup_in_the_log_holds_no_secret_and_no_person(web, logged):
    session = web.open(client_address="192.0.2.7")
    web.complete(session, fraud_session_id="f1f2f3f4", three_d_secure_reference="7123456")
    secrets = [
        session["client_secret"][-43:],
        session["hosted_fields"]["token"],
        web.key[-43:],
        "Mira",
        "Okafor",
        "02451",
    ]
    secrets += ["192.0.2", "f1f2f3f4", "7123456", web.bluesnap.subscriptions[0].shopper_id]
    assert [secret for secret in secrets if secret in logged()] == []
    assert "signup.moved" in logged()
    assert "~" not in logged()
