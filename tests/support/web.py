"""The service's app in process, and the three kinds of caller who use it over (an imitation of) HTTP: the platform, the page, BlueSnap."""

from __future__ import annotations

import json
import uuid

from service.app import create_app
from service.billing.buying import settle
from service.store import database, keys
from service.store.journal import Origin
from tests.support.databases import count_rows
from tests.support.desk import Desk
from tests.support.notices import signed_headers
from tests.support.people import add_person

SCOPES = ("checkout:write", "checkout:read", "accounts:read", "accounts:write", "refunds:write", "entries:read")
SESSIONS = "/v1/checkout-sessions"
WEBHOOKS = "/webhooks/bluesnap"
PAYER = {"first_name": "Mira", "last_name": "Okafor", "country": "us", "zip": "02451"}
PROBLEM_FIELDS = {"type", "title", "status", "code", "request_id"}


class Web:
    """`key` is a platform's key with every scope."""

    def __init__(self, tools, bluesnap, their_issuer=None):
        self.tools, self.bluesnap, self.their_issuer = tools, bluesnap, their_issuer
        self.app = create_app(tools)
        self.client = self.app.test_client()
        self.desk = Desk(tools, bluesnap)
        self.key_id, self.key = self.new_key(*SCOPES)

    def new_key(self, *scopes, environment="simulator"):
        """A key's id and its text."""
        with self.tools.engine.begin() as connection:
            made, text = keys.create(
                connection,
                name="platform",
                scopes=scopes,
                environment=environment,
                now=database.now(connection),
                origin=Origin("operator"),
            )
        return made.id, text

    def revoke(self, key_id):
        with self.tools.engine.begin() as connection:
            assert keys.revoke(connection, key_id, now=database.now(connection), origin=Origin("operator"))

    def new_person(self, subject, *scopes):
        """A person who is known: `id`, and `identity` to send as `auth`."""
        return add_person(self.tools.engine, self.their_issuer, subject, *scopes)

    def call(self, method, path, *, auth=None, key=None, headers=(), **body):
        """Any request. `auth` is a bearer secret; `key` an idempotency key."""
        given = dict(headers)
        if auth is not None:
            given["Authorization"] = f"Bearer {auth}"
        if key is not None:
            given["Idempotency-Key"] = key
        return self.client.open(path, method=method, headers=given, **body)

    def post(self, path, body, *, auth, key=None, headers=()):
        return self.call("POST", path, auth=auth, key=key or new_key(), headers=headers, json=body)

    def order(self, *, key=None, **order):
        """Ask for a session; the raw answer."""
        given = {"account": "acct-a", "plan": "team", "members": 10, **order}
        return self.post(SESSIONS, given, auth=self.key, key=key)

    def open(self, **order):
        """A new session as its maker sees it."""
        answer = self.order(**order)
        assert answer.status_code == 201, answer.text
        return answer.json

    def complete(self, session, *, key=None, headers=(), **changed):
        body = {"payer": PAYER, **changed}
        path = f"{SESSIONS}/{session['id']}/completion"
        return self.post(path, body, auth=session["client_secret"], key=key, headers=headers)

    def open_for_card(self, account="acct-a", **order):
        """A new session that replaces the card, as its maker sees it."""
        answer = self.post(SESSIONS, {"account": account, "purpose": "replace_card", **order}, auth=self.key)
        assert answer.status_code == 201, answer.text
        return answer.json

    def replace_card(self, session, *, key=None, **body):
        path = f"{SESSIONS}/{session['id']}/completion"
        return self.post(path, body, auth=session["client_secret"], key=key)

    def card(self, account="acct-a"):
        return self.call("GET", f"/v1/accounts/{account}/card", auth=self.key)

    def reactivate(self, account="acct-a", *, key=None, **body):
        return self.post(f"/v1/accounts/{account}/subscription/reactivation", body, auth=self.key, key=key)

    def renew(self, session, *, key=None):
        return self.post(f"{SESSIONS}/{session['id']}/renewals", {}, auth=session["client_secret"], key=key)

    def read(self, session, *, auth=None):
        return self.call("GET", f"{SESSIONS}/{session['id']}", auth=auth or session["client_secret"])

    def account(self, account="acct-a"):
        return self.call("GET", f"/v1/accounts/{account}", auth=self.key)

    def cancel(self, account="acct-a", *, method="POST", key=None, headers=()):
        """Cancel the subscription, or with DELETE undo it."""
        path = f"/v1/accounts/{account}/subscription/cancellation"
        if method == "DELETE":
            return self.call("DELETE", path, auth=self.key, headers=headers)
        return self.post(path, {}, auth=self.key, key=key, headers=headers)

    def notify(self, body, headers=None):
        """An authentic notice, or one with other headers."""
        return self.client.post(WEBHOOKS, data=body, headers=headers if headers is not None else signed_headers(body))

    def settle(self):
        self.desk.let_leases_end()
        return settle.settle_due(self.tools)

    def rows(self):
        """How many rows each table holds: what a refused request may not change."""
        return count_rows(self.tools.engine)


def new_key():
    return str(uuid.uuid4())


def told(answer):
    """Everything an answer says, headers too, as text."""
    return f"{answer.status} {dict(answer.headers)} {answer.get_data(as_text=True)}"


def problem(answer, status, code):
    """The problem that an answer is; fails if it is another, or not in the form of RFC 9457."""
    assert (answer.status_code, answer.json.get("code")) == (status, code), answer.text
    assert answer.content_type == "application/problem+json"
    assert set(answer.json) - {"reason", "errors", "version"} == PROBLEM_FIELDS
    assert answer.json["status"] == status
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert json.loads(answer.get_data()) == answer.json
    return answer.json
