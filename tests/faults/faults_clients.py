"""Signup pages that meet faults: each is one buyer, who keeps every answer and every broken connection. It knows nothing of how the service is made."""

from __future__ import annotations

import threading
import time
import uuid
from typing import NamedTuple

import requests

from tests.journeys.journeys_stage import PAYER, SESSIONS, account_of, new_name, told

HOLD_HEADER = "X-Hold-At"
#: What a page asks again for, under the same key: not final, or not understood. 409 is one of these unless its code says that another card is to be typed.
AGAIN = {202, 409, 429}
TYPE_AGAIN = {
    "payment_fields_token_expired",
    "payment_fields_token_not_found",
    "payment_fields_token_empty",
}
#: Longer than any test holds a request.
PATIENCE = 115.0


class Answer(NamedTuple):
    """What came of one call: status and body are None where the connection broke."""

    key: str
    status: int | None
    body: dict | None


class Buyer:
    """One payer on one page. `answers` are all that he was told, in order; `session` as it was opened."""

    def __init__(self, stage, plan="team", members=3, *, card="visa", name=None):
        self.stage, self.plan, self.members, self.card = stage, plan, members, card
        self.name = name or new_name()
        self.account = account_of(self.name)
        self.session, self.key = None, None
        self.answers = []
        self._calls = []

    def open(self):
        """A session with its payment fields filled."""
        self.session = self.stage.open(self.name, self.plan, self.members, card=self.card)
        return self

    def complete(self, hold_at=(), key=None, **changed):
        """The page's call, once; under a new key unless one is given. The answer, also if there was none."""
        self.key = key or str(uuid.uuid4())
        return self._complete(self.key, hold_at, changed)

    def begin(self, hold_at=(), key=None):
        """The same in the background; `ended` waits for it."""
        self.key = key or str(uuid.uuid4())
        call = threading.Thread(target=self._complete, args=(self.key, hold_at, {}), daemon=True)
        self._calls.append(call)
        call.start()
        return self

    def ended(self, within=PATIENCE):
        """Wait until every call in the background has got its answer, or lost its connection. The last answer."""
        for call in self._calls:
            call.join(within)
            assert not call.is_alive(), f"{self.name} still waits"
        self._calls.clear()
        return self.answers[-1] if self.answers else None

    def come_back(self, within=90.0, *, undecided=lambda: False):
        """Ask again under the same key, as a page does whose answer was lost, until an answer is final. That answer.

        `undecided`: asked after an answer that is not final; where it is true the page may give up, and that answer is the last.
        """
        until = time.monotonic() + within
        while True:
            answer = self._complete(self.key, (), {})
            if is_final(answer):
                return answer
            given_up = answer.status in {202, 409} and undecided()
            if given_up:
                return answer
            assert time.monotonic() < until, f"{self.name} has no final answer after {within} s: {answer}"
            time.sleep(0.4)

    def persist(self, within=90.0, *, undecided=lambda: False):
        """Come back, and where the page asks for the card again, type it again under a new key, until all is decided. The last answer."""
        until = time.monotonic() + within
        answer = self.come_back(within, undecided=undecided)
        while wants_card(answer) and time.monotonic() < until:
            self.session = self.stage.renew(self.session)
            self.stage.fill(self.session, self.card)
            self.key = str(uuid.uuid4())
            answer = self.come_back(within, undecided=undecided)
        return answer

    def status(self):
        """What the page's session is now."""
        return self.stage.read(self.session)["status"]

    def _complete(self, key, hold_at, changed):
        body = {"payer": {"first_name": self.name, **PAYER}, **changed}
        path = f"{SESSIONS}/{self.session['id']}/completion"
        answer = send(self.stage, "POST", path, auth=self.session["client_secret"], key=key, body=body, hold_at=hold_at)
        self.answers.append(answer)
        return answer


class Call:
    """Any call of the platform's that can be held, lost and made again under the same key; `answers` are all that came of it."""

    def __init__(self, stage, method, path, body, *, auth=None):
        self.stage, self.answers = stage, []
        self._asked = {"method": method, "path": path, "body": body, "auth": auth or stage.stack.api_key}
        self._asked["key"] = str(uuid.uuid4()) if method == "POST" else None
        self._calls = []

    def make(self, hold_at=()):
        self.answers.append(send(self.stage, **self._asked, hold_at=hold_at))
        return self.answers[-1]

    def begin(self, hold_at=()):
        """In the background; `ended` waits for it."""
        call = threading.Thread(target=self.make, args=(hold_at,), daemon=True)
        self._calls.append(call)
        call.start()

    def ended(self, within=PATIENCE):
        for call in self._calls:
            call.join(within)
            assert not call.is_alive(), f"{self._asked['path']} still waits"
        self._calls.clear()

    def come_back(self, within=90.0):
        """The same call again until its answer is final. That answer."""
        until = time.monotonic() + within
        while not is_final(answer := self.make()):
            assert time.monotonic() < until, f"no final answer after {within} s: {answer}"
            time.sleep(0.4)
        return answer


def send(stage, method, path, *, auth, key, body, hold_at=()):
    """One request, however long it is held, as an answer; what the service said is kept by the stage, too."""
    headers = {"Authorization": f"Bearer {auth}"} | ({"Idempotency-Key": key} if key is not None else {})
    if hold_at:
        headers[HOLD_HEADER] = hold_at if isinstance(hold_at, str) else ",".join(hold_at)
    with requests.Session() as session:
        session.trust_env = False
        how = {"json": body, "headers": headers, "timeout": PATIENCE, "allow_redirects": False}
        try:
            said = session.request(method, stage.stack.service_url + path, **how)
        except requests.RequestException:
            return Answer(key, None, None)
    stage.answers.append(said)
    return Answer(key, said.status_code, said.json() if said.content else {})


def is_final(answer):
    """Whether nothing else can be answered under this key: sold, declined, refused, or a card that must be typed again."""
    if answer.status is None or answer.status >= 500:
        return False
    if answer.status == 409:
        return answer.body.get("code") in {*TYPE_AGAIN, "subscription_exists"}
    return answer.status not in AGAIN


def wants_card(answer):
    """Whether the page asks for the card once more."""
    return answer.status == 409 and answer.body.get("code") in TYPE_AGAIN


def kept(answer):
    """Whether the service must give this very answer again under its key (DESIGN section 6)."""
    return answer.status == 402 or (answer.status is not None and 200 <= answer.status < 300 and answer.status != 202)


def all_of(stage, number, **terms):
    """So many buyers with filled sessions."""
    return [Buyer(stage, **terms).open() for _ in range(number)]


__all__ = ["HOLD_HEADER", "Answer", "Buyer", "Call", "all_of", "is_final", "kept", "send", "told", "wants_card"]
