"""What scenarios for planted mistakes share: demands that name the invariant, the judge, and acts in the background."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from typing import Any

from tests.faults import faults_judge
from tests.journeys.journeys_stage import PAYER, SESSIONS

#: How long a stack may take to settle; a mistake may keep it from it for ever.
SETTLES_WITHIN, GIVES_UP_AFTER = 90.0, 3.0


def demand(invariant, holds, text):
    """Fail with the invariant that does not hold."""
    assert holds, f"{invariant}: {text}"


def judge(stage, invariant, *names):
    """What the judge says once the stack is quiet, or will not become it; then BlueSnap's ledger for these payers."""
    begun, patience = time.monotonic(), GIVES_UP_AFTER if getattr(stage, "bugs", ()) else SETTLES_WITHIN
    while not (quiet := faults_judge.is_quiet(stage)) and time.monotonic() - begun < patience:
        time.sleep(0.1)
    said = faults_judge.judge(stage, sweep=False, deep=False)
    found = sorted(said.violations)
    assert not found, "; ".join(found)
    for name in names:
        sold = stage.sold(name)
        demand("I1", sold == (1, 1), f"BlueSnap made {sold[0]} subscriptions and {sold[1]} charges for one purchase")
    assert quiet, "the stack did not settle"
    assert said.affected.get(invariant), f"{invariant} was evaluated on nothing"


def type_again_if_open(stage, session, name):
    """What a payer does whose page says that it did not work: fresh fields, the card once more."""
    if stage.decided(session) == "open":
        stage.type_again(session, name)


def complete_held(stage, session, name, point):
    """The page's call, held at a point."""
    path, body = f"{SESSIONS}/{session['id']}/completion", {"payer": {"first_name": name, **PAYER}}
    how = {"key": str(uuid.uuid4()), "headers": {"X-Hold-At": point}, "json": body}
    return stage.call("POST", path, auth=session["client_secret"], **how)


@contextlib.contextmanager
def later(act):
    """The act on a thread of its own, which ends with the block. Its answer is in the list."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(act()))
    thread.start()
    try:
        yield answers
    finally:
        thread.join(60)
