"""The running system as the senders see it: requests over real sockets, an honest shop's sessions and purchases, and what was written, called and logged meanwhile."""

from __future__ import annotations

import json
import time
import uuid

from leaks_payloads import fragment, labelled, text
from leaks_registry import Observation

from service.evidence.canaries import marker
from service.evidence.wire import exchange, request

SESSIONS = "/v1/checkout-sessions"
WEBHOOKS = "/webhooks/bluesnap"
#: The demo shop's key may not read entries; an operator makes one that may.
SCOPES = ("checkout:write", "checkout:read", "accounts:read", "accounts:write", "refunds:write", "entries:read")
JSON = ("Content-Type", "application/json")
PAYER = {"first_name": "Mira", "last_name": "Okafor", "country": "US", "zip": "02451"}
ANSWERED = b'"event": "request.answered"'
HOOK = f'"route": "{WEBHOOKS}"'.encode()
LINE_SECONDS = 5.0
#: All tables but those where the worker's own clockwork writes: the queue's, and the checkpoints that it signs.
TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'jobs') AND tablename NOT LIKE 'procrastinate%' AND tablename <> 'checkpoints'
"""


class Stage:
    """One stand, for one case at a time: `begin` says which. Everything that is sent for a case is in `traffic`."""

    def __init__(self, stand, traffic, provider):
        #: `provider` stands between the service and the simulator, and in the platform's place (leaks_provider.py).
        self.stand, self.traffic, self.provider = stand, traffic, provider
        self.case, self.marker = None, ""
        #: How many requests went to the service's doors, but for those to BlueSnap's, where the simulator calls too.
        self.sent = 0
        self.key = stand.key(*SCOPES)
        self.account = f"leaks-{marker()}"
        self._database = stand.connect()
        self._tables = [row[0] for row in self._database.execute(TABLES)]
        self._session = None

    def close(self):
        self._database.close()

    def begin(self, case):
        """From now on everything is sent for this case, with a word that nobody else says."""
        self.case, self.marker = case, marker()

    # what a case sends

    def payload(self, case):
        """The data of the case as text, in its form."""
        return text(case, self.marker)

    def labelled(self, case):
        """The same, a code under its name."""
        return labelled(case, self.marker)

    def fragment(self, case):
        """The same as a JSON value."""
        return fragment(case, self.marker)

    def headers(self, *more, auth=None):
        """Those of the platform's backend; its name is the case's own word. `auth`: other credentials, or none if empty."""
        credentials = self.key if auth is None else auth
        given = [("User-Agent", f"leaks/{self.marker}"), ("Authorization", f"Bearer {credentials}"), *more]
        return [(name, value) for name, value in given if value != "Bearer "]

    def reading(self, path="", *more):
        """The bytes of an honest question: an account's access."""
        return request("GET", path or f"/v1/accounts/{self.account}", self.headers(*more))

    def writing(self, path, body, *more, auth=None):
        """The bytes of a writing call; `body` is JSON or will be, unless it is bytes."""
        content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        names = {name.lower() for name, _ in more}
        usual = [pair for pair in (JSON, ("Idempotency-Key", str(uuid.uuid4()))) if pair[0].lower() not in names]
        return request("POST", path, self.headers(*usual, *more, auth=auth), content)

    # sending it

    def send(self, raw, **how):
        """Send these bytes for the case: the answer, and what was logged meanwhile. Waits for the line that tells of them."""
        hook = WEBHOOKS.encode() in raw.partition(b"\r\n")[0]
        place = self.log_end()
        answer = self._exchange(raw, hook=hook, how=how)
        self.traffic.record(self.case.id, raw, answer)
        deadline = time.monotonic() + LINE_SECONDS
        while not (lines := told_of(log := self.log_since(place), hook=hook)) and time.monotonic() < deadline:
            time.sleep(0.005)
        if hook:  # the gate has refused it, and knows no route
            self.sent += answered(log)
        return Observation(answers=[answer], sent=[raw], log=log, lines=[lines])

    def send_all(self, raws):
        """Several requests for one case."""
        seen = [self.send(raw) for raw in raws]
        return Observation(
            answers=[one.answer for one in seen],
            sent=[one.sent[0] for one in seen],
            log=b"".join(one.log for one in seen),
            lines=[one.lines[0] for one in seen],
        )

    def plain(self, raw):
        """The answer to a request that carries nothing of the case; not part of what is observed."""
        return self._exchange(raw, hook=False, how={})

    def _exchange(self, raw, *, hook, how):
        self.sent += not hook
        return exchange(self.stand.address, raw, **how)

    # an honest shop

    def call(self, path, body, *, auth=None):
        """An honest writing call, of no case; the document that it is answered with."""
        answer = self._exchange(self.writing(path, body, auth=auth), hook=False, how={})
        assert answer.status in {200, 201}, f"{path}: {answer.status}"
        return json.loads(answer.body)

    def open(self, **changed):
        """A new session as its maker sees it."""
        return self.call(SESSIONS, {"account": f"leaks-{marker()}", "plan": "team", "members": 3, **changed})

    def ready(self, **changed):
        """A new session into whose payment fields a card was typed."""
        session = self.open(**changed)
        self.stand.lever("fill", {"token": session["hosted_fields"]["token"], "card": "visa"})
        return session

    def completing(self, session, body, *more):
        """The bytes of the page's call; `body` is a JSON document, or its fields beside an honest payer."""
        content = body if isinstance(body, str) else {"payer": PAYER, **body}
        return self.writing(f"{SESSIONS}/{session['id']}/completion", content, *more, auth=session["client_secret"])

    @property
    def session(self):
        """An open session, for cases that must not change it."""
        if self._session is None:
            self._session = self.open()
        return self._session

    # what was done meanwhile

    def traces(self):
        """How many rows each table holds (but for the queue's), calls BlueSnap's protocol has taken (readings of the clock are none), and lines tell of more requests than were sent."""
        counts = [f"SELECT '{table}', count(*) FROM {table}" for table in self._tables]
        rows = dict(self._database.execute(" UNION ALL ".join(counts)).fetchall())
        told = self.stand.lever("received")
        lines = answered(self._log("service").read_bytes())
        return {
            **{f"rows of {table}": count for table, count in rows.items()},
            "calls to BlueSnap": told["dropped"] + len(told["requests"]),
            "lines of no request": lines - self.sent,
        }

    def log_end(self):
        """Where our own logs end now."""
        return {name: self._log(name).stat().st_size for name in ("service", "worker")}

    def log_since(self, place):
        """Whole lines that were logged after that."""
        return b"".join(_whole_lines(self._log(name), start) for name, start in place.items())

    def _log(self, name):
        return self.stand.logs / f"{name}.log"


def _whole_lines(file, start):
    with file.open("rb") as log:
        log.seek(start)
        found = log.read()
    return found[: found.rfind(b"\n") + 1]


def told_of(log, *, hook):
    """How many lines tell of a request: those at BlueSnap's door are told apart from the others by their route, but for those that the gate refuses."""
    return answered(log) + (answered(log, hook=True) if hook else 0)


def answered(log, *, hook=False):
    """How many requests were told of in these lines, at BlueSnap's door or at the others."""
    return sum(ANSWERED in line and (HOOK in line) == hook for line in log.splitlines())
