"""Settle card attempts whose outcome is unknown, or whose process died: look first, adopt what is there, repeat only what is proven safe, else ask a person.

DESIGN section 7. A negative look-up is no proof of absence: a call that moves money is repeated only under `idempotency_proven`,
with the same key, while BlueSnap still keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from service.billing import rounds
from service.billing.buying import doubts, steps
from service.billing.buying.subscribe import adopt, subscribe
from service.billing.life.truth import OVER
from service.billing.outcomes import KEY_LIFE, LONGEST_WAIT_SECONDS, RETRIED, SEARCH
from service.billing.tools import Tools
from service.bluesnap.causes import Cause
from service.bluesnap.payloads import Subscription as Found
from service.errors import BlueSnapError, NotFound, Rejected, RetryLater, Unknown
from service.store import accounts, database, signups
from service.store.changes import LostRaceError
from service.store.journal import Origin
from service.store.models import Signup

log = structlog.get_logger()
WORKER = Origin("worker")
BATCH = 100


def settle_due(tools: Tools) -> int:
    """Settle every signup that is due, one after the other. The number that was looked at."""
    with tools.engine.connect() as connection:
        due = signups.LEASE.due(connection, BATCH)
    return rounds.each(tools, "settle_signups", signups.LEASE, due, act=settle)


def settle(tools: Tools, signup_id: str) -> None:
    """Take one signup over, if its lease has ended, and bring it one step nearer to its end."""
    with tools.engine.begin() as connection:
        signup = signups.take(connection, signup_id, tools.settings.lease_seconds)
    if signup is None:
        return
    try:
        _advance(tools, signup)
    except LostRaceError:
        log.info("signup.taken_over", signup=signup.id)
    except BlueSnapError as error:
        log.info("signup.ended", signup=signup.id, cause=error.cause)


def _advance(tools: Tools, signup: Signup) -> None:
    match signup.state:
        case "shopper_requested" | "subscription_requested":
            # its process died during the call: that call has ended by now, how is unknown
            steps.lose(tools, signup, WORKER, cause="process_died")
        case "shopper_unknown":
            _find_shopper(tools, signup)
        case "card_requested":
            # nothing tells which card was typed, so nothing is repeated: the page asks for it again
            steps.end(tools, signup, WORKER, Unknown(signup.cause or "process_died"))
        case _:
            _find_subscription(tools, signup)


def _find_shopper(tools: Tools, signup: Signup) -> None:
    """Vaulting moves no money, so an absent shopper lets the page try again with a fresh token, under a new attempt's id."""
    try:
        shopper = doubts.own_shopper(tools, signup, tools.bluesnap.find_shopper(signup.id))
    except NotFound as error:
        steps.end(tools, signup, WORKER, Rejected(error.cause))
        return
    except BlueSnapError as error:
        doubts.count(error)
        if _age(tools, signup) < SEARCH:
            _wait(tools, signup, cause=error.cause)
        else:
            steps.end(tools, signup, WORKER, error)
        return
    if _age(tools, signup) >= RETRIED:
        steps.end(tools, signup, WORKER, Rejected(signup.cause or Cause.UNAVAILABLE))
        return
    requested = steps.request_subscription(tools, signup, WORKER, shopper_id=shopper.shopper_id)
    subscribe(tools, WORKER, requested)


def _find_subscription(tools: Tools, signup: Signup) -> None:
    """Any subscription of the attempt's shopper that we do not know is this attempt's: a shopper is one attempt's own, or was looked through before."""
    try:
        found = tools.bluesnap.list_subscriptions(signup.provider_shopper or "")
    except NotFound:
        found = []
    except BlueSnapError as error:
        if signup.state == "subscription_unknown" and _age(tools, signup) >= SEARCH:
            steps.stop(tools, signup, WORKER, cause="never_found")
        else:
            _wait(tools, signup, cause=error.cause)
        return
    unknown = candidates(tools, signup.provider_shopper or "", found)
    if signup.session_id is None:  # what is over already was there before this shopper bought again
        unknown = [item for item in unknown if item.status not in OVER]
    age = _age(tools, signup)
    if len(unknown) > 1:
        live = [item for item in unknown if item.status not in OVER]
        steps.stop(tools, signup, WORKER, cause="two_candidates", live=live)
    elif unknown:
        adopt(tools, WORKER, signup, unknown[0])
    elif signup.state == "shopper_vaulted" and age >= RETRIED:
        steps.end(tools, signup, WORKER, RetryLater(signup.cause or Cause.UNAVAILABLE))
    elif signup.state == "shopper_vaulted" or (tools.settings.idempotency_proven and age < KEY_LIFE):
        again = steps.repeat_subscription(tools, signup, WORKER)
        subscribe(tools, WORKER, again, repeated=signup.state == "subscription_unknown")
    elif age < SEARCH:
        _wait(tools, signup, cause="not_found_yet")
    else:
        steps.stop(tools, signup, WORKER, cause="never_found")


def candidates(tools: Tools, provider_shopper: str, found: Sequence[Found]) -> list[Found]:
    """Those of a shopper's subscriptions that are none of ours. A filter that BlueSnap overlooked must not hand us somebody else's."""
    theirs = [item for item in found if item.shopper_id in {None, provider_shopper}]
    with tools.engine.connect() as connection:
        return [item for item in theirs if accounts.subscription_of_provider(connection, item.subscription_id) is None]


def _age(tools: Tools, signup: Signup) -> timedelta:
    """The time since the present step's key was first used."""
    with tools.engine.connect() as connection:
        return database.now(connection) - signup.called_at


def _wait(tools: Tools, signup: Signup, *, cause: str) -> None:
    """Look again later, less and less often."""
    seconds = min(tools.settings.quiet_seconds * 2**signup.looked, LONGEST_WAIT_SECONDS)
    with tools.engine.begin() as connection:
        signups.look_again(connection, signup, seconds)
    log.info("signup.waiting", signup=signup.id, state=signup.state, cause=cause, attempt=signup.looked + 1)
