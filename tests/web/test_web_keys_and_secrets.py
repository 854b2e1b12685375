"""Who may come in: a platform by a key with its scopes, a page by its session's own secret, and nobody by anything that only looks like one."""

from __future__ import annotations

import json

import pytest

from service.errors import Declined, DeclineReason
from service.store.keyring import Keyring
from tests.support.web import SESSIONS, problem

HARD = Declined("declined", DeclineReason.REFUSED, hard=True)
ACCOUNT = "/v1/accounts/acct-a"


def read_account(web, secret):
    return web.call("GET", ACCOUNT, auth=secret)


def test_revoked_key_is_refused_at_once_and_told_so(web):
    key_id, text = web.new_key("accounts:read")
    assert read_account(web, text).status_code == 200
    web.revoke(key_id)
    problem(read_account(web, text), 401, "key_revoked")


def test_line_of_a_refusal_says_which_key_it_was_and_no_other_line_does(web, logged):
    key_id, text = web.new_key("accounts:read")
    read_account(web, text)
    web.revoke(key_id)
    read_account(web, text)
    read_account(web, web.key)
    lines = [json.loads(line) for line in logged().splitlines()]
    told = [line.get("key") for line in lines if line["event"] == "request.answered"]
    assert told == [None, key_id, None]


def test_key_of_another_environment_is_unknown_here(web):
    for environment in ("sandbox", "production"):
        problem(read_account(web, web.new_key("accounts:read", environment=environment)[1]), 401, "key_unknown")


def test_text_of_a_key_cannot_be_moved_to_another_environment(web):
    moved = web.key.replace("pk_simulator_", "pk_sandbox_")
    problem(read_account(web, moved), 401, "key_unknown")


@pytest.mark.parametrize(
    "secret",
    ["", "x", "pk_simulator_short", "pk_live_" + "a" * 43, "pk_simulator_" + "a" * 44, "pk_simulator_" + "!" * 43],
)
def test_text_that_is_no_key_is_malformed(web, secret):
    problem(read_account(web, secret), 401, "credentials_malformed")


def test_client_secret_opens_no_platform_door(web):
    problem(read_account(web, web.open()["client_secret"]), 401, "credentials_malformed")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_scheme_of_the_credentials_is_read_in_any_case(web, scheme):
    assert web.call("GET", ACCOUNT, headers={"Authorization": f"{scheme} {web.key}"}).status_code == 200


def test_two_authorization_headers_are_refused(web):
    headers = [("Authorization", f"Bearer {web.key}"), ("Authorization", f"Bearer {web.key}")]
    problem(web.client.get(ACCOUNT, headers=headers), 401, "credentials_malformed")


@pytest.mark.parametrize(
    ("scope", "works"),
    [("checkout:write", {"order"}), ("checkout:read", {"session"}), ("accounts:read", {"account"})],
)
def test_key_opens_what_its_scope_names_and_nothing_else(web, scope, works):
    session, text = web.open(), web.new_key(scope)[1]
    answers = {
        "order": web.post(SESSIONS, {"account": "acct-z", "plan": "team", "members": 1}, auth=text),
        "session": web.read(session, auth=text),
        "account": read_account(web, text),
    }
    assert {name for name, answer in answers.items() if answer.status_code < 300} == works
    for name in answers.keys() - works:
        problem(answers[name], 403, "scope_missing")


def test_api_key_completes_and_renews_no_session(web):
    session = web.open() | {"client_secret": web.key}
    problem(web.complete(session), 401, "credentials_malformed")
    problem(web.renew(session), 401, "credentials_malformed")
    assert web.bluesnap.made("create_shopper") == []


def test_secret_of_one_session_opens_no_other(web):
    first, second = web.open(), web.open()
    stolen = second | {"client_secret": first["client_secret"]}
    for answer in (web.read(stolen), web.renew(stolen), web.complete(stolen)):
        problem(answer, 403, "session_foreign")
    assert web.bluesnap.made("create_shopper") == []


def test_secret_that_was_changed_is_wrong(web):
    session = web.open()
    forged = session | {"client_secret": session["client_secret"][:-43] + "A" * 43}
    for answer in (web.read(forged), web.renew(forged), web.complete(forged)):
        problem(answer, 401, "client_secret_wrong")


def test_secret_for_another_purpose_is_wrong(web):
    session = web.open()
    other = web.tools.keyring.client_secret(session["id"], "replace_card")
    problem(web.read(session, auth=other), 401, "client_secret_wrong")


def test_secret_of_another_deployment_is_wrong(web):
    session = web.open()
    foreign = Keyring([("one", b"x" * 32)]).client_secret(session["id"], "subscribe")
    problem(web.read(session, auth=foreign), 401, "client_secret_wrong")


def test_rightly_made_secret_of_no_session_finds_none(web):
    missing = "cs_" + "b" * 30
    secret = web.tools.keyring.client_secret(missing, "subscribe")
    problem(web.call("GET", f"{SESSIONS}/{missing}", auth=secret), 404, "session_not_found")


def completed(web, session):
    assert web.complete(session).status_code == 201


def failed(web, session):
    web.bluesnap.script("create_shopper", HARD)
    assert web.complete(session).status_code == 402


def expired(web, session):
    web.tools.clock.advance(minutes=1_440)


@pytest.mark.parametrize(("end", "status"), [(completed, "complete"), (failed, "failed"), (expired, "expired")])
def test_secret_dies_ten_minutes_after_the_end_of_its_session(web, end, status):
    session = web.open()
    end(web, session)
    web.tools.clock.advance(seconds=600)
    assert web.read(session).json["status"] == status
    web.tools.clock.advance(seconds=1)
    problem(web.read(session), 401, "client_secret_expired")
    problem(web.complete(session), 401, "client_secret_expired")
    assert web.read(session, auth=web.key).json["status"] == status


def test_platform_reads_the_reason_of_a_decline_and_the_page_does_not(web):
    session = web.open()
    web.bluesnap.script("create_shopper", Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False))
    web.complete(session)
    assert web.read(session).json["last_decline"] == {"advice": "declined"}
    assert web.read(session, auth=web.key).json["last_decline"] == {
        "advice": "declined",
        "reason": "insufficient_funds",
    }


def test_nobody_but_the_maker_reads_the_secret_again(web):
    session = web.open()
    for auth in (session["client_secret"], web.key):
        assert "client_secret" not in web.read(session, auth=auth).json
