"""Steady customers, platform and BlueSnap while secrets are changed, and the files in which a stack's secrets are. Knows the documented steps and nothing of the service."""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
import uuid
from pathlib import Path
from urllib.parse import urlencode

from tests.faults.faults_clients import Buyer
from tests.faults.faults_notices import deliver
from tests.journeys.journeys_stage import SESSIONS, WEBHOOKS, account_of, eventually, new_name, told
from tests.support.receivers import Receiver, headers_of, is_signed, status

SECRETS = (
    "BLUESNAP_USER",
    "BLUESNAP_PASSWORD",
    "BLUESNAP_USER_OTHER",
    "BLUESNAP_PASSWORD_OTHER",
    "DATABASE_URL",
    "EVENTS_SECRETS",
    "SECRET_KEYS",
    "WEBHOOK_KEYS",
)


class Files:
    """The secrets of a running stack, each in a file of its own; `now` is what they say."""

    def __init__(self, stage, folder):
        self._stage, self._folder, self.now = stage, Path(folder), {}
        folder.mkdir()
        environment = stage.stack._environments["service"]
        for name in SECRETS:
            self.write(name, environment.pop(f"PANLESS_{name}", ""))
            environment[f"PANLESS_{name}_FILE"] = str(self._folder / name)
        for part in ("service", "worker"):
            stage.stop(part, within=60)
            stage.start_again(part)

    def write(self, name, text):
        """Beside the old file, and over it."""
        (new := self._folder / f".{name}").write_text(text)
        new.rename(self._folder / name)
        self.now[name] = text

    def step(self, **changed):
        """One step of the document: write, reload, and wait until nobody has the old settings any more."""
        for name, text in changed.items():
            self.write(name.upper(), text)
        taken = self._taken()
        before = set(self._stage.workers())
        self._stage.kill(self._stage.stack.children["service"].pid, signal.SIGHUP)
        eventually(lambda: len(new := set(self._stage.workers())) == 2 and not new & before, within=90)
        assert self._taken() == taken + 1
        self._stage.stop("worker", within=60)
        self._stage.start_again("worker")

    def _taken(self):
        return sum(line["event"] == "settings.taken" for line in self._stage.service_log())


class Platform:
    """The platform's server for events; it checks by one secret, and keeps what was not signed by it."""

    def __init__(self):
        self.secret, self.told, self.forged = None, 0, []
        self._receiver = Receiver(self._take)
        self.url = f"http://127.0.0.1:{self._receiver.port}/events"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._receiver.stop()

    def _take(self, connection, _receiver):
        head, body = connection.request()
        headers = headers_of(head)[1]
        self.told += 1
        if self.secret is not None and not is_signed(headers, body, self.secret):
            self.forged.append(headers["webhook-id"])
        connection.say(status(200))


class Load:
    """Customers who buy, a page that looks at its session, BlueSnap that tells: each as fast as it is answered. `failures` is whatever was not answered as it should."""

    def __init__(self, stage, webhook_key):
        self.stage, self.webhook_key = stage, webhook_key
        acts = {"bought": self._buy, "bought as well": self._buy, "looked": self._look, "told": self._tell}
        self.buyers, self.failures, self.done = [], [], dict.fromkeys(acts, 0)
        self.visited = stage.open(new_name())
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=one, daemon=True) for one in acts.items()]

    def __enter__(self):
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for one in self._threads:
            one.join(90)
            assert not one.is_alive()

    def goes_on(self, turns=4):
        """Wait until everybody who was at something has ended it, and done more of it."""
        before = dict(self.done)
        eventually(lambda: self.failures or all(self.done[name] >= before[name] + turns for name in before), within=120)
        assert self.failures == []

    def _run(self, name, act):
        while not self._stop.is_set() and not self.failures:
            try:
                act()
            except Exception:  # noqa: BLE001 - an answer that never came is a failure like any other
                self.failures.append(traceback.format_exc())
            self.done[name] += 1

    def _buy(self):
        """Open twice under one key, buy twice under one key: the second answer is the first. An idempotency key belongs to the API key it came with."""
        buyer, key, auth = Buyer(self.stage), str(uuid.uuid4()), self.stage.stack.api_key
        first, again = (self.stage.order(buyer.name, key=key, auth=auth) for _ in range(2))
        self._expect(first, 201)
        if first.json() != again.json():
            self.failures.append(f"another answer under the same key: {told(again)}")
        buyer.session = first.json()
        self.stage.fill(buyer.session)
        bought = buyer.complete()
        again = buyer.complete(key=bought.key)
        if bought.status != 201 or (again.status, again.body) != (201, bought.body):
            self.failures.append(f"bought {bought}, then {again}")
        self.buyers.append(buyer)

    def _look(self):
        path = f"{SESSIONS}/{self.visited['id']}"
        self._expect(self.stage.call("GET", path, auth=self.visited["client_secret"]), 200)
        self._expect(self.stage.call("GET", f"/v1/accounts/{account_of('Nobody')}", auth=self.stage.stack.api_key), 200)

    def _tell(self):
        """A notice that BlueSnap signs with its key of this moment, and again."""
        body = notice()
        for _ in range(2):
            self._expect(deliver(self.stage, body, key=self.webhook_key), 200)

    def _expect(self, answer, wanted):
        if answer.status_code != wanted:
            self.failures.append(told(answer))


def notice():
    """What changes nothing of ours, and is kept."""
    number = str(uuid.uuid4().int % 10**9)
    return urlencode({"transactionType": "CHARGE", "referenceNumber": number, "subscriptionId": "99" + number[:7]})


@contextlib.contextmanager
def watched(stage):
    """Nothing that BlueSnap itself tells during the block is refused, and nothing that the platform is told fails."""
    refused = stage.metric("panless_notices_refused_total")
    yield
    eventually(
        lambda: all(one["state"] not in {"queued", "held"} for one in stage.lever("notices")["notices"]), within=90
    )
    answers = {one["status"] for told in stage.lever("notices")["notices"] for one in told["deliveries"]}
    assert answers <= {200}
    assert stage.metric("panless_notices_refused_total") == refused
    assert stage.sql("SELECT count(*) FROM events WHERE state = 'failed'") == [(0,)]


__all__ = ["WEBHOOKS", "Files", "Load", "Platform", "notice", "watched"]
