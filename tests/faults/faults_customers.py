"""What the customers of many accounts do in a week, and the platform that asks for it until it has a final answer. Knows the API and the levers only."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import requests

from tests.faults.faults_reckoning import Book, day_of

#: Callers at a time, and how often one comes back with the same key before he gives up.
CALLERS, TRIES = 4, 200
NOT_YET = {"signup_undecided", "subscription_changed", "idempotency_key_in_progress"}
#: Of a hundred accounts, each month: what befalls them.
SHARES = {
    "fails": 4,
    "cancels": 3,
    "undoes": 1,
    "members": 5,
    "plan": 2,
    "portal": 1,
    "refund": 1,
    "refund_all": 0.5,
    "returns": 2,
}


@dataclass
class Customer:
    """An account as its platform knows it: `orders` are the terms that were confirmed to it, (moment, plan, members)."""

    account: str
    shopper: str
    orders: list = field(default_factory=list)
    failing: bool = False
    changed_plan_on: object = None


class Customers:
    """All of them. `book` is BlueSnap's ledger, as far as it was read; `figures` counts what happened."""

    def __init__(self, stage, seed):
        self.stage, self.chance, self.book, self.figures = stage, random.Random(seed), Book(), Counter()
        self.customers, self._here = {}, threading.local()

    def some(self, number):
        """So many customers."""
        everyone = list(self.customers.values())
        return everyone if number >= len(everyone) else self.chance.sample(everyone, number)

    def act(self):
        """A week's share of what customers do."""
        self.read_ledger()
        now = self.now()
        doing = []
        for what, percent in SHARES.items():
            fit = [one for one in self.customers.values() if self._fits(what, one, now)]
            wanted = percent * len(self.customers) / 100 / 4
            number = int(wanted) + (self.chance.random() < wanted % 1)
            doing += [(what, one) for one in self.chance.sample(fit, min(number, len(fit)))]
        healed = [one for one in self.customers.values() if one.failing and self.chance.random() < 0.3]
        for one in healed:
            self.lever("card", {"subscription_id": self.book.current(one.shopper).id, "outcome": "success"})
            one.failing = False
        alone = {one.account: (what, one) for what, one in doing}
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(lambda pair: self._do(*pair), alone.values()))
        self.read_ledger()

    def _fits(self, what, one, now):
        current = self.book.current(one.shopper)
        standing = current.standing(now)
        if what == "undoes":
            return standing == "canceled" and not current.over
        if what == "returns":
            return standing == "over" and not one.failing
        if what == "plan":
            recent = one.changed_plan_on and (day_of(now) - one.changed_plan_on).days < 40
            return standing == "paid" and not one.failing and not recent
        return standing == "paid" and not one.failing

    def _do(self, what, one):
        getattr(self, f"_{what}")(one)
        self.figures[what] += 1

    def _fails(self, one):
        outcome = self.chance.choice(("INSUFFICIENT_FUNDS", "CALL_ISSUER"))
        self.lever("card", {"subscription_id": self.book.current(one.shopper).id, "outcome": outcome})
        one.failing = True

    def _portal(self, one):
        """Somebody cancels in BlueSnap's portal, of which a notice may be lost."""
        self.lever("cancel", {"subscription_id": self.book.current(one.shopper).id, "at_period_end": True})

    def _members(self, one):
        _, plan, members = one.orders[-1]
        self._change(one, plan, self.chance.choice([count for count in range(1, 21) if count != members]))

    def _plan(self, one):
        _, plan, members = one.orders[-1]
        self._change(one, "team" if plan == "business" else "business", members)
        one.changed_plan_on = day_of(self.now())

    def _change(self, one, plan, members):
        said = self.persist("PATCH", f"{path_of(one)}/subscription", {"plan": plan, "members": members})
        if said.status_code == 200:
            one.orders.append((self.now(), plan, members))

    def _cancels(self, one):
        self.persist("POST", f"{path_of(one)}/subscription/cancellation", {})

    def _undoes(self, one):
        self.persist("DELETE", f"{path_of(one)}/subscription/cancellation")

    def _returns(self, one):
        self.persist("POST", f"{path_of(one)}/subscription/reactivation", {})

    def _refund(self, one):
        self._give_back(one, {"amount": {"amount": "1.00", "currency": "USD"}, "reason": "other"})

    def _refund_all(self, one):
        self._give_back(one, {"reason": "requested_by_customer", "cancel_subscription": True})

    def _give_back(self, one, order):
        charges = self.persist("GET", f"{path_of(one)}/charges").json()["charges"]
        if charges:
            self.persist("POST", f"/v1/charges/{charges[-1]['id']}/refunds", order)

    # asking

    def persist(self, method, path, body=None):
        """Ask until the answer is final, as a platform does: the same key, also after a broken connection."""
        headers = {"Authorization": f"Bearer {self.stage.stack.api_key}"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        for _ in range(TRIES):
            try:
                said = self._session.request(
                    method, self.stage.stack.service_url + path, json=body, headers=headers, timeout=60
                )
            except requests.RequestException:
                self.figures["broken connections"] += 1
            else:
                code = said.json().get("code") if said.status_code >= 300 else None
                if said.status_code not in {202, 429} and said.status_code < 500 and code not in NOT_YET:
                    if code is not None:
                        self.figures[f"refused: {code}"] += 1
                    return said
            time.sleep(0.2)
        raise AssertionError(f"{method} {path} has no final answer after {TRIES} tries: {said.text}")

    @property
    def _session(self):
        """One for each thread."""
        if not hasattr(self._here, "session"):
            self._here.session = requests.Session()
            self._here.session.trust_env = False
        return self._here.session

    def lever(self, name, body=None):
        """A lever of the simulator; the clock may take minutes."""
        url = f"{self.stage.stack.simulator_url}/_levers/{name}"
        answer = self._session.request("GET" if body is None else "POST", url, json=body, timeout=900)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def now(self):
        return datetime.fromisoformat(self.lever("clock")["now"])

    def read_ledger(self):
        self.book.feed(self.lever(f"ledger?since={self.book.read_to}")["entries"])


def path_of(one):
    return f"/v1/accounts/{one.account}"
