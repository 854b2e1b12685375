"""How a signup's row, its subscription's and its session's move together, each move one short transaction. Nothing here calls BlueSnap.

A signup without a session is a reactivation with the stored card; one in `card_requested` replaces the card of a subscription that is live already.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from service.billing.catalogue import Terms
from service.billing.hearing.notices import apply_waiting
from service.billing.incidents import second_subscription
from service.billing.lifecycle import Event, Step, signup_move, start_of_day, subscription_move
from service.billing.money import charges
from service.billing.outcomes import LONGEST_WAIT_SECONDS, ends_session
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.errors import BlueSnapError, Declined, DeclineReason, NeverSent, RetryLater
from service.store import accounts, changes, notices, prices, signups, subscriptions
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import CheckoutSession, Signup, Subscription
from service.store.turns import again
from service.telemetry import metrics

log = structlog.get_logger()
#: A call that BlueSnap did not take is made again after so many seconds, later and later.
POSTPONED_SECONDS = 5
#: What a settled signup no longer needs.
SETTLED: dict[str, Any] = {"fraud_session": None, "three_d_secure": None}


def claim(connection: Connection, account: str, terms: Terms, origin: Origin, *, now: datetime) -> Subscription:
    """Claim the account for one purchase. Call with the account held and nothing else claiming it."""
    subscription = Subscription(
        id=new_id("sub"), account=account, plan=terms.plan, plan_version=terms.plan_version, members=terms.members,
        amount=terms.amount, currency=terms.currency, status="incomplete", provider_subscription=None, provider_shopper=None,
        next_charge_on=None, paid_until=None, renews=True, ended_at=None, look_at=None, looked=0, pending_change=None,
        pending_until=None, version=1, created_at=now,
    )  # fmt: skip
    return changes.add(connection, subscription, Act.SUBSCRIPTION_CLAIMED, origin)


def begin(
    connection: Connection, tools: Tools, subscription: Subscription, origin: Origin, *, state: str, act: Act, **values: Any
) -> Signup:  # fmt: skip
    """A card attempt for a subscription, as the intent that is committed before the first call. `values` are what is not the same for all."""
    given = {
        "session_id": None,
        "provider_shopper": None,
        "fraud_session": None,
        "three_d_secure": None,
        "address": None,
    } | values
    signup = Signup(
        id=new_id("su"), account=subscription.account, subscription_id=subscription.id, state=state,
        shopper_key=uuid.uuid4(), subscription_key=uuid.uuid4(), cause=None, looked=0, fence=1,
        lease_until=signups.lease_end(connection, tools.settings.lease_seconds), called_at=signups.lease_end(connection, 0),
        created_at=tools.clock(), **given,
    )  # fmt: skip
    return changes.add(connection, signup, act, origin)


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


@again
def request_subscription(tools: Tools, signup: Signup, origin: Origin, *, shopper_id: str) -> Signup:
    """The shopper is vaulted; the intent to subscribe is committed before the call."""
    with tools.engine.begin() as connection:
        signups.hold(connection, signup)
        _wipe_fields(connection, signup, origin)
        now = signups.lease_end(connection, 0)  # from here BlueSnap may know the key of the call that charges
        vaulted = move(connection, signup, Step.VAULTED, origin, provider_shopper=shopper_id, called_at=now, cause=None)
        return _intend(connection, tools, vaulted, origin)


@again
def repeat_subscription(tools: Tools, signup: Signup, origin: Origin) -> Signup:
    """The same intent again, with the same key."""
    with tools.engine.begin() as connection:
        return _intend(connection, tools, signup, origin)


def _intend(connection: Connection, tools: Tools, signup: Signup, origin: Origin) -> Signup:
    lease = signups.lease_end(connection, tools.settings.lease_seconds)
    return move(connection, signup, Step.REQUESTED, origin, lease_until=lease)


@again
def lose(tools: Tools, signup: Signup, origin: Origin, *, cause: str) -> Signup:
    """Nobody knows how the call ended. The quiet period starts now; then the worker looks."""
    with tools.engine.begin() as connection:
        signups.hold(connection, signup)
        _wipe_fields(connection, signup, origin)
        until = signups.lease_end(connection, tools.settings.quiet_seconds)
        return move(connection, signup, Step.LOST, origin, lease_until=until, looked=0, cause=cause)


@again
def postpone(tools: Tools, signup: Signup, origin: Origin, *, cause: str) -> Signup:
    """BlueSnap definitely did not process the call: the worker makes it again soon, with the same key."""
    with tools.engine.begin() as connection:
        seconds = min(POSTPONED_SECONDS * 2 ** min(signup.looked, 10), LONGEST_WAIT_SECONDS)
        until, looked = signups.lease_end(connection, seconds), signup.looked + 1
        return move(connection, signup, Step.POSTPONED, origin, lease_until=until, looked=looked, cause=cause)


@again
def stop(
    tools: Tools, signup: Signup, origin: Origin, *, cause: str, live: Sequence[payloads.Subscription] = ()
) -> Signup:
    """A person must look. The account stays claimed, so that nothing is bought twice meanwhile. `live`: more than one is an incident."""
    with tools.engine.begin() as connection:
        stuck = move(connection, signup, Step.STUCK, origin, cause=cause)
        if len(live) > 1:
            second_subscription(connection, stuck, live, by="settle", origin=origin)
    log.error("signup.stuck", signup=signup.id, account=signup.account, cause=cause)
    return stuck


@again
def end(tools: Tools, signup: Signup, origin: Origin, error: BlueSnapError, *, spent: bool = True) -> Signup:
    """The attempt is over without success: declined, or released without having tried a card. The session, if it has one, opens again or fails.

    `spent`: the payment-fields token may have reached BlueSnap. One that never left is kept in any case.
    """
    step = Step.DECLINED if isinstance(error, Declined) else Step.RELEASED
    with tools.engine.begin() as connection:
        signups.hold(connection, signup)
        ended = move(connection, signup, step, origin, cause=error.cause, **SETTLED)
        claimed = accounts.subscription(connection, signup.subscription_id)
        if claimed.status == "incomplete":  # otherwise it was live before, and stays what it is
            status, act = subscription_move(claimed.status, Event.VOIDED)
            changes.change(connection, claimed, act, origin, status=status)
        session = _session(connection, signup)
        if session is not None:
            _reopen(connection, tools, session, origin, error=error, spent=spent)
    return ended


def _reopen(
    connection: Connection, tools: Tools, session: CheckoutSession, origin: Origin, *, error: BlueSnapError, spent: bool
) -> None:
    values: dict[str, Any] = {"state": "open"}
    if spent and not isinstance(error, NeverSent | RetryLater):
        values["fields_sealed"] = None
    if isinstance(error, Declined):
        values["decline_reason"] = error.reason.value
        if error.reason is DeclineReason.AUTHENTICATION_REQUIRED:
            values["three_d_secure_required"] = True  # for every attempt from here on: this bank will ask again
        tried = signups.tried(connection, session_id=session.id)
        if ends_session(error) or tried >= tools.settings.attempts_per_session:
            values |= {"state": "failed", "ended_at": tools.clock()}
    act = Act.SESSION_FAILED if values["state"] == "failed" else Act.SESSION_REOPENED
    changes.change(connection, session, act, origin, **values)


@again
def activate(tools: Tools, signup: Signup, origin: Origin, found: payloads.Subscription) -> Signup:
    """BlueSnap has the subscription that we asked for: it is the account's now, paid to its next charge date."""
    now = tools.clock()
    with tools.engine.begin() as connection:
        notices.hold(connection, found.subscription_id)
        signups.hold(connection, signup)
        claimed = accounts.subscription(connection, signup.subscription_id)
        status, act = subscription_move(claimed.status, Event.ACTIVATED)
        day, today = found.next_charge_date, now.astimezone(tools.settings.billing_zone).date()
        subscription = changes.change(
            connection, claimed, act, origin,
            status=status, provider_subscription=found.subscription_id, provider_shopper=signup.provider_shopper,
            next_charge_on=day, paid_until=start_of_day(day, tools.settings.billing_zone) if day else None,
        )  # fmt: skip
        first = found.charge
        begun = signup.created_at.astimezone(tools.settings.billing_zone).date()  # a lost answer may be days old
        prices.agree(connection, subscription, begun, origin=origin, now=now)
        if first is not None and first.amount:
            charged_on = first.charge_date or today
            payment = charges.Payment(
                first.transaction_id, first.amount, first.currency, "answer", charged_on, "initial"
            )
            charges.record(connection, subscription, payment, now=now, origin=origin)
        apply_waiting(connection, tools, subscription)
        if first is None:  # a read shows no charge: the look lists it
            subscriptions.ask_soon(connection, found.subscription_id)
        active = move(connection, signup, Step.ACTIVATED, origin, cause=None, **SETTLED)
        _complete(connection, tools, active, origin)
    return active


@again
def replaced(tools: Tools, signup: Signup, origin: Origin) -> Signup:
    """BlueSnap charges the subscription to the new card. Its terms are what they were; a failed renewal may now be paid, so that a look is due."""
    with tools.engine.begin() as connection:
        signups.hold(connection, signup)
        subscription = accounts.subscription(connection, signup.subscription_id)
        done = move(connection, signup, Step.REPLACED, origin, cause=None, **SETTLED)
        _complete(connection, tools, done, origin)
        subscriptions.ask_soon(connection, subscription.provider_subscription or "")
    return done


def _complete(connection: Connection, tools: Tools, signup: Signup, origin: Origin) -> None:
    session = _session(connection, signup)
    if session is None:
        return
    changes.change(
        connection, session, Act.SESSION_COMPLETED, origin,
        state="complete", ended_at=tools.clock(), subscription_id=signup.subscription_id, fields_sealed=None, decline_reason=None,
    )  # fmt: skip
    metrics.SESSIONS.labels(event="completed").inc()


def _session(connection: Connection, signup: Signup) -> CheckoutSession | None:
    """The session of the attempt, held; None for a reactivation."""
    return accounts.session(connection, signup.session_id, lock_row=True) if signup.session_id is not None else None


def _wipe_fields(connection: Connection, signup: Signup, origin: Origin) -> None:
    """The payment-fields token is spent, or may be: nobody needs it any more."""
    session = _session(connection, signup)
    if session is not None and session.fields_sealed is not None:
        changes.change(connection, session, Act.FIELDS_SPENT, origin, fields_sealed=None)
