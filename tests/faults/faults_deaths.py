"""What the crash matrix is made of: the points of a signup, the platform that is told of it, and the six deaths of those who work on it."""

from __future__ import annotations

import json
import signal
import threading

from tests.journeys.journeys_stage import eventually
from tests.support.receivers import Receiver, headers_of, status

#: P0 to P10 of the fault list, as points of service/crashpoints.py. The last is reached by the worker process.
POINTS = (
    "request.read",
    "request.validated",
    "signup.shopper_requested.committed",
    "create_shopper.sent",
    "create_shopper.answered",
    "signup.subscription_requested.committed",
    "create_subscription.sent",
    "create_subscription.answered",
    "signup.active.committed",
    "answer.written",
    "event.answered",
)
TOLD = len(POINTS) - 1

#: Seconds until a look-up shows what is there, less and more than the quiet period of the stage (1 s).
LAGS = {"less": 0.3, "more": 3.0}
WORKERS = ("worker", "worker2")
SETTINGS = {
    "PANLESS_THREADS": "40",
    "PANLESS_ATTEMPTS_PER_SESSION": "100",
    "PANLESS_EVENTS_SECRETS": "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
}


class Platform:
    """The platform's server for events. A process that has told it of a wanted account is held before it can mark that."""

    def __init__(self):
        self.stage, self._wanted, self._lock = None, set(), threading.Lock()
        #: (event, account) of all that was told, in order.
        self.told = []
        self._receiver = Receiver(self._take)
        self.url = f"http://127.0.0.1:{self._receiver.port}/events"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._receiver.stop()

    def hold_when_told_of(self, accounts):
        self._wanted |= set(accounts)

    def _take(self, connection, _receiver):
        head, body = connection.request()
        account = json.loads(body)["data"]["account"]
        with self._lock:  # one at a time, so that nobody else reaches the point that is armed for this one
            self.told.append((headers_of(head)[1]["webhook-id"], account))
            if account not in self._wanted:
                connection.say(status(204))
                return
            self._wanted.discard(account)
            before = len(self.stage.held(POINTS[TOLD]))
            self.stage.arm(POINTS[TOLD])
            connection.say(status(204))
            eventually(lambda: len(self.stage.held(POINTS[TOLD])) > before, within=60)


# the six deaths: each returns what proves that it happened


def _kill_workers(stage):
    """(a) SIGKILL of whoever holds somebody."""
    died = set(stage.held_by())
    for pid in died:
        stage.kill(pid)
    return died


def _time_out(stage):
    """(b) Every thread of the process stands still, until its master kills it; the worker processes' master is whoever runs them."""
    died, ours = set(stage.held_by()), {stage.stack.children[name].pid for name in WORKERS}
    stage.stall()
    eventually(lambda: not stage.alive(died - ours), within=60)
    for pid in ours:
        stage.kill(pid)
    return died


def _terminate(stage):
    """(c) SIGTERM, and the graceful time runs out."""
    died = set(stage.held_by())
    for name in ("service", *WORKERS):
        stage.stack.children[name].send_signal(signal.SIGTERM)
    stage.stack.children["service"].wait(60)
    for name in WORKERS:
        stage.kill_group(name)
    return died


def _cut_connections(stage):
    """(d) Every connection to the database is ended, by the server and on the way; those who were held go on."""
    assert stage.cut_connections() > 0
    assert stage.to_database.drop_all() > 0
    stage.go()
    return set()


def _restart_database(stage):
    """(e) PostgreSQL loses its power and comes back; those who were held go on."""
    before = stage.server.process.pid
    stage.restart_database()
    assert stage.server.process.pid != before
    stage.go()
    return set()


def _kill_group(stage):
    """(f) SIGKILL of the whole process group, and of the worker processes."""
    died = set(stage.held_by()) | {stage.stack.children["service"].pid}
    for name in ("service", *WORKERS):
        stage.kill_group(name)
    return died


DEATHS = {
    "a": _kill_workers,
    "b": _time_out,
    "c": _terminate,
    "d": _cut_connections,
    "e": _restart_database,
    "f": _kill_group,
}
GOES_ON = {"d", "e"}
