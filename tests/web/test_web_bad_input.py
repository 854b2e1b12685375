"""Bad input: each kind has a code and a status of its own, creates nothing, and nothing of it is ever repeated."""

from __future__ import annotations

import json

import pytest

from tests.support.cards import VISA, spellings, traces
from tests.support.web import PAYER, SESSIONS, new_key, problem, told

ORDER = {"account": "acct-a", "plan": "team", "members": 10}
COMPLETION = {"payer": PAYER}
LEAVE_OUT = object()
CANARY = "zqxcanary"


def business_rows(web):
    """What a refused request may not change: all but the bookkeeping of idempotency keys."""
    return {name: number for name, number in web.rows().items() if name != "idempotency_keys"}


def without(body, **changed):
    """The body with other values; those that are LEAVE_OUT are left out."""
    return {name: value for name, value in (body | changed).items() if value is not LEAVE_OUT}


BAD_ORDERS = {
    "plan that nobody knows": ({"plan": CANARY}, "plan_unknown", "/plan"),
    "plan that is free": ({"plan": "community"}, "plan_unknown", "/plan"),
    "plan that is no name": ({"plan": f"{CANARY} 7"}, "plan_unknown", "/plan"),
    "plan that is a number": ({"plan": 7}, "plan_unknown", "/plan"),
    "plan that is null": ({"plan": None}, "field_malformed", "/plan"),
    "no plan": ({"plan": LEAVE_OUT}, "field_missing", "/plan"),
    "no members": ({"members": LEAVE_OUT}, "field_missing", "/members"),
    "zero members": ({"members": 0}, "members_out_of_range", "/members"),
    "negative members": ({"members": -1}, "members_out_of_range", "/members"),
    "more members than sold": ({"members": 10_001}, "members_out_of_range", "/members"),
    "absurd members": ({"members": 10**11}, "members_out_of_range", "/members"),
    "half a member": ({"members": 1.5}, "members_out_of_range", "/members"),
    "members as a whole float": ({"members": 2.0}, "members_out_of_range", "/members"),
    "members as text": ({"members": "10"}, "members_out_of_range", "/members"),
    "members as true": ({"members": True}, "members_out_of_range", "/members"),
    "account with blanks": ({"account": f"{CANARY} b"}, "account_malformed", "/account"),
    "account with a slash": ({"account": f"{CANARY}/b"}, "account_malformed", "/account"),
    "account with an umlaut": ({"account": f"{CANARY}\u00e4"}, "account_malformed", "/account"),
    "account with a line end": ({"account": f"{CANARY}\n"}, "account_malformed", "/account"),
    "account with a zero byte": ({"account": f"{CANARY}\x00"}, "account_malformed", "/account"),
    "empty account": ({"account": ""}, "account_malformed", "/account"),
    "account too long": ({"account": "a" * 65}, "account_malformed", "/account"),
    "account with too many digits": ({"account": "1234567890123"}, "account_malformed", "/account"),
    "account that is a list": ({"account": [CANARY]}, "account_malformed", "/account"),
    "no account": ({"account": LEAVE_OUT}, "field_missing", "/account"),
    "unknown field": ({CANARY: CANARY}, "field_unknown", ""),
    "unknown purpose": ({"purpose": CANARY}, "field_malformed", "/purpose"),
    "address that is none": ({"client_address": CANARY}, "field_malformed", "/client_address"),
    "network instead of an address": ({"client_address": "192.0.2.0/24"}, "field_malformed", "/client_address"),
}


@pytest.mark.parametrize("name", BAD_ORDERS)
def test_bad_order_is_refused_by_its_code_and_pointer(web, name):
    changed, code, pointer = BAD_ORDERS[name]
    before = business_rows(web)
    answer = web.post(SESSIONS, without(ORDER, **changed), auth=web.key)
    body = problem(answer, 422, code)
    assert body["errors"] == [{"pointer": pointer, "code": code}]
    assert CANARY not in told(answer)
    assert business_rows(web) == before
    assert web.bluesnap.calls == []


BAD_COMPLETIONS = {
    "no payer": ({"payer": LEAVE_OUT}, "field_missing", "/payer"),
    "payer that is text": ({"payer": CANARY}, "field_malformed", "/payer"),
    "payer that is null": ({"payer": None}, "field_malformed", "/payer"),
    "no first name": ({"payer": without(PAYER, first_name=LEAVE_OUT)}, "field_missing", "/payer/first_name"),
    "first name of blanks": ({"payer": PAYER | {"first_name": "  "}}, "field_malformed", "/payer/first_name"),
    "name with a tag": ({"payer": PAYER | {"last_name": f"<b>{CANARY}"}}, "field_malformed", "/payer/last_name"),
    "country of three letters": ({"payer": PAYER | {"country": "USA"}}, "field_malformed", "/payer/country"),
    "no country": ({"payer": without(PAYER, country=LEAVE_OUT)}, "field_missing", "/payer/country"),
    "state in small letters": ({"payer": PAYER | {"state": "ma"}}, "field_malformed", "/payer/state"),
    "zip with a sign": ({"payer": PAYER | {"zip": "02451!"}}, "field_malformed", "/payer/zip"),
    "e-mail without a host": ({"payer": PAYER | {"email": f"{CANARY}@"}}, "field_malformed", "/payer/email"),
    "unknown field of the payer": ({"payer": PAYER | {CANARY: CANARY}}, "field_unknown", "/payer"),
    "unknown field": ({CANARY: CANARY}, "field_unknown", ""),
    "payment-fields token": ({"token": CANARY}, "field_unknown", ""),
    "3-D Secure reference of letters": (
        {"three_d_secure_reference": CANARY},
        "field_malformed",
        "/three_d_secure_reference",
    ),
    "fraud session with a sign": ({"fraud_session_id": f"{CANARY}-"}, "field_malformed", "/fraud_session_id"),
}


@pytest.mark.parametrize("name", BAD_COMPLETIONS)
def test_bad_completion_is_refused_and_leaves_the_session_open(web, name):
    changed, code, pointer = BAD_COMPLETIONS[name]
    session = web.open()
    before = web.rows()
    body = without(COMPLETION, **changed)
    answer = web.post(f"{SESSIONS}/{session['id']}/completion", body, auth=session["client_secret"])
    assert problem(answer, 422, code)["errors"] == [{"pointer": pointer, "code": code}]
    assert CANARY not in told(answer)
    assert web.rows() == before
    assert web.bluesnap.made("create_shopper") == []
    assert web.read(session).json["status"] == "open"


CARD_ENTRANCES = {
    "account": lambda text: ("order", {"account": text}),
    "plan": lambda text: ("order", {"plan": text}),
    "members": lambda text: ("order", {"members": text}),
    "client address": lambda text: ("order", {"client_address": text}),
    "name of a field": lambda text: ("order", {text: "x"}),
    "first name": lambda text: ("completion", {"payer": PAYER | {"first_name": text}}),
    "last name": lambda text: ("completion", {"payer": PAYER | {"last_name": text}}),
    "e-mail": lambda text: ("completion", {"payer": PAYER | {"email": f"{text}@example.org"}}),
    "zip": lambda text: ("completion", {"payer": PAYER | {"zip": text}}),
    "3-D Secure reference": lambda text: ("completion", {"three_d_secure_reference": text}),
    "fraud session": lambda text: ("completion", {"fraud_session_id": text}),
    "name of a payer's field": lambda text: ("completion", {"payer": PAYER | {text: "x"}}),
}


@pytest.mark.parametrize("entrance", CARD_ENTRANCES)
def test_card_number_in_any_field_is_refused_and_not_repeated(web, entrance, logged):
    session = web.open()
    before = web.rows()
    for spelled in spellings(VISA).values():
        kind, changed = CARD_ENTRANCES[entrance](spelled)
        if kind == "order":
            answer = web.post(SESSIONS, ORDER | changed, auth=web.key)
        else:
            path = f"{SESSIONS}/{session['id']}/completion"
            answer = web.post(path, COMPLETION | changed, auth=session["client_secret"])
        problem(answer, 422, "card_data_refused")
        assert traces(told(answer), VISA) == []
    assert web.rows() == before
    assert traces(logged(), VISA) == []
    assert "request.answered" in logged()


@pytest.mark.parametrize("spelled", spellings(VISA).values(), ids=spellings(VISA))
def test_card_number_in_the_path_is_not_repeated_anywhere(web, spelled, logged):
    for path in (f"/v1/accounts/{spelled}", f"{SESSIONS}/{spelled}", f"/{spelled}", f"/v1/accounts/a?card={spelled}"):
        answer = web.call("GET", path, auth=web.key)
        problem(answer, 422, "card_data_refused")
        assert traces(told(answer), VISA) == []
    assert traces(logged(), VISA) == []


@pytest.mark.parametrize(
    "session_id", ["x", "cs_", "cs_" + "b" * 29, "key_" + "b" * 30, "%00", "cs_%00", "%ff", "\u00e4", "a" * 300]
)
def test_odd_session_id_is_an_unknown_session(web, session_id):
    problem(web.call("GET", f"{SESSIONS}/{session_id}", auth=web.key), 404, "session_not_found")


@pytest.mark.parametrize("account", ["a%20b", "%00", "%ff", "\u00e4", "a" * 65, "1234567890123", "a%0a"])
def test_odd_account_in_the_path_is_malformed(web, account):
    problem(web.call("GET", f"/v1/accounts/{account}", auth=web.key), 422, "account_malformed")


BODIES = {
    "nothing": (b"", 400, "body_malformed"),
    "half an object": (b'{"account": "' + CANARY.encode(), 400, "body_malformed"),
    "two documents": (b"{}{}", 400, "body_malformed"),
    "not a number": (b'{"members": NaN}', 400, "body_malformed"),
    "infinity": (b'{"members": -Infinity}', 400, "body_malformed"),
    "bytes that are no text": (b'{"account": "\xff\xfe"}', 400, "body_malformed"),
    "another encoding": ('{"account": "a"}'.encode("utf-16"), 400, "body_malformed"),
    "too deep": (b"[" * 9_000, 400, "body_malformed"),
    "number of ten thousand digits": (b'{"members": ' + b"7" * 10_000 + b"}", 422, "card_data_refused"),
    "name twice": (f'{{"account": "{CANARY}", "account": "b"}}'.encode(), 400, "duplicate_key"),
    "name twice inside": (b'{"account": {"a": 1, "a": 1}}', 400, "duplicate_key"),
    "list": (b"[]", 422, "field_malformed"),
    "text": (f'"{CANARY}"'.encode(), 422, "field_malformed"),
    "number": (b"7", 422, "field_malformed"),
    "null": (b"null", 422, "field_malformed"),
    "too large": (b'{"account": "' + b"a" * 16_384 + b'"}', 413, "body_too_large"),
}


@pytest.mark.parametrize("name", BODIES)
def test_body_that_is_no_order_is_refused(web, name):
    data, status, code = BODIES[name]
    before = web.rows()
    headers = {"Content-Type": "application/json", "Idempotency-Key": new_key()}
    answer = web.call("POST", SESSIONS, auth=web.key, headers=headers, data=data)
    problem(answer, status, code)
    assert CANARY not in told(answer)
    assert web.rows() == before


def test_largest_body_that_is_allowed_is_read(web):
    text = json.dumps(ORDER)
    headers = {"Content-Type": "application/json", "Idempotency-Key": new_key()}
    answer = web.call("POST", SESSIONS, auth=web.key, headers=headers, data=text + " " * (16_384 - len(text)))
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/problem+json"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_body_of_another_media_type_is_refused(web, headers):
    before = web.rows()
    given = {"Idempotency-Key": new_key(), **headers}
    problem(
        web.call("POST", SESSIONS, auth=web.key, headers=given, data=json.dumps(ORDER)), 415, "unsupported_media_type"
    )
    assert web.rows() == before


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8"]
)
def test_json_with_or_without_its_charset_is_read(web, media_type):
    headers = {"Idempotency-Key": new_key(), "Content-Type": media_type}
    assert web.call("POST", SESSIONS, auth=web.key, headers=headers, data=json.dumps(ORDER)).status_code == 201


@pytest.mark.parametrize("key", ["", "my-key", "a" * 31, "a" * 33, "g" * 32, "{00000000-0000-4000-8000-000000000000}"])
def test_idempotency_key_that_is_no_uuid_is_refused(web, key):
    before = web.rows()
    answer = web.call("POST", SESSIONS, auth=web.key, headers={"Idempotency-Key": key}, json=ORDER)
    problem(answer, 400, "idempotency_key_malformed")
    assert web.rows() == before


def test_two_idempotency_keys_are_refused(web):
    headers = [("Authorization", f"Bearer {web.key}"), ("Idempotency-Key", new_key()), ("Idempotency-Key", new_key())]
    problem(web.client.post(SESSIONS, json=ORDER, headers=headers), 400, "idempotency_key_malformed")


def test_several_mistakes_are_told_each_with_its_pointer(web):
    answer = web.post(SESSIONS, {"account": "a b", "members": 0, "extra": 1}, auth=web.key)
    assert problem(answer, 422, "validation_failed")["errors"] == [
        {"pointer": "", "code": "field_unknown"},
        {"pointer": "/account", "code": "account_malformed"},
        {"pointer": "/members", "code": "members_out_of_range"},
        {"pointer": "/plan", "code": "field_missing"},
    ]


def test_credentials_are_looked_at_before_the_body(web):
    problem(web.call("POST", SESSIONS, data=b"{"), 401, "credentials_missing")


def test_body_is_looked_at_before_the_idempotency_key(web):
    problem(web.call("POST", SESSIONS, auth=web.key, json={}), 422, "field_missing")


def test_bluesnap_in_trouble_is_told_and_buys_nothing(web):
    session = web.open()
    before = business_rows(web)
    web.bluesnap.script("create_payment_fields_token", RuntimeError(CANARY))
    answer = web.renew(session)
    problem(answer, 500, "internal_error")
    assert CANARY not in told(answer)
    assert business_rows(web) == before
    assert web.renew(session).status_code == 201
