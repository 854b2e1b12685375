"""One running stack, seen from outside: the platform, the page, BlueSnap's levers, and an auditor who reads rows, logs and metrics.

Nothing here knows how the service is made: it speaks HTTP, runs commands, and looks at what is left behind.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import string
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import requests
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
SESSIONS = "/v1/checkout-sessions"
WEBHOOKS = "/webhooks/bluesnap"
#: Short, so that a lost answer is known soon; far longer than any honest answer here takes. The lease outlives the longest call.
ENVIRONMENT = {
    "PANLESS_QUIET_SECONDS": "1",
    "PANLESS_LEASE_SECONDS": "5",
    "PANLESS_READ_SECONDS": "3",
    "PANLESS_TOTAL_SECONDS": "3",
    "PANLESS_CHARGE_READ_SECONDS": "3",
    "PANLESS_CHARGE_TOTAL_SECONDS": "3",
    # the breaker against card testing has tests of its own; here cards are declined on purpose
    "PANLESS_BREAKER_PERCENT": "100",
    "PANLESS_BREAKER_MINIMUM": "100000",
}
PRICES = {"team": 29, "business": 49}
PAYER = {"last_name": "Okafor", "country": "US", "zip": "02451"}


def new_name():
    """A payer's first name that nobody had before: the thread from an account to what BlueSnap did for it."""
    return "".join(random.choices(string.ascii_uppercase, k=14)).capitalize()


def account_of(name):
    return f"acct-{name.lower()}"


def eventually(probe, *, within=25.0):
    """The first truthy answer of `probe`; fails with its last answer once the time is over."""
    deadline = time.monotonic() + within
    while not (found := probe()):
        assert time.monotonic() < deadline, f"after {within} s still {found!r}"
        time.sleep(0.05)
    return found


def at_once(*acts):
    """What each act answers, all begun at the same moment."""
    start = threading.Barrier(len(acts))

    def run(act):
        start.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def told(answer):
    """Everything an answer says, headers too, as text."""
    return f"{answer.status_code} {answer.reason} {dict(answer.headers)} {answer.text}"


def problem(answer, status, code):
    """The problem that an answer is; fails if it is another, or not in the form of RFC 9457."""
    assert answer.headers["Content-Type"] == "application/problem+json", told(answer)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), told(answer)
    assert (body["status"], body["request_id"]) == (status, answer.headers["X-Request-Id"])
    return body


class Stage:
    """Calls by everybody on one stack. Every answer of the service is kept in `answers`."""

    def __init__(self, stack):
        self.stack, self.answers = stack, []
        self.lever("behaviour", {"calm": True})

    # the service's callers

    def call(self, method, path, *, auth=None, key=None, headers=(), **more):
        """Any request to the service. `auth` is a bearer secret, `key` an idempotency key."""
        given = dict(headers)
        if auth is not None:
            given["Authorization"] = f"Bearer {auth}"
        if key is not None:
            given["Idempotency-Key"] = key
        answer = _request(method, self.stack.service_url + path, headers=given, **more)
        self.answers.append(answer)
        return answer

    def order(self, name, plan="team", members=3, *, key=None, auth=None):
        """The platform asks for a session, with its API key of this moment or with `auth`; the raw answer."""
        body = {"account": account_of(name), "plan": plan, "members": members}
        return self.call("POST", SESSIONS, auth=auth or self.stack.api_key, key=key or str(uuid.uuid4()), json=body)

    def open(self, name, plan="team", members=3, *, card=None):
        """A new session as its maker sees it; with a `card` its payment fields are filled."""
        answer = self.order(name, plan, members)
        assert answer.status_code == 201, told(answer)
        session = answer.json()
        if card is not None:
            self.fill(session, card)
        return session

    def fill(self, session, card="visa"):
        """Somebody types a card into BlueSnap's frames."""
        self.lever("fill", {"token": session["hosted_fields"]["token"], "card": card})

    def complete(self, session, name, *, key=None, **changed):
        """The page's call."""
        body = {"payer": {"first_name": name, **PAYER}, **changed}
        path = f"{SESSIONS}/{session['id']}/completion"
        return self.call("POST", path, auth=session["client_secret"], key=key or str(uuid.uuid4()), json=body)

    def renew(self, session):
        """The session with fresh payment fields."""
        path = f"{SESSIONS}/{session['id']}/renewals"
        answer = self.call("POST", path, auth=session["client_secret"], key=str(uuid.uuid4()), json={})
        assert answer.status_code == 201, told(answer)
        return session | answer.json()

    def type_again(self, session, name, card="visa"):
        """Fresh fields, a card typed into them, and another try under a new key."""
        renewed = self.renew(session)
        self.fill(renewed, card)
        return self.complete(renewed, name)

    def buy(self, name, plan="team", members=3, *, card="visa"):
        """Open, fill, complete: the subscription."""
        answer = self.complete(self.open(name, plan, members, card=card), name)
        assert answer.status_code == 201, told(answer)
        return answer.json()

    def read(self, session, *, auth=None):
        """The session as its page sees it, or the holder of `auth`."""
        answer = self.call("GET", f"{SESSIONS}/{session['id']}", auth=auth or session["client_secret"])
        assert answer.status_code == 200, told(answer)
        return answer.json()

    def decided(self, session):
        """The status of a session once it is no longer confirming."""
        return eventually(lambda: (status := self.read(session)["status"]) != "confirming" and status)

    def account(self, name):
        answer = self.call("GET", f"/v1/accounts/{account_of(name)}", auth=self.stack.api_key)
        assert answer.status_code == 200, told(answer)
        return answer.json()

    # BlueSnap

    def lever(self, name, body=None):
        """Pull a lever, or read one (no body)."""
        url = f"{self.stack.simulator_url}/_levers/{name}"
        answer = _request("GET" if body is None else "POST", url, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fail_next(self, call, mode, **how):
        self.lever("fail", {"call": call, "mode": mode, **how})

    def faults_met(self):
        """Wait until every ordered fault has happened, or has begun to."""
        eventually(lambda: not self.lever("")["faults"])

    def ledger(self, since=0):
        """What BlueSnap did after entry `since`."""
        return [entry for entry in self.lever("ledger")["entries"] if entry["n"] > since]

    def now_at(self):
        """The number of the ledger's last entry."""
        return max((entry["n"] for entry in self.ledger()), default=0)

    def received(self, call):
        """The requests of one kind that BlueSnap got, bodies parsed."""
        found = [one for one in self.lever("received")["requests"] if one["call"] == call]
        return [one | {"body": json.loads(one["body"]) if one["body"] else {}} for one in found]

    def attempts(self, name):
        """Our ids of the shoppers that BlueSnap was asked to vault for this payer."""
        asked = [one["body"] for one in self.received("create_shopper")]
        return {body["merchantShopperId"] for body in asked if body["firstName"] == name}

    def done_for(self, name, *kinds):
        """The ledger's entries about this payer, of some kinds."""
        attempts = self.attempts(name)
        return [one for one in self.ledger() if one["kind"] in kinds and one.get("merchant_shopper_id") in attempts]

    def sold(self, name):
        """How many subscriptions and charges BlueSnap made for this payer, in that order."""
        return len(self.done_for(name, "subscription")), len(self.done_for(name, "charge"))

    def delivered(self, name):
        """The notice of this payer's charge, once it was answered 200."""
        [charge] = self.done_for(name, "charge")

        def answered():
            found = [one for one in self.lever("notices")["notices"] if one["reference"] == charge["id"]]
            return next((one for one in found if one["state"] == "delivered"), None)

        return eventually(answered)

    def quiet(self):
        """Wait until BlueSnap has said all it has to say."""
        eventually(lambda: all(one["state"] != "queued" for one in self.lever("notices")["notices"]))

    # the auditor

    def metric(self, name, *, of=None, **labels):
        """The sum of one metric over the label sets that have these labels; the service's, or of whoever has them at `of`."""
        families = text_string_to_metric_families(_request("GET", of or self.stack.metrics_url).text)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(one.value for one in samples if labels.items() <= one.labels.items())

    def tables(self, *schemas):
        """Every row of every table as text, by table; of all schemas but PostgreSQL's own, or of these."""
        with psycopg.connect(self.stack.database_url) as connection:
            connection.execute("SET bytea_output = 'escape'")  # text that hides in bytes shows as text
            found = connection.execute(
                "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
                " AND table_schema NOT LIKE 'pg\\_%' AND table_schema <> 'information_schema' ORDER BY 1, 2"
            ).fetchall()
            return {
                f"{schema}.{table}": _rows(connection, schema, table)
                for schema, table in found
                if not schemas or schema in schemas
            }

    def logs(self):
        """The text of every log of the stack, by file."""
        files = sorted(self.stack.log_folder.rglob("*"))
        return {file.name: file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()}

    def service_log(self):
        """The service's records so far."""
        text = (self.stack.log_folder / "service.log").read_text(encoding="utf-8")
        records = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [record for record in records if record["event"] != "gunicorn.worker_booted"]

    def left_behind(self):
        """Everything that the stack has written down anywhere, by place."""
        files = [path for path in self.stack.settings_file.parent.glob("tmp/**/*") if path.is_file()]
        return {
            **self.tables(),
            **self.logs(),
            **{path.name: path.read_bytes().decode("latin-1") for path in files},
            "metrics": _request("GET", self.stack.metrics_url).text,
            "answers": "\n".join(told(answer) for answer in self.answers),
            "said to BlueSnap": json.dumps(self.lever("received")),
        }


def _request(method, url, **more):
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=30, allow_redirects=False, **more)


def _rows(connection, schema, table):
    query = sql.SQL("SELECT one::text FROM {} AS one").format(sql.Identifier(schema, table))
    return "\n".join(sorted(row[0] for row in connection.execute(query)))


def windows(number, size=8):
    """Every run of `size` digits of a number: what may be found nowhere."""
    return [number[start : start + size] for start in range(len(number) - size + 1)]


def places_with(left_behind, texts):
    """Which places hold one of these texts."""
    return {place for place, content in left_behind.items() if any(text in content for text in texts)}


def shell_blocks(page, heading):
    """The `sh` blocks of a section of a Markdown page, as they stand."""
    section = re.split(r"^## |^### ", page.partition(f"\n### {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^```sh\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


#: Whether the worker is in the midst of a transaction. Two looks must say no: a statement may be on its way while the first is taken.
_BUSY = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'local_worker' AND xact_start IS NOT NULL"


@contextlib.contextmanager
def paused(stage):
    """The worker stands still, like one whose machine is busy, with no transaction open: the rows that one holds would make others wait, and be refused."""
    worker = stage.stack.children["worker"]
    with psycopg.connect(stage.stack.database_url, autocommit=True) as connection:

        def stands():
            worker.send_signal(signal.SIGSTOP)
            if all(connection.execute(_BUSY).fetchone() == (0,) for _ in range(2)):
                return True
            worker.send_signal(signal.SIGCONT)
            return False

        eventually(stands)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGCONT)
