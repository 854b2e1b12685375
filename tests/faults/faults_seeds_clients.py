"""A crowd of buyers and of notices on a few threads: each is a script that calls, and steps aside while it waits. Every answer and every broken connection is kept.

The connections are kept alive and made by hand, because two hundred buyers in a few seconds leave a client no time of its own.
"""

from __future__ import annotations

import contextlib
import heapq
import http.client
import itertools
import json
import random
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from tests.faults.faults_clients import Answer, is_final, wants_card
from tests.faults.faults_notices import FORM, sign, stamp_of
from tests.faults.faults_notices import key_of as webhook_key_of
from tests.faults.faults_seeds_plan import PLANS, Buys
from tests.journeys.journeys_stage import PAYER, SESSIONS, WEBHOOKS, account_of

#: Longer than any answer may take (the judge's I9 says how long that is).
PATIENCE = 40.0
#: Who has had no final answer after so many questions, once all faults are over, has found a defect.
MOST_QUESTIONS = 150
#: BlueSnap sends a notice so often (bluesnap/webhooks.md section 1).
SENDINGS = 11
MOST_TRIES = 25


class Operation(NamedTuple):
    """One line of the history. `outcome` is started, ok, failed or unknown: an unknown one may have happened."""

    at: float
    who: str
    what: str
    outcome: str
    told: str

    def __str__(self):
        return f"{self.at:8.3f} {self.who:16s} {self.what:22s} {self.outcome:8s} {self.told}"


class Request(NamedTuple):
    """What was asked, in the words of the judge."""

    method: str
    path_url: str
    headers: dict
    body: bytes


class Reply:
    """An answer as the judge reads it."""

    def __init__(self, request, status, headers, content, seconds):
        self.request, self.status_code, self.headers, self.content = request, status, headers, content
        self.elapsed = timedelta(seconds=seconds)
        self.reason = ""

    @property
    def text(self):
        return self.content.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.content) if self.content else {}


class Lines(threading.local):
    """A connection of each thread to each port, made anew when it has broken."""

    def __init__(self):
        self.kept = {}

    def ask(self, port, request, patience=PATIENCE):
        """The answer: status, headers, content. Raises OSError or HTTPException."""
        line = self.kept.pop(port, None) or http.client.HTTPConnection("127.0.0.1", port)
        line.timeout = patience
        if line.sock is not None:
            line.sock.settimeout(patience)
        try:
            line.request(request.method, request.path_url, request.body, request.headers)
            answer = line.getresponse()
            content = answer.read()
        except BaseException:
            line.close()
            raise
        if answer.will_close:
            line.close()
        else:
            self.kept[port] = line
        return answer.status, answer.headers, content

    def close(self):
        """This thread's."""
        while self.kept:
            self.kept.popitem()[1].close()


@dataclass
class Bought:
    """What a buyer has: for whoever acts upon it afterwards."""

    body: dict
    session: dict


class Crowd:
    """Scripts on `threads` threads. A script yields the seconds that it waits; what it returns is nobody's business.

    `calm` is set once no fault is ordered any more; `give_up` says that what is undecided then may stay so, for keys are not proven.
    """

    def __init__(self, stage, options, *, give_up, threads=12):
        self.stage, self.options, self.give_up = stage, options, give_up
        self.history, self.problems, self.buyers, self.said, self.unfinished = [], [], [], [], set()
        self.begun = 0
        self.calm = threading.Event()
        self._lines, self._number, self._ready = Lines(), itertools.count(), threading.Condition()
        self._waiting, self._tasks, self._running, self._closed, self._doors_open = [], [], 0, False, True
        self._zero = time.monotonic()
        self._key = webhook_key_of(stage)
        self._pool = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._pool:
            thread.start()

    # the scripts' turns

    def add(self, tasks):
        """More buyers and sayings, begun in this order as threads become free."""
        with self._ready:
            self._tasks += tasks
            self._ready.notify_all()

    def spawn(self, script):
        """A script beside the others, at once."""
        with self._ready:
            heapq.heappush(self._waiting, (0.0, next(self._number), script))
            self._ready.notify()

    @contextlib.contextmanager
    def nobody_new(self):
        """Nobody else begins during the block: where nothing answers, a crowd would be through in a moment, and have met nothing."""
        self._open(doors=False)
        try:
            yield
        finally:
            self._open(doors=True)

    def _open(self, *, doors):
        with self._ready:
            self._doors_open = doors
            self._ready.notify_all()

    @property
    def settled_down(self):
        """Whether everybody has begun, and whoever is not through only waits."""
        with self._ready:
            return not self._tasks and not self._running

    def ended(self, within):
        """Wait until every script is through. Whether it is so."""
        with self._ready:
            return self._ready.wait_for(lambda: not (self._tasks or self._running or self._waiting), within)

    def close(self):
        """End the threads after their present call."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
        for thread in self._pool:
            thread.join(PATIENCE)

    def _work(self):
        while (script := self._next()) is not None:
            pause = None
            try:
                pause = next(script)
            except StopIteration:
                pass
            except Exception as error:  # noqa: BLE001 - a defect of the suite, or an answer that nobody expected
                self.problems.append(f"{type(error).__name__}: {error}")
            with self._ready:
                self._running -= 1
                if pause is not None:
                    heapq.heappush(self._waiting, (time.monotonic() + pause, next(self._number), script))
                self._ready.notify_all()
        self._lines.close()

    def _next(self):
        with self._ready:
            while not self._closed:
                now = time.monotonic()
                if self._waiting and self._waiting[0][0] <= now:
                    self._running += 1
                    return heapq.heappop(self._waiting)[2]
                if self._tasks and self._doors_open:
                    self._running += 1
                    task = self._tasks.pop(0)
                    if isinstance(task, Buys):
                        self.begun += 1
                        return Page(self, task).script()
                    return saying(self, task)
                self._ready.wait(self._waiting[0][0] - now if self._waiting else None)
            return None

    # calls

    def note(self, who, what, outcome, told=""):
        self.history.append(Operation(time.monotonic() - self._zero, who, what, outcome, str(told)))

    def ask(self, who, what, request, *, patience=PATIENCE):
        """A call to the service: the reply, or None where the connection broke."""
        self.note(who, what, "started", request.headers.get("Idempotency-Key", ""))
        begun = time.monotonic()
        try:
            status, headers, content = self._lines.ask(self.stage.stack.ports.service, request, patience)
        except (OSError, http.client.HTTPException) as error:
            self.note(who, what, "unknown", type(error).__name__)
            return None
        reply = Reply(request, status, headers, content, time.monotonic() - begun)
        self.stage.answers.append(reply)
        final = 200 <= status < 300 and status != 202
        outcome = "ok" if final else "unknown" if status in {202, 409, 429} or status >= 500 else "failed"
        self.note(who, what, outcome, f"{status} {reply.json().get('code', '') if content[:1] == b'{' else ''}")
        return reply

    def lever(self, name, body=None):
        """A lever of the simulator's: its answer, or None where it refuses."""
        method, sent = ("GET", b"") if body is None else ("POST", json.dumps(body).encode())
        request = Request(method, f"/_levers/{name}", {}, sent)
        status, _, content = self._lines.ask(self.stage.stack.ports.simulator, request)
        return json.loads(content) if status == 200 else None

    def post(self, path, body, *, auth, key=None, method="POST"):
        """The request for it."""
        headers = {"Authorization": f"Bearer {auth}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        return Request(method, path, headers, json.dumps(body).encode() if body is not None else b"")


class Page:
    """One buyer's pages, as the plan has them. The judge knows it as a buyer: `account`, `answers`, `session`."""

    def __init__(self, crowd, buys):
        self.crowd, self.buys = crowd, buys
        self.name, self.account = buys.name, account_of(buys.name)
        self.answers, self.session, self.bought, self.questions = [], None, None, 0
        self._chance = random.Random(f"{crowd.options} {buys.number}")
        self._api = crowd.stage.stack.api_key
        crowd.buyers.append(self)

    def key(self):
        """The seed's keys, in the order in which they are needed."""
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def script(self):
        """From the first page to the last act."""
        self.crowd.unfinished.add(self.name)
        session = yield from self.opened(self.terms())
        if session is not None:
            self.session = session
            yield from self.buys_once(session)
        if self.bought is not None:
            for act, pick in self.buys.after:
                yield from getattr(self, f"later_{act}")(pick)
        self.crowd.unfinished.discard(self.name)

    def terms(self):
        return {"account": self.account, "plan": self.buys.plan, "members": self.buys.members}

    def opened(self, terms):
        """A session; None if there is none to be had."""
        request = self.crowd.post(SESSIONS, terms, auth=self._api, key=self.key())
        for _ in range(MOST_TRIES):
            reply = self.crowd.ask(self.name, "open", request)
            if reply is not None and reply.status_code == 201:
                return reply.json()
            if (
                reply is not None
                and reply.status_code < 500
                and reply.json().get("code") != "idempotency_key_in_progress"
            ):
                return None
            yield 0.4
        return None

    def buys_once(self, session):
        """The way that the plan has for him, and beside it what he does by mistake."""
        click, key = self.buys.click, self.key()
        if not self.fill(session, self.buys.cards[0]):
            session = yield from self.renewed(session)
            if session is None:
                return
        if click == "twice":
            self.crowd.spawn(self.clicks(session, key))
        elif click == "twice_two_keys":
            self.crowd.spawn(self.clicks(session, self.key()))
        elif click == "two_tabs":
            self.crowd.spawn(self.second_tab(self.key()))
        elif click == "hangs_up":
            self.ask_page(session, key, patience=self._chance.choice((0.02, 0.1, 0.3)))
        yield from self.pays(session, key, list(self.buys.cards))

    def clicks(self, session, key):
        """The button once more."""
        self.ask_page(session, key)
        return
        yield

    def second_tab(self, key):
        """The same purchase in another tab, once."""
        session = yield from self.opened(self.terms())
        if session is not None and self.fill(session, "visa"):
            self.ask_page(session, key)

    def ask_page(self, session, key, *, patience=PATIENCE, body=None):
        """The page's call. What came of it, which is kept."""
        body = {"payer": {"first_name": self.name, **PAYER}} if body is None else body
        path = f"{SESSIONS}/{session['id']}/completion"
        request = self.crowd.post(path, body, auth=session["client_secret"], key=key)
        reply = self.crowd.ask(self.name, "complete", request, patience=patience)
        answer = Answer(key, reply.status_code, reply.json()) if reply is not None else Answer(key, None, None)
        self.answers.append(answer)
        if answer.status == 201:
            self.bought = self.bought or Bought(answer.body, session)
        return answer

    def pays(self, session, key, cards, *, body=None):
        """Ask until the answer is final, as far as he is one who comes back; type another card after a decline, the same one where the page asks for it."""
        for _ in range(MOST_QUESTIONS):
            answer = self.ask_page(session, key, body=body)
            if is_final(answer) and answer.status != 402 and not wants_card(answer):
                return answer
            if answer.status == 402:
                cards.pop(0)
                if not cards:
                    return answer
            elif not wants_card(answer):
                if not self.buys.comes_back or self.may_stop(answer):
                    return answer
                yield self.pause()
                continue
            renewed = yield from self.renewed(session, cards[0])
            if renewed is None:
                continue  # the session is not open any more: its page says what became of it
            session, key = renewed, self.key()
        self.crowd.problems.append(f"{self.account} has no final answer: {self.answers[-1]}")
        return None

    def may_stop(self, answer):
        """Where keys are not proven, nobody can be told how it ended before BlueSnap shows it."""
        self.questions += self.crowd.calm.is_set()
        return self.crowd.give_up and answer.status in {202, 409} and self.questions > 12

    def pause(self):
        return 0.25 + self._chance.random() * 0.5

    def fill(self, session, card):
        """Type it. False if the fields do not take it any more."""
        return self.crowd.lever("fill", {"token": session["hosted_fields"]["token"], "card": card}) is not None

    def renewed(self, session, card=None):
        """The session with fresh fields that are filled; None where it is not open any more."""
        path = f"{SESSIONS}/{session['id']}/renewals"
        request = self.crowd.post(path, {}, auth=session["client_secret"], key=self.key())
        for _ in range(MOST_TRIES):
            reply = self.crowd.ask(self.name, "renew", request)
            if reply is not None and reply.status_code == 201:
                fresh = session | reply.json()
                if fresh["hosted_fields"] is not None and self.fill(fresh, card or self.buys.cards[0]):
                    return fresh
                return None
            if (
                reply is not None
                and reply.status_code < 500
                and reply.json().get("code") != "idempotency_key_in_progress"
            ):
                return None
            yield 0.4
        return None

    # what follows a purchase

    def persists(self, what, request):
        """The platform's own call, until its answer is final, or for long enough. The reply."""
        reply = None
        for _ in range(MOST_TRIES):
            reply = self.crowd.ask(self.name, what, request)
            keyed = "Idempotency-Key" in request.headers
            code = reply.json().get("code") if reply is not None and reply.status_code == 409 else None
            again = reply is None or reply.status_code >= 500 or (reply.status_code == 202 and keyed)
            if not again and code != "idempotency_key_in_progress":
                return reply
            yield self.pause()
        return reply

    def later_members(self, pick):
        yield from self.persists("members", self.subscription("PATCH", {"members": 1 + int(pick * 20)}))

    def later_plan(self, _):
        other = PLANS[1 - PLANS.index(self.bought.body["plan"])]
        yield from self.persists("plan", self.subscription("PATCH", {"plan": other}))

    def later_cancel(self, _):
        yield from self.persists("cancel", self.subscription("POST", {}, "/cancellation", key=self.key()))

    def later_undo(self, _):
        yield from self.persists("undo", self.subscription("DELETE", None, "/cancellation"))

    def later_card(self, pick):
        session = yield from self.opened({"account": self.account, "purpose": "replace_card"})
        card = ("mastercard", "amex", "discover")[int(pick * 3)]
        if session is not None and self.fill(session, card):
            yield from self.pays(session, self.key(), [card], body={})

    def later_refund(self, pick):
        charges = self.crowd.post(f"/v1/accounts/{self.account}/charges", None, auth=self._api, method="GET")
        reply = yield from self.persists("charges", charges)
        if reply is None or reply.status_code != 200 or not reply.json()["charges"]:
            return
        [charge, *_] = reply.json()["charges"]
        body = {"reason": "requested_by_customer", "cancel_subscription": pick < 0.3}
        if pick > 0.5:
            body["amount"] = {"amount": "5.00", "currency": "USD"}
        path = f"/v1/charges/{charge['id']}/refunds"
        request = self.crowd.post(path, body, auth=self._api, key=self.key())
        reply = yield from self.persists("refund", request)
        if reply is not None and reply.status_code == 202 and self.buys.comes_back and not self.crowd.give_up:
            yield from self.persists("refund", request)

    def subscription(self, method, body, more="", *, key=None):
        path = f"/v1/accounts/{self.account}/subscription{more}"
        return self.crowd.post(path, body, auth=self._api, key=key, method=method)


# what is said to our door


def saying(crowd, says):
    """One of the plan's sayings: about what BlueSnap has said before."""
    if says.how == "stranger":
        yield from _sent(crowd, _about(says, "CHARGE", str(90_000_000_001 + _number(says))), "stranger")
        return
    heard = crowd.lever("notices?last=60")["notices"]
    if not heard:
        return
    chosen = heard[int(says.pick * len(heard))]
    if says.how == "again":
        crowd.note("BlueSnap", "says again", "ok", chosen["reference"])
        crowd.lever("notices", {"resend": chosen["id"], "times": says.times})
        return
    body = chosen["body"]
    if says.how == "hint":
        subscription = chosen["body"].partition("subscriptionId=")[2].partition("&")[0]
        yield from _sent(crowd, _about(says, "CONTRACT_CHANGE", subscription), "hint")
        return
    if says.how == "forged":
        _forged(crowd, body)
        return
    if says.how == "reworded":
        body = f"{body}&custom9={int(says.pick * 1_000_000)}"
    age = timedelta(hours=2) if says.how == "late" else timedelta()
    for _ in range(says.times - 1):
        crowd.spawn(_sent(crowd, body, chosen["type"], age))
    yield from _sent(crowd, body, chosen["type"], age)


def _number(says):
    return int(says.pick * 9_000_000_000)


def _about(says, kind, subscription):
    """Something that was never said before."""
    return (
        f"transactionType={kind}&referenceNumber={90_000_000_000 + _number(says)}&subscriptionId={subscription}&testMode=N"
        "&invoiceChargeAmount=29.00&invoiceChargeCurrency=USD&transactionDate=01/02/2026+03:04+AM"
    )


def _sent(crowd, body, kind, age=timedelta()):
    """By BlueSnap's rule: until it is answered 200, eleven times at most."""
    for _ in range(SENDINGS):
        reply = crowd.ask("BlueSnap", f"says {kind}"[:22], _signed(crowd, body, age))
        if reply is not None and reply.status_code == 200:
            crowd.said.append({"type": _type_of(body), "body": body, "deliveries": [{"status": 200}]})
            return
        if reply is not None and reply.status_code < 500 and reply.status_code != 429:
            crowd.problems.append(f"an authentic notice was answered {reply.status_code}: {reply.text}")
            return
        yield 0.5


def _forged(crowd, body):
    request = _signed(crowd, body, timedelta())
    request.headers["bls-signature"] = "0" * 64
    reply = crowd.ask("somebody", "forges", request)
    if reply is not None and reply.status_code < 500 and reply.status_code != 401:
        crowd.problems.append(f"a forged notice was answered {reply.status_code}")


def _signed(crowd, body, age):
    from datetime import datetime

    stamp = stamp_of(datetime.fromisoformat(crowd.lever("clock")["now"]) - age)
    signed = {"Content-Type": FORM, "bls-ipn-timestamp": stamp, "bls-signature": sign(crowd._key, stamp, body)}
    return Request("POST", WEBHOOKS, signed, body.encode())


def _type_of(body):
    return body.partition("transactionType=")[2].partition("&")[0]


@contextlib.contextmanager
def crowd_of(stage, options, *, give_up):
    """A crowd whose threads end with the block."""
    crowd = Crowd(stage, options, give_up=give_up)
    try:
        yield crowd
    finally:
        crowd.close()
