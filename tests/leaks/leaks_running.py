"""The cases of what runs by itself (E151 to E153, E159, E160): the worker, the platform's answers, and logs that somebody made loud or called wrongly."""

from __future__ import annotations

import json

from leaks_notices import delivery, encoded, fields_of, reference
from leaks_provider import awaited, bought, one_row, said
from leaks_registry import Observation, sender
from leaks_tools import opclean, run_commands, run_program

from tests.support import hostile_provider
from tests.support.hostile_provider import HostileProvider


@sender("E151")
def worker_error(case, stage):
    """The worker reads nonsense from BlueSnap, then a document that breaks off: it tells so in a word of its own, and goes on."""
    _, subscription, shopper = bought(stage)
    word = stage.payload(case)
    broken = json.dumps({"subscriptionId": word, "status": said(stage), "nested": [word] * 50}).encode()[:-3]
    place = stage.log_end()
    order = stage.provider.order("get_subscription", hostile_provider.answer("200 OK", body=broken))
    told = fields_of(reference(), transactionType="CONTRACT_CHANGE", subscriptionId=subscription, accountId=shopper)
    stage.plain(delivery(stage, encoded(told)))
    order.wait()
    failed = awaited(lambda: b'"event": "look.failed"' in stage.log_since(place))
    log = stage.log_since(place)

    def judge():
        assert failed, "the worker has not told that its look failed"
        assert b'"cause": "unreadable_answer"' in log
        assert set(_arguments(stage)) <= {"timestamp"}

    return Observation(log=log, judge=judge)


def _arguments(stage):
    with stage.stand.connect() as connection:
        return [
            row[0] for row in connection.execute("SELECT DISTINCT jsonb_object_keys(args) FROM jobs.procrastinate_jobs")
        ]


@sender("E152")
def service_response(case, stage):
    """The platform answers an event with it: in the status line, headers and body of a failure, and of a redirect."""
    body = json.dumps({"error": said(stage), "card": stage.payload(case)}).encode()
    place, before = stage.log_end(), stage.provider.mark()
    headers = (
        f"X-Note: {said(stage)}",
        f"Set-Cookie: card={stage.payload(case)}",
        f"Retry-After: {stage.payload(case)}",
    )
    failed = stage.provider.order("event", hostile_provider.answer(f"500 {said(stage)}", *headers, body=body))
    moved = stage.provider.order(
        "event", hostile_provider.answer("307 Moved", f"Location: /{stage.payload(case)}", *headers)
    )
    stage.plain(stage.completing(stage.ready(), {}))
    failed.wait()
    moved.wait()
    causes = "SELECT count(*) FROM events WHERE cause IN ('server_error', 'redirected')"
    known = awaited(lambda: one_row(stage, causes)[0] >= 2)
    _, output = run_commands(stage, [(["events", "list"], {}), (["events", "list", "--json"], {})])
    log = stage.log_since(place)

    def judge():
        assert known, "the failures were not noted"
        assert not any(stage.payload(case) in one.head for one in stage.provider.since(before))
        assert b"server_error" in output

    return Observation(log=log, said=output, judge=judge)


@sender("E153")
def debug_log(case, stage):
    """Somebody has set the root logger to DEBUG, and made the libraries that we use tell what goes over the wire."""
    with HostileProvider() as other:  # what is said to this one is meant to hold it
        told = {
            "word": stage.payload(case), "said": said(stage), "url": other.url, "events": other.events_url,
            "database": stage.stand.database_url,
        }  # fmt: skip
        for call in ("find_shopper", "create_shopper", "create_token", "event"):
            refusal = hostile_provider.answer("400 Bad", f"X-Note: {said(stage)}", body=said(stage).encode())
            other.order(call, refusal)
        done = run_program(stage, "debugging", told)
        other.assert_all_met()

    def check():
        assert done.returncode == 0
        assert done.stdout.endswith(b"done\n")
        assert b"library.record" in done.stdout, "nothing was logged at all"

    return opclean(stage, done.stdout + done.stderr, check)


@sender("E159")
def dying_thread(case, stage):
    done = run_program(stage, "dying", {"word": stage.payload(case)})

    def check():
        assert done.returncode == 1
        kinds = {json.loads(line).get("library") for line in done.stdout.splitlines()}
        assert {"thread", "destructor", "process", "asyncio"} <= kinds
        assert done.stderr == b""

    return opclean(stage, done.stdout + done.stderr, check)


@sender("E160")
def wrong_format(case, stage):
    done = run_program(stage, "wrong_calls", {"word": stage.payload(case)})

    def check():
        assert done.returncode == 0
        assert len([json.loads(line) for line in done.stdout.splitlines()[:-1]]) == 12
        assert done.stderr == b""

    return opclean(stage, done.stdout + done.stderr, check)
