"""Who may call, and what the answers look like from the outside."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from simulator_caller import Caller, error_name

RIGHT = base64.b64encode(b"API_1000000001:simulator-password-1").decode()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"Basic  {RIGHT}",
        f"basic {RIGHT}",
        f"Bearer {RIGHT}",
        "Basic not-base64!",
        f"Basic {base64.b64encode(b'API_1000000001:wrong').decode()}",
        f"Basic {base64.b64encode(b'other:simulator-password-1').decode()}",
    ],
)
def test_wrong_credentials_get_a_tomcat_page(caller: Caller, header: Any) -> None:
    answer = caller.call(
        "GET", "/recurring/plans/2340001", auth=lambda request: request, headers={"Authorization": header}
    )
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "text/html;charset=utf-8"
    assert "HTTP Status 401" in answer.text


def test_exactly_one_space_after_basic_is_taken(caller: Caller) -> None:
    header = {"Authorization": f"Basic {RIGHT}"}
    assert caller.call("GET", "/recurring/plans/2340001", auth=lambda request: request, headers=header).ok


@pytest.mark.parametrize(
    ("form", "start"), [("empty", ""), ("json", '{"errorCode": "401"'), ("html", "<!doctype html>")]
)
def test_the_401_comes_in_three_recorded_forms(caller: Caller, form: Any, start: Any) -> None:
    caller.lever("behaviour", {"unauthorized_body": form})
    answer = caller.call("GET", "/recurring/plans", auth=None)
    assert answer.status_code == 401
    assert answer.text.startswith(start)
    assert bool(answer.text) is bool(start)


@pytest.mark.parametrize("media", [None, "application/xml", "text/plain"])
def test_a_call_without_json_content_type_is_refused(caller: Caller, media: Any) -> None:
    assert caller.call("POST", "/payment-fields-tokens", headers={"Content-Type": media}).status_code == 415


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/vaulted-shoppers/7"),
        ("GET", "/vaulted-shoppers/not-a-number"),
        ("GET", "/vaulted-shoppers/merchant/nobody"),
        ("PUT", "/vaulted-shoppers/7"),
        ("GET", "/recurring/plans/7"),
        ("GET", "/recurring/subscriptions/7"),
        ("PUT", "/recurring/subscriptions/7"),
        ("GET", "/recurring/subscriptions/7/charges"),
        ("GET", "/recurring/subscriptions/charges/resolve?transactionid=7"),
        ("GET", "/recurring/subscriptions/charges/resolve"),
        ("GET", "/transactions/7"),
        ("POST", "/transactions/refund/7"),
        ("POST", "/payment-fields-tokens?shopperId=7"),
        ("GET", "/no-such-thing"),
    ],
)
def test_whatever_is_missing_is_a_textual_403(caller: Caller, method: Any, path: Any) -> None:
    answer = caller.call(method, path)
    assert answer.status_code == 403
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "not authorized" in answer.text


@pytest.mark.parametrize(
    ("form", "media", "start"),
    [("json_string", "application/json", '"User'), ("xml", "application/xml", "<xml>User"), ("empty", None, "")],
)
def test_the_403_comes_in_other_recorded_forms(caller: Caller, form: Any, media: Any, start: Any) -> None:
    caller.lever("behaviour", {"missing_body": form})
    answer = caller.call("GET", "/recurring/plans/7")
    assert (answer.status_code, answer.headers.get("Content-Type")) == (403, media)
    assert answer.text.startswith(start)


@pytest.mark.parametrize("path", ["/vaulted-shoppers", "/recurring/subscriptions/7/charges", "/transactions/refund/7"])
def test_a_wrong_verb_gets_an_html_405(caller: Caller, path: Any) -> None:
    answer = caller.call("DELETE", path)
    assert answer.status_code == 405
    assert answer.headers["Content-Type"].startswith("text/html")


def test_the_api_root_says_server_error_in_xml(caller: Caller) -> None:
    answer = caller.call("GET", "/")
    assert (answer.status_code, answer.text) == (400, "<xml>Server Error</xml>")


@pytest.mark.parametrize("accept", [None, "*/*", "application/xml"])
def test_errors_turn_into_xml_unless_json_is_accepted(caller: Caller, accept: Any) -> None:
    # requests sends its own Accept when none is set; an empty one stands for its absence.
    answer = caller.call("POST", "/vaulted-shoppers", json={}, headers={"Accept": accept or ""})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/xml"
    assert "<code>10001</code>" in answer.text
    assert 'xmlns="http://ws.plimus.com"' in answer.text


def test_error_codes_are_texts_and_messages_a_list(caller: Caller) -> None:
    answer = caller.call("POST", "/vaulted-shoppers", json={})
    first, second = answer.json()["message"]
    assert (first["code"], first["errorName"]) == ("10001", "VALIDATION_GENERAL_FAILURE")
    assert {first["invalidProperty"]["name"], second["invalidProperty"]["name"]} == {"firstName", "lastName"}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b'{"a": NaN}', b"\xff", b"[" * 5000])
def test_an_unreadable_body_is_a_plain_400(caller: Caller, body: Any) -> None:
    answer = caller.call("POST", "/vaulted-shoppers", data=body)
    assert error_name(answer) == "VALIDATION_GENERAL_FAILURE"


def test_an_oversized_body_is_refused_and_the_next_call_works(caller: Caller) -> None:
    assert caller.call("POST", "/vaulted-shoppers", data=b"x" * 70_000).status_code == 413
    assert caller.call("GET", "/recurring/plans").status_code == 200


def test_an_unknown_version_is_refused_by_name(caller: Caller) -> None:
    answer = caller.call("POST", "/vaulted-shoppers", json={}, headers={"bluesnap-version": "9"})
    assert error_name(answer) == "INVALID_API_VERSION"


def test_every_answer_is_marked_as_the_simulators(caller: Caller) -> None:
    answers = [
        caller.call("GET", "/recurring/plans"),
        caller.call("GET", "/recurring/plans", auth=None),
        caller.call("GET", "/no-such-thing"),
        caller.call("DELETE", "/vaulted-shoppers"),
        caller.pull("ledger"),
        caller.session.get(f"{caller.origin}/", timeout=5),
    ]
    assert [answer.headers["X-Simulator"] for answer in answers] == ["bluesnap"] * len(answers)


def test_header_names_come_in_changing_case_by_default(caller: Caller) -> None:
    caller.lever("behaviour", {"header_case": "mixed"})
    names = set()
    for _ in range(6):
        answer = caller.call("POST", "/payment-fields-tokens")
        names |= {name for name in answer.raw.headers if name.lower() == "location"}
    assert names == {"Location", "location", "LOCATION"}


def test_unknown_fields_are_among_the_answers_by_default(caller: Caller) -> None:
    calm = set(caller.vault().json())
    caller.lever("behaviour", {"extra_fields": True})
    assert set(caller.vault().json()) > calm
