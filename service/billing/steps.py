"""How a signup's row, its subscription's and its session's move together, each move one short transaction. Nothing here calls BlueSnap."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import Connection

from service.billing import charges
from service.billing.lifecycle import Event, Step, signup_move, start_of_day, subscription_move
from service.billing.outcomes import ends_session
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.errors import BlueSnapError, Declined, NeverSent, RetryLater
from service.store import accounts, changes, notices, signups
from service.store.journal import Act, Origin
from service.store.models import CheckoutSession, Signup, Subscription
from service.telemetry import metrics

log = structlog.get_logger()
#: A call that BlueSnap did not take is made again after so many seconds, later and later.
POSTPONED_SECONDS, LONGEST_SECONDS = 5, 900
#: What a settled signup no longer needs.
SETTLED: dict[str, Any] = {"fraud_session": None, "three_d_secure": None}


def move(connection: Connection, signup: Signup, step: Step, origin: Origin, **values: Any) -> Signup:
    """Take one step of the table. Raises LostRaceError if another process has taken the signup over."""
    state, act = signup_move(signup.state, step)
    moved = changes.change(connection, signup, act, origin, state=state, **values)
    metrics.SIGNUP_MOVES.labels(state=state).inc()
    log.info(
        "signup.moved",
        signup=signup.id,
        session=signup.session_id,
        account=signup.account,
        state=state,
        cause=moved.cause,
    )
    return moved


def request_subscription(tools: Tools, signup: Signup, origin: Origin, *, shopper_id: str) -> Signup:
    """The shopper is vaulted; the intent to subscribe is committed before the call."""
    with tools.engine.begin() as connection:
        signups.hold(connection, signup)
        _wipe_fields(connection, signup, origin)
        now = signups.lease_end(connection, 0)  # from here BlueSnap may know the key of the call that charges
        vaulted = move(connection, signup, Step.VAULTED, origin, provider_shopper=shopper_id, called_at=now, cause=None)
        return _intend(connection, tools, vaulted, origin)


def repeat_subscription(tools: Tools, signup: Signup, origin: Origin) -> Signup:
    """The same intent again, with the same key."""
    with tools.engine.begin() as connection:
        return _intend(connection, tools, signup, origin)


def _intend(connection: Connection, tools: Tools, signup: Signup, origin: Origin) -> Signup:
    lease = signups.lease_end(connection, tools.settings.lease_seconds)
    return move(connection, signup, Step.REQUESTED, origin, lease_until=lease)


def lose(tools: Tools, signup: Signup, origin: Origin, *, cause: str) -> Signup:
    """Nobody knows how the call ended. The quiet period starts now; then the worker looks."""
    with tools.engine.begin() as connection:
        signups.hold(connection, signup)
        _wipe_fields(connection, signup, origin)
        until = signups.lease_end(connection, tools.settings.quiet_seconds)
        return move(connection, signup, Step.LOST, origin, lease_until=until, looked=0, cause=cause)


def postpone(tools: Tools, signup: Signup, origin: Origin, *, cause: str) -> Signup:
    """BlueSnap definitely did not process the call: the worker makes it again soon, with the same key."""
    with tools.engine.begin() as connection:
        seconds = min(POSTPONED_SECONDS * 2 ** min(signup.looked, 10), LONGEST_SECONDS)
        until, looked = signups.lease_end(connection, seconds), signup.looked + 1
        return move(connection, signup, Step.POSTPONED, origin, lease_until=until, looked=looked, cause=cause)


def stop(tools: Tools, signup: Signup, origin: Origin, *, cause: str) -> Signup:
    """A person must look. The account stays claimed, so that nothing is bought twice meanwhile."""
    with tools.engine.begin() as connection:
        stuck = move(connection, signup, Step.STUCK, origin, cause=cause)
    log.error("signup.stuck", signup=signup.id, account=signup.account, cause=cause)
    return stuck


def end(tools: Tools, signup: Signup, origin: Origin, error: BlueSnapError) -> Signup:
    """The attempt is over without a subscription: declined, or released without having tried a card. The session opens again or fails."""
    declined = isinstance(error, Declined)
    with tools.engine.begin() as connection:
        signups.hold(connection, signup)
        step = Step.DECLINED if declined else Step.RELEASED
        ended = move(connection, signup, step, origin, cause=error.cause, **SETTLED)
        claim = accounts.subscription(connection, signup.subscription_id)
        status, act = subscription_move(claim.status, Event.VOIDED)
        changes.change(connection, claim, act, origin, status=status)
        session = _session(connection, signup)
        values: dict[str, Any] = {"state": "open"}
        if not isinstance(error, NeverSent | RetryLater):
            values["fields_sealed"] = None  # the payment-fields token is spent, or no use
        if isinstance(error, Declined):
            values["decline_reason"] = error.reason.value
            tried = signups.tried(connection, session_id=session.id)
            if ends_session(error) or tried >= tools.settings.attempts_per_session:
                values |= {"state": "failed", "ended_at": tools.clock()}
        act = Act.SESSION_FAILED if values["state"] == "failed" else Act.SESSION_REOPENED
        changes.change(connection, session, act, origin, **values)
    return ended


def activate(tools: Tools, signup: Signup, origin: Origin, found: payloads.Subscription) -> Signup:
    """BlueSnap has the subscription that we asked for: it is the account's now, paid to its next charge date."""
    now = tools.clock()
    with tools.engine.begin() as connection:
        notices.hold(connection, found.subscription_id)
        signups.hold(connection, signup)
        claim = accounts.subscription(connection, signup.subscription_id)
        status, act = subscription_move(claim.status, Event.ACTIVATED)
        day = found.next_charge_date
        subscription = changes.change(
            connection, claim, act, origin,
            status=status, provider_subscription=found.subscription_id, provider_shopper=signup.provider_shopper,
            next_charge_on=day, paid_until=start_of_day(day, tools.settings.billing_zone) if day else None,
        )  # fmt: skip
        if found.charge is not None and found.charge.amount:
            payment = charges.Payment(found.charge.transaction_id, found.charge.amount, found.charge.currency, "answer")
            charges.record(connection, subscription, payment, now=now, origin=origin)
        charges.apply_waiting(connection, subscription, now=now)
        active = move(connection, signup, Step.ACTIVATED, origin, cause=None, **SETTLED)
        session = _session(connection, signup)
        changes.change(
            connection, session, Act.SESSION_COMPLETED, origin,
            state="complete", ended_at=now, subscription_id=subscription.id, fields_sealed=None, decline_reason=None,
        )  # fmt: skip
    metrics.SESSIONS.labels(event="completed").inc()
    return active


def mismatch(claim: Subscription, plan_id: str, found: payloads.Subscription) -> str | None:
    """What about BlueSnap's subscription is not what we asked for: a word, or None. It is compared before it is believed."""
    wanted: dict[str, tuple[object, object]] = {
        "plan": (found.plan_id, plan_id),
        "quantity": (found.quantity, 1),
        "amount": (found.amount, claim.amount),
        "currency": (found.currency, claim.currency),
        "status": (found.status, "ACTIVE"),
        "next_charge_date": (found.next_charge_date is not None, True),
    }
    if found.charge is not None:
        wanted["first_charge"] = ((found.charge.amount, found.charge.currency), (claim.amount, claim.currency))
    return next((name for name, (seen, expected) in wanted.items() if seen != expected), None)


def _session(connection: Connection, signup: Signup) -> CheckoutSession:
    session = accounts.session(connection, signup.session_id, lock_row=True)
    if session is None:
        raise LookupError
    return session


def _wipe_fields(connection: Connection, signup: Signup, origin: Origin) -> None:
    """The payment-fields token is spent, or may be: nobody needs it any more."""
    session = _session(connection, signup)
    if session.fields_sealed is not None:
        changes.change(connection, session, Act.FIELDS_SPENT, origin, fields_sealed=None)
