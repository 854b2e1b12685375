"""The ground of the cases that come back from BlueSnap: how a stand is set up for them, what BlueSnap says, and what our caller may be told of it. Sends no case."""

from __future__ import annotations

import base64
import json
import time

from leaks_outcomes import CODES, FIELDS, says_nothing_of
from leaks_payloads import number
from leaks_registry import Observation
from leaks_stage import SESSIONS

from service.evidence.canaries import marker
from tests.support import hostile_provider

#: What a purchase may end in that is no problem: sold, or not known yet.
DONE, CONFIRMING = 201, 202
SHOWN = 200
WAIT_SECONDS = 25.0
STATE = "SELECT state FROM signups WHERE session_id = %s ORDER BY created_at DESC LIMIT 1"


def settings(provider):
    """What a stand must be started with to be a stage for these cases: the provider stands before the simulator and in the platform's
    place, and what was lost is looked for soon.
    """
    return {
        "PANLESS_BLUESNAP_URL": provider.url,
        "PANLESS_EVENTS_URL": provider.events_url,
        "PANLESS_EVENTS_SECRETS": "whsec_" + base64.b64encode(b"leaks-" * 4).decode(),
        "PANLESS_QUIET_SECONDS": "1",
        "PANLESS_LEASE_SECONDS": "5",
        "PANLESS_READ_SECONDS": "3",
        "PANLESS_TOTAL_SECONDS": "4",
        "PANLESS_CHARGE_READ_SECONDS": "3",
        "PANLESS_CHARGE_TOTAL_SECONDS": "4",
        "PANLESS_LOOK_SECONDS": "900",
    }


# the ground


def awaited(probe, within=WAIT_SECONDS):
    """The first truthy answer of `probe`, or its last one once the time is over."""
    deadline = time.monotonic() + within
    while not (found := probe()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def one_row(stage, statement, *values):
    with stage.stand.connect() as connection:
        return connection.execute(statement, values).fetchone()


def bought(stage):
    """An account with a subscription, one for all cases of a stage: (account, BlueSnap's subscription, BlueSnap's shopper)."""
    if not hasattr(stage, "sold"):
        account = f"leaks-{marker()}"
        session = stage.ready(account=account)
        answer = stage.plain(stage.completing(session, {}))
        assert answer.status == DONE, f"answered {answer.status}"
        ids = one_row(
            stage, "SELECT provider_subscription, provider_shopper FROM subscriptions WHERE account = %s", account
        )
        stage.sold = (account, *ids)
    return stage.sold


def reading_card(stage):
    """The bytes of the platform's question for the card that is charged: one call to BlueSnap, get_subscription."""
    return stage.reading(f"/v1/accounts/{bought(stage)[0]}/card")


def opening(stage):
    """The bytes of an order for a session: one call to BlueSnap, create_token."""
    return stage.writing(SESSIONS, {"account": f"leaks-{marker()}", "plan": "team", "members": 3})


def said(stage):
    """What BlueSnap says: the data of the case, a code under its name, and the case's own word."""
    return f"{stage.labelled(stage.case)} {stage.marker}"


def described(stage):
    """The same as a JSON object of properties, nested and not."""
    word = stage.payload(stage.case)
    return {
        "cardNumber": word, "securityCode": word, "cvv": word, "cid": word, "note": said(stage),
        "creditCard": {"number": word, "track": [said(stage)]}, stage.labelled(stage.case): stage.marker,
    }  # fmt: skip


def with_properties(stage):
    """The true answer, with these properties too."""
    return hostile_provider.with_body(lambda body: json.dumps({**json.loads(body), **described(stage)}).encode())


# what is told of it


def outcome_of(answer):
    """The documented code of the problem that an answer is, or its status if it is none."""
    if answer.status is None or answer.status < 400:
        return answer.status
    body = json.loads(answer.body)
    assert answer.header("Content-Type") == "application/problem+json"
    assert FIELDS <= body.keys() <= FIELDS | {"reason"}
    assert CODES.get(body["code"]) == answer.status
    return body["code"]


def mapped(stage, seen, *allowed):
    """Each answer is one of ours, by its code or its status, and nothing of it is BlueSnap's."""
    case = stage.case
    seen.said += stage.provider.told_lately()

    def judge():
        stage.provider.assert_all_met()
        assert seen.answers, "there was no answer"
        for answer in seen.answers:
            assert (told := outcome_of(answer)) in allowed, f"answered {told}"
            says_nothing_of(case, stage, answer)
            assert case.data != "D05" or number(case).encode() not in answer.raw, "the answer repeats a number"

    seen.judge = judge
    return seen


def together(seen):
    """Several observations as one."""
    return Observation(
        answers=[one for each in seen for one in each.answers],
        sent=[one for each in seen for one in each.sent],
        log=b"".join(one.log for one in seen),
        said=b"".join(one.said for one in seen),
        lines=[one for each in seen for one in each.lines],
    )


def every_reading(stage, reply, *allowed, times=1, **how):
    """A session is opened and a card is read, and BlueSnap answers both like that."""
    raws = [opening(stage), reading_card(stage)]  # first: the card must have been bought by then
    stage.provider.order("create_token", reply, **how)
    for _ in range(times):
        stage.provider.order("get_subscription", reply, **how)
    # the worker's look at that subscription may take one of these answers: then the card is read from the true one
    return mapped(stage, stage.send_all(raws), *allowed, SHOWN)


def settled(stage, session):
    """Wait until the session is no longer unknown: an attempt that is left open would go on by itself beside later cases."""
    states = awaited(lambda: one_row(stage, STATE, session["id"])[0] in {"active", "declined", "released", "stuck"})
    assert states, "the attempt was never settled"
