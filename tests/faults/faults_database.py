"""What the tests of the database's faults share: its settings while it runs, answers with their time, customers and what the platform asks for them."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from dataclasses import dataclass

import psycopg

from tests.faults.faults_clients import Answer
from tests.journeys.journeys_stage import PAYER, SESSIONS, account_of, eventually, new_name

#: Faults of section B that need what one server has not; they come with the clusters.
WITH_CLUSTERS = {
    "B19": "WAL is archived nowhere until there is a backup to be restored from",
    "B27": "needs standbys of which one can be lost",
    "B29": "needs a standby that is promoted",
    "B30": "needs an old primary that comes back after another one was promoted",
    "B31": "needs a synchronous standby that crashes while the primary's disk fails",
    "B32": "needs a standby that lags; every read goes to the one server there is",
    "B33": "needs another copy from which a corrupted page is restored",
}
WORKERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'panless-worker'"


@contextlib.contextmanager
def over_and_over(act, threads):
    """So many threads do it again and again until the block ends."""
    over = threading.Event()

    def repeat():
        while not over.is_set():
            act()

    running = [threading.Thread(target=repeat) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in running:
            thread.join(120)


def admin(stage):
    """A connection past all proxies, for what must not wait for a new one."""
    return psycopg.connect(stage.direct_url, autocommit=True, application_name="the-test")


def setting(stage, name, value):
    """Change a setting of the running server, or with None take it back; waits until a new connection has it."""
    stage.sql(f"ALTER SYSTEM RESET {name}" if value is None else f"ALTER SYSTEM SET {name} = '{value}'")
    stage.sql("SELECT pg_reload_conf()")
    loaded = "SELECT count(*) FROM pg_file_settings WHERE name = %s AND applied"
    eventually(lambda: stage.sql(loaded, name)[0][0] == (value is not None))
    if value is not None:
        eventually(lambda: stage.sql("SELECT current_setting(%s)", name)[0][0] == value, within=30)


def with_worker(stage):
    """The stage, once its worker process works: it begins last, and a stack does not wait for it."""
    eventually(lambda: stage.sql(WORKERS) > [(0,)], within=60)
    return stage


def calls(stage):
    """How many requests BlueSnap has got so far."""
    return len(stage.lever("received")["requests"])


@dataclass(frozen=True)
class Heard:
    """The status of an answer, or the error's name; its problem's code, its Retry-After, and how many seconds it took."""

    status: object
    code: str | None
    retry_after: str | None
    seconds: float


def heard(act):
    """What an act of the stage is answered, timed. A connection that breaks is an answer too."""
    begun = time.monotonic()
    try:
        answer = act()
    except OSError as error:
        return Heard(type(error).__name__, None, None, time.monotonic() - begun)
    problem = answer.headers["Content-Type"] == "application/problem+json"
    code = answer.json()["code"] if problem else None
    return Heard(answer.status_code, code, answer.headers.get("Retry-After"), time.monotonic() - begun)


def refused(answer):
    """The caller is told to come back, and nothing else."""
    assert (answer.status, answer.code, answer.retry_after) == (503, "not_ready", "2"), answer


def raw(buyer, key=None):
    """The page's call with its raw answer; a connection that broke is an error."""
    body = {"payer": {"first_name": buyer.name, **PAYER}}
    buyer.key = key or str(uuid.uuid4())
    path = f"{SESSIONS}/{buyer.session['id']}/completion"
    answer = buyer.stage.call("POST", path, auth=buyer.session["client_secret"], key=buyer.key, json=body)
    buyer.answers.append(Answer(buyer.key, answer.status_code, answer.json()))
    return answer


def all_at_once(*acts):
    """What each act is answered, all begun together."""
    found, start = [None] * len(acts), threading.Barrier(len(acts))

    def run(number, act):
        start.wait(30)
        found[number] = heard(act)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert None not in found, "an act did not end"
    return found


class Customer:
    """A payer who has bought, and what the platform may ask for him; every ask is the raw answer."""

    def __init__(self, stage, name=None):
        self.stage, self.name = stage, name or new_name()
        stage.buy(self.name)
        self.path = f"/v1/accounts/{account_of(self.name)}"
        [self.charge] = self._call("GET", "/charges").json()["charges"]

    def change(self, members):
        return self._call("PATCH", "/subscription", json={"members": members})

    def cancel(self, key=None):
        return self._call("POST", "/subscription/cancellation", key=key or str(uuid.uuid4()), json={})

    def resume(self):
        return self._call("DELETE", "/subscription/cancellation")

    def refund(self, amount, key=None):
        body = {"amount": {"amount": amount, "currency": "USD"}, "reason": "other", "cancel_subscription": False}
        path = f"/v1/charges/{self.charge['id']}/refunds"
        return self.stage.call("POST", path, auth=self.stage.stack.api_key, key=key or str(uuid.uuid4()), json=body)

    def refunded(self):
        """The amounts that BlueSnap has given back."""
        return [entry["amount"] for entry in self.stage.done_for(self.name, "refund")]

    def members(self):
        return self.read().json()["subscription"]["members"]

    def read(self):
        return self._call("GET", "")

    def _call(self, method, path, **more):
        return self.stage.call(method, self.path + path, auth=self.stage.stack.api_key, **more)


def until_final(act, within=90.0):
    """What an act is answered once that is no 202, 409 or 503 any more."""
    return eventually(lambda: (answer := act()).status_code not in {202, 409, 503} and answer, within=within)
