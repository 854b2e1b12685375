"""Every act of a customer or of the platform that creates or moves money, each with the call to BlueSnap that a fault may meet. It knows nothing of how the service is made.

An operation is prepared first (a customer, a session with a card typed into it), and acted out later, maybe held at the point right before its call.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.faults.faults_clients import HOLD_HEADER
from tests.journeys.journeys_stage import PAYER, SESSIONS, account_of, new_name, told

AT_ONCE = 12


@dataclass
class Subject:
    """One customer and one act: `answers` are all that came of it, in order."""

    operation: Operation
    name: str
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    session: dict | None = None
    charge: dict | None = None
    answers: list = field(default_factory=list)

    @property
    def first(self):
        return self.answers[0]


@dataclass(frozen=True)
class Operation:
    """`call` is BlueSnap's, `point` the last one before it. `prepare` readies a subject, `act` is the request; `unknown` the status of one whose outcome is lost."""

    name: str
    call: str
    point: str
    prepare: Callable
    act: Callable
    done: frozenset = frozenset({201})
    unknown: int = 202

    def ready(self, stage, name):
        subject = Subject(self, name)
        self.prepare(stage, subject)
        return subject

    def run(self, stage, subject, *, hold=False):
        """Act it out, under the subject's key, held at a point or (True) right before its call. The answer, which the subject keeps too."""
        headers = {HOLD_HEADER: self.point if hold is True else hold} if hold else {}
        answer = self.act(stage, subject, headers)
        subject.answers.append(answer)
        return answer


def _customer(stage, subject):
    answer = stage.buy(subject.name)
    assert answer["status"] == "active"


def _fresh_page(stage, subject):
    subject.session = stage.open(subject.name, card="visa")


def _over(_stage, _subject):
    """Its plan was canceled, and its paid period is behind us: see `ended`."""


def _with_charge(stage, subject):
    _customer(stage, subject)
    url = f"/v1/accounts/{account_of(subject.name)}/charges"
    [subject.charge] = stage.call("GET", url, auth=stage.stack.api_key).json()["charges"]


def _card_page(stage, subject):
    _customer(stage, subject)
    subject.session = card_session(stage, subject.name)


def card_session(stage, name, card="mastercard"):
    """A page on which another card was typed."""
    body = {"account": account_of(name), "purpose": "replace_card"}
    answer = stage.call("POST", SESSIONS, auth=stage.stack.api_key, key=str(uuid.uuid4()), json=body)
    assert answer.status_code == 201, told(answer)
    stage.fill(answer.json(), card)
    return answer.json()


def _complete(stage, subject, headers):
    session, body = subject.session, {"payer": {"first_name": subject.name, **PAYER}}
    path = f"{SESSIONS}/{session['id']}/completion"
    return stage.call("POST", path, auth=session["client_secret"], key=subject.key, headers=headers, json=body)


def _replace(stage, subject, headers):
    session = subject.session
    path = f"{SESSIONS}/{session['id']}/completion"
    return stage.call("POST", path, auth=session["client_secret"], key=subject.key, headers=headers, json={})


def _ordering(method, path="", **body):
    def act(stage, subject, headers):
        url = f"/v1/accounts/{account_of(subject.name)}/subscription{path}"
        key = subject.key if method == "POST" else None
        return stage.call(method, url, auth=stage.stack.api_key, key=key, headers=headers, json=body)

    return act


def _refund(stage, subject, headers):
    body = {"reason": "requested_by_customer", "amount": {"amount": "29.00", "currency": "USD"}}
    url = f"/v1/charges/{subject.charge['id']}/refunds"
    return stage.call("POST", url, auth=stage.stack.api_key, key=subject.key, headers=headers, json=body)


_CHANGE = "subscription.change_requested.committed"
_FINE = frozenset({200})
VAULT = Operation("vault", "create_shopper", "signup.shopper_requested.committed", _fresh_page, _complete)
SUBSCRIBE = Operation(
    "subscribe", "create_subscription", "signup.subscription_requested.committed", _fresh_page, _complete
)
REBUY = Operation(
    "buy again",
    "create_subscription",
    "signup.subscription_requested.committed",
    _over,
    _ordering("POST", "/reactivation"),
)
MEMBERS = Operation("members", "update_subscription", _CHANGE, _customer, _ordering("PATCH", members=8), _FINE)
PLAN = Operation("plan", "update_subscription", _CHANGE, _customer, _ordering("PATCH", plan="business"), _FINE)
CANCEL = Operation("cancel", "update_subscription", _CHANGE, _customer, _ordering("POST", "/cancellation"), _FINE)
REFUND = Operation("refund", "refund", "refund.requested.committed", _with_charge, _refund)
CARD = Operation("vault a card", "update_shopper", "card.requested.committed", _card_page, _replace, _FINE)
SWITCH = Operation("switch the card", "update_subscription", "add_card.answered", _card_page, _replace, _FINE)
BUYING = (VAULT, SUBSCRIBE, REBUY)
CHANGING = (MEMBERS, PLAN, CANCEL)
#: Those whose calls do not stand in one another's way: no other of them makes the call that a fault was ordered for.
TOGETHER = (*BUYING, *CHANGING, REFUND, CARD)
ALL = (*TOGETHER, SWITCH)


def at_most(number, act, items):
    """What the act answers for each item, so many at a time."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(act, items))


def ended(stage, number):
    """Names of customers whose canceled plans are over; the clock goes a month on. Call first: everybody else would renew."""
    names = [new_name() for _ in range(number)]

    def buy_and_cancel(name):
        stage.buy(name)
        answer = CANCEL.act(stage, Subject(CANCEL, name), {})
        assert answer.status_code == 200, told(answer)

    at_most(AT_ONCE, buy_and_cancel, names)
    stage.lever("clock", {"advance": "P1M1D"})
    return names


def prepare(stage, operations, over=()):
    """A subject for each operation; those that buy again are taken from `over`, a list that gets shorter."""
    names = [over.pop() if one is REBUY else new_name() for one in operations]
    return at_most(AT_ONCE, lambda pair: pair[0].ready(stage, pair[1]), list(zip(operations, names, strict=True)))


def run_all(stage, subjects, *, at_once=AT_ONCE, hold=False):
    """Act all out at the same time. Their answers."""
    return at_most(at_once, lambda one: one.operation.run(stage, one, hold=hold), subjects)


@contextlib.contextmanager
def later(stage, subjects, points=None):
    """All of them at once in the background, each held right before its call, or at the point that is given for it. Gives what waits for their answers."""
    with ThreadPoolExecutor(len(subjects)) as pool:
        held = points or [True] * len(subjects)
        begun = [
            pool.submit(one.operation.run, stage, one, hold=hold) for one, hold in zip(subjects, held, strict=True)
        ]
        try:
            yield lambda: [one.result() for one in begun]
        finally:
            stage.go()


def finish(stage, subject, within=60.0):
    """What the caller does whose answer was not final: the same again under the same key, the card typed again where the page asks for it. The last answer.

    A reactivation that was settled meanwhile says that there is a subscription; a change that is settled is ordered again.
    """
    until = time.monotonic() + within
    while True:
        answer = subject.operation.run(stage, subject)
        if answer.status_code in subject.operation.done:
            return answer
        code = answer.json().get("code", "")
        if code in {"subscription_exists", "session_complete", "subscription_canceled"}:
            return answer
        if code.startswith("payment_fields_token"):
            subject.session = stage.renew(subject.session)
            stage.fill(subject.session, "visa" if subject.operation in BUYING else "mastercard")
            subject.key = str(uuid.uuid4())
        assert time.monotonic() < until, f"{subject.operation.name}: {told(answer)}"
        time.sleep(0.1)
