"""Every code of ours that a caller may meet, produced once from outside, with its status."""

from __future__ import annotations

import contextvars
import socket

import pytest
from sqlalchemy import create_engine, func, insert, update

from service.app import create_app
from service.errors import (
    Code,
    Declined,
    DeclineReason,
    FieldsRefused,
    Misconfigured,
    NeverSent,
    Rejected,
    RetryLater,
    Unknown,
)
from service.store.models import API_KEYS, DISPUTES, SUBSCRIPTIONS
from service.web import admission
from service.web.problems import STATUS
from tests.support.cards import VISA
from tests.support.databases import by_stealth
from tests.support.notices import charge_form
from tests.support.people import leave
from tests.support.proving import unproven
from tests.support.tools import tools_over
from tests.support.web import SESSIONS, WEBHOOKS, new_key, problem, told

SOFT = Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False)
HARD = Declined("declined", DeclineReason.REFUSED, hard=True)
GOOD = {"account": "acct-a", "plan": "team", "members": 10}
ACCOUNT = "/v1/accounts/acct-a"
AUDIT = "/v1/audit/entries"
NOBODYS_KEY = "pk_simulator_" + "a" * 43


def with_header(name, value):
    return lambda web: web.call("GET", ACCOUNT, headers={name: value})


def raw_order(data, **headers):
    given = {"Content-Type": "application/json", "Idempotency-Key": new_key(), **headers}
    return lambda web: web.call("POST", SESSIONS, auth=web.key, headers=given, data=data)


def ordering(**changed):
    return lambda web: web.order(**changed)


def keyed(key):
    return lambda web: web.call("POST", SESSIONS, auth=web.key, key=key, json=GOOD)


def token_refused(error):
    def act(web):
        web.bluesnap.script("create_payment_fields_token", error)
        return web.order()

    return act


def change_under_way(web):
    web.complete(web.open())
    web.bluesnap.script("update_subscription", Unknown("read_timed_out"))
    assert web.cancel().status_code == 202
    return web.cancel()


def cancelling(headers):
    def act(web):
        web.complete(web.open())
        return web.cancel(headers=headers)

    return act


def changing(web):
    return web.call("PATCH", f"{ACCOUNT}/subscription", auth=web.key, json={"members": 12})


def change_of_canceled(web):
    web.complete(web.open())
    web.cancel()
    return changing(web)


def change_of_disputed(web):
    web.complete(web.open())
    with by_stealth(web.tools.engine) as connection:
        connection.execute(update(SUBSCRIPTIONS).values(status="disputed"))
    return changing(web)


def ended_key(web):
    key_id, text = web.new_key("accounts:read")
    with by_stealth(web.tools.engine) as connection:
        connection.execute(update(API_KEYS).where(API_KEYS.c.id == key_id).values(ends_at=func.clock_timestamp()))
    return web.call("GET", ACCOUNT, auth=text)


def auditing(**claims):
    """The journal, read with an identity that says something else than it should."""

    def act(web):
        web.new_person("mira", "audit:read")
        return web.call("GET", AUDIT, auth=web.their_issuer.identity("mira", **claims))

    return act


def person_left(web):
    mira = web.new_person("mira", "audit:read")
    leave(web.tools.engine, mira)
    return web.call("GET", AUDIT, auth=mira.identity)


def issuer_away(web):
    web.their_issuer.away = True
    return auditing()(web)


def with_plan(act):
    """What an account is told that has bought."""

    def acted(web):
        web.complete(web.open())
        return act(web)

    return acted


def alike_card(web):
    session = web.open_for_card()
    web.bluesnap.type_card("VISA", "1111", number="another")
    return web.replace_card(session)


def completion_refused(error, call="create_shopper"):
    def act(web):
        web.bluesnap.script(call, error)
        return web.complete(web.open())

    return act


def revoked_key(web):
    key_id, text = web.new_key("accounts:read")
    web.revoke(key_id)
    return web.call("GET", ACCOUNT, auth=text)


def missing_scope(web):
    return web.call("GET", ACCOUNT, auth=web.new_key("checkout:read", "checkout:write")[1])


def wrong_secret(web):
    session = web.open()
    return web.read(session, auth=session["client_secret"][:-43] + "A" * 43)


def expired_secret(web):
    session = web.open()
    web.complete(session)
    web.tools.clock.advance(seconds=601)
    return web.read(session)


def foreign_session(web):
    first, second = web.open(), web.open()
    return web.read(first, auth=second["client_secret"])


def reused_key(web):
    key = new_key()
    web.order(key=key)
    return web.order(key=key, members=11)


def running_key(web):
    key, seen = new_key(), []
    web.bluesnap.script("create_payment_fields_token", meanwhile=lambda: seen.append(web.order(key=key)))
    assert web.order(key=key).status_code == 201
    return seen[0]


def expired_session(web):
    session = web.open()
    web.tools.clock.advance(minutes=1_441)
    return web.complete(session)


def failed_session(web):
    session = web.open()
    web.bluesnap.script("create_shopper", HARD)
    web.complete(session)
    return web.renew(session)


def complete_session(web):
    session = web.open()
    web.complete(session)
    return web.renew(session)


def second_subscription(web):
    web.complete(web.open())
    return web.order()


def undecided(web):
    web.bluesnap.script("create_subscription", Unknown("read_timed_out"))
    assert web.complete(web.open()).status_code == 202
    return web.order()


def refunding(charge_id=None, error=None, disputed=False, **body):
    """Ask for a refund of a fresh charge, which BlueSnap may refuse."""

    def act(web):
        web.complete(web.open())
        [charge] = web.call("GET", f"{ACCOUNT}/charges", auth=web.key).json["charges"]
        if error is not None:
            web.bluesnap.script("refund", error)
        if disputed:
            with by_stealth(web.tools.engine) as connection:
                connection.execute(
                    insert(DISPUTES).values(
                        id="dp_" + "b" * 30, reference="7300001", charge_reference=charge["reference"],
                        subscription_id=charge["subscription"], account="acct-a", status="open", told_at=web.tools.clock(),
                        created_at=web.tools.clock(),
                    )
                )  # fmt: skip
        path = f"/v1/charges/{charge_id or charge['id']}/refunds"
        return web.post(path, {"reason": "duplicate", **body}, auth=web.key)

    return act


def too_many(web):
    for turn in range(5):
        web.open(account=f"acct-{turn}", client_address="192.0.2.1")
    return web.order(account="acct-z", client_address="192.0.2.2")


def bad_cursor(web):
    return web.call("GET", "/v1/entries?after=1", auth=web.new_key("entries:read")[1])


def without_database(web):
    gone = create_engine(web.tools.engine.url.set(database="no_such_database"), hide_parameters=True)
    app = create_app(tools_over(gone, web.bluesnap, web.tools.clock))
    answer = app.test_client().get(ACCOUNT, headers={"Authorization": f"Bearer {web.key}"})
    gone.dispose()
    return answer


def overloaded(web):
    def late():
        admission.arrived(0, 0)
        return web.order()

    return contextvars.copy_context().run(late)


def client_gone(web):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with ours:
        client.close()
        return web.client.post(
            SESSIONS,
            json=GOOD,
            headers={"Authorization": f"Bearer {web.key}", "Idempotency-Key": new_key()},
            environ_overrides={"gunicorn.socket": ours},
        )


def granting(method, path="", times=1):
    """What is told of grants to somebody who may do everything: asked for, then this, so many times."""

    def act(web):
        mira = web.new_person("mira", "grants:request", "grants:approve", "support:read")
        wish = {"account": "acct-a", "purpose": "billing_question", "ticket": "SUP-1"}
        grant = web.post("/v1/access-grants", wish, auth=mira.identity).json
        for _ in range(times):
            answer = web.call(
                method, f"/v1/access-grants/{grant['id']}{path}", auth=mira.identity, key=new_key(), json={}
            )
        return answer

    return act


def look_without_grant(web):
    mira = web.new_person("mira", "support:read")
    return web.call("GET", "/v1/support/accounts/acct-a", auth=mira.identity)


def look_unproven(web):
    unproven(web.tools.engine)
    return look_without_grant(web)


def unknown_grant(web):
    mira = web.new_person("mira", "grants:request")
    return web.call("GET", f"/v1/access-grants/gr_{'b' * 30}", auth=mira.identity)


def history_at(moment):
    return lambda web: web.call("GET", f"{ACCOUNT}/history?at={moment}", auth=web.key)


PRODUCED = {
    Code.MOMENT_MALFORMED: history_at("2027-04-17"),
    Code.MOMENT_IN_FUTURE: history_at("2199-12-31T23:59:59Z"),
    Code.CREDENTIALS_MISSING: lambda web: web.call("GET", ACCOUNT),
    Code.CREDENTIALS_MALFORMED: with_header("Authorization", "Basic cGs6cGs="),
    Code.KEY_UNKNOWN: lambda web: web.call("GET", ACCOUNT, auth=NOBODYS_KEY),
    Code.KEY_REVOKED: revoked_key,
    Code.KEY_ENDED: ended_key,
    Code.SCOPE_MISSING: missing_scope,
    Code.IDENTITY_INVALID: auditing(iss="https://elsewhere.example"),
    Code.IDENTITY_EXPIRED: auditing(exp=1),
    Code.SECOND_FACTOR_MISSING: auditing(amr=["pwd"]),
    Code.PERSON_UNKNOWN: auditing(sub="nobody"),
    Code.PERSON_LEFT: person_left,
    Code.IDENTITY_UNAVAILABLE: issuer_away,
    Code.CLIENT_SECRET_WRONG: wrong_secret,
    Code.CLIENT_SECRET_EXPIRED: expired_secret,
    Code.SESSION_FOREIGN: foreign_session,
    Code.NOT_FOUND: lambda web: web.call("GET", "/v1/nothing"),
    Code.METHOD_NOT_ALLOWED: lambda web: web.call("DELETE", ACCOUNT),
    Code.UNSUPPORTED_MEDIA_TYPE: raw_order("{}", **{"Content-Type": "text/plain"}),
    Code.BODY_TOO_LARGE: raw_order("{" + " " * 20_000 + "}"),
    Code.BODY_MALFORMED: raw_order("{"),
    Code.DUPLICATE_KEY: raw_order('{"plan": "team", "plan": "team"}'),
    Code.REQUEST_MALFORMED: with_header("Host", "evil.example"),
    Code.CARD_DATA_REFUSED: ordering(account=VISA),
    Code.VALIDATION_FAILED: ordering(members=0, plan="Gold!"),
    Code.FIELD_UNKNOWN: ordering(colour="blue"),
    Code.FIELD_MISSING: raw_order('{"account": "acct-a", "plan": "team"}'),
    Code.FIELD_MALFORMED: ordering(client_address="here"),
    Code.ACCOUNT_MALFORMED: ordering(account="a b"),
    Code.PLAN_UNKNOWN: ordering(plan="gold"),
    Code.MEMBERS_OUT_OF_RANGE: ordering(members=0),
    Code.CURSOR_MALFORMED: bad_cursor,
    Code.FIELD_NOT_ALLOWED: ordering(purpose="replace_card"),
    Code.THREE_D_SECURE_REQUIRED: lambda web: web.complete(web.open(three_d_secure="required")),
    Code.IDEMPOTENCY_KEY_MISSING: keyed(None),
    Code.IDEMPOTENCY_KEY_MALFORMED: keyed("my-key"),
    Code.IDEMPOTENCY_KEY_REUSED: reused_key,
    Code.IDEMPOTENCY_KEY_IN_PROGRESS: running_key,
    Code.SESSION_NOT_FOUND: lambda web: web.call("GET", f"{SESSIONS}/cs_{'b' * 30}", auth=web.key),
    Code.SESSION_EXPIRED: expired_session,
    Code.SESSION_FAILED: failed_session,
    Code.SESSION_COMPLETE: complete_session,
    Code.SUBSCRIPTION_EXISTS: second_subscription,
    Code.SIGNUP_UNDECIDED: undecided,
    Code.SUBSCRIPTION_NOT_FOUND: lambda web: web.cancel(),
    Code.SUBSCRIPTION_CHANGED: change_under_way,
    Code.SUBSCRIPTION_CANCELED: change_of_canceled,
    Code.SUBSCRIPTION_DISPUTED: change_of_disputed,
    Code.CARD_NOT_FOUND: lambda web: web.card(),
    Code.CARDS_ALIKE: with_plan(alike_card),
    Code.GRANT_NOT_FOUND: unknown_grant,
    Code.GRANT_NOT_OPEN: granting("DELETE", times=2),
    Code.SECOND_PERSON_NEEDED: granting("POST", "/approval"),
    Code.GRANT_MISSING: look_without_grant,
    Code.VERSION_WRONG: cancelling({"If-Match": '"1"'}),
    Code.IF_MATCH_MALFORMED: cancelling({"If-Match": "2"}),
    Code.CHARGE_NOT_FOUND: refunding("ch_" + "b" * 30),
    Code.CHARGE_DISPUTED: refunding(disputed=True),
    Code.REFUND_ABOVE_REMAINDER: refunding(amount={"amount": "290.01", "currency": "USD"}),
    Code.REFUND_REFUSED: refunding(error=Rejected("not_refundable")),
    Code.AMOUNT_MALFORMED: refunding(amount={"amount": "1", "currency": "USD"}),
    Code.CURRENCY_WRONG: refunding(amount={"amount": "1.00", "currency": "EUR"}),
    Code.TOO_MANY_ATTEMPTS: too_many,
    Code.CARD_DECLINED: completion_refused(SOFT),
    Code.PAYMENT_FIELDS_TOKEN_EXPIRED: completion_refused(
        FieldsRefused("fields_expired", Code.PAYMENT_FIELDS_TOKEN_EXPIRED)
    ),
    Code.PAYMENT_FIELDS_TOKEN_NOT_FOUND: completion_refused(
        FieldsRefused("fields_not_found", Code.PAYMENT_FIELDS_TOKEN_NOT_FOUND)
    ),
    Code.PAYMENT_FIELDS_TOKEN_EMPTY: completion_refused(FieldsRefused("fields_empty", Code.PAYMENT_FIELDS_TOKEN_EMPTY)),
    Code.DETAILS_REFUSED: completion_refused(Rejected("invalid_request")),
    Code.BLUESNAP_UNREACHABLE: token_refused(NeverSent("connection_refused")),
    Code.BLUESNAP_BUSY: token_refused(RetryLater("throttled")),
    Code.BLUESNAP_FAILED: token_refused(Unknown("server_error")),
    Code.BLUESNAP_MISCONFIGURED: token_refused(Misconfigured("credentials_refused")),
    Code.SIGNATURE_INVALID: lambda web: web.call("POST", WEBHOOKS, data=charge_form()),
    Code.JOURNAL_UNPROVEN: look_unproven,
    Code.OVERLOADED: overloaded,
    Code.CLIENT_GONE: client_gone,
    Code.NOT_READY: without_database,
    Code.INTERNAL_ERROR: token_refused(RuntimeError(f"canary {VISA}")),
}


def test_every_code_has_a_way_to_be_produced_here():
    assert set(PRODUCED) == set(Code) == set(STATUS)


@pytest.mark.parametrize("code", PRODUCED)
def test_code_is_answered_with_its_own_status(web, code):
    answer = PRODUCED[code](web)
    body = problem(answer, STATUS[code], code.value)
    assert (body["type"], body["title"]) == ("about:blank", code.value.replace("_", " ").capitalize())
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)
    assert "canary" not in told(answer)
    assert VISA[:8] not in told(answer)


@pytest.mark.parametrize(
    "code",
    [
        Code.IDEMPOTENCY_KEY_IN_PROGRESS,
        Code.TOO_MANY_ATTEMPTS,
        Code.BLUESNAP_UNREACHABLE,
        Code.BLUESNAP_BUSY,
        Code.BLUESNAP_FAILED,
        Code.IDENTITY_UNAVAILABLE,
        Code.JOURNAL_UNPROVEN,
        Code.OVERLOADED,
        Code.NOT_READY,
    ],
)
def test_code_that_may_pass_says_when_to_come_again(web, code):
    assert int(PRODUCED[code](web).headers["Retry-After"]) > 0
