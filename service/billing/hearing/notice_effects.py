"""What a kept notice does, by the table of rules: records its payment or its dispute, or says where to look. Must never move a subscription by itself."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from service.billing.hearing.notice_rules import RULES, Does, does
from service.billing.lifecycle import Event, MoveNotAllowedError, subscription_move
from service.billing.money import charges, disputes
from service.billing.tools import Tools
from service.bluesnap.notices import OTHER
from service.store import accounts, database, notices, signups, subscriptions
from service.store.journal import Origin
from service.store.models import Notice, Subscription
from service.telemetry import metrics

log = structlog.get_logger()


@dataclass(frozen=True)
class Verdict:
    """What became of a notice: applied, waiting, ignored, hint or failed, and why."""

    outcome: str
    reason: str | None = None


@dataclass(frozen=True)
class Told:
    """A kept notice with what only its delivery says: the subscriptions that it links to a card. `vouched`: a person says that it is true."""

    row: Notice
    linked: tuple[str, ...] = ()
    vouched: bool = False


def try_to_apply(connection: Connection, tools: Tools, told: Told, origin: Origin) -> Verdict:
    """Apply under a savepoint: what cannot be applied is kept all the same, as failed, tried again by the worker, and after the last try set aside."""
    try:
        with connection.begin_nested():
            return _apply(connection, tools, told, origin)
    except (
        Exception
    ) as error:  # whatever one notice brings about, it must neither be lost for that nor keep others waiting
        if isinstance(error, DBAPIError) and database.is_passing(error):
            raise  # not the notice's doing: it comes again
        log.exception("notice.failed", notice=told.row.id, notice_type=told.row.type)
    reason = notices.tried_again(told.row.reason)
    if reason == notices.SET_ASIDE:
        log.error("notice.set_aside", notice=told.row.id, notice_type=told.row.type)
        metrics.NOTICES_SET_ASIDE.inc()
    return Verdict("failed", reason)


def _apply(connection: Connection, tools: Tools, told: Told, origin: Origin) -> Verdict:
    """By the table of rules."""
    rule = RULES[told.row.type]
    match rule.does:
        case Does.PAYMENT:
            return _apply_payment(connection, tools, told.row, origin)
        case Does.DISPUTE:
            return _apply_dispute(connection, tools, told, origin)
        case Does.LOOK:
            return _where_to_look(connection, told)
        case _:
            return Verdict("ignored", rule.reason)


def _apply_payment(connection: Connection, tools: Tools, row: Notice, origin: Origin) -> Verdict:
    """A payment of a subscription that we know is recorded; one that we do not know yet waits."""
    if row.reference is None or row.amount is None or row.currency is None:
        return Verdict("hint", "incomplete")
    if row.provider_subscription is None:
        return Verdict("ignored", "no_subscription")
    subscription = subscription_of(connection, row)
    if subscription is None:
        return Verdict("waiting", "subscription_unknown")
    try:
        subscription_move(subscription.status, Event.CHARGED)
    except MoveNotAllowedError:
        return Verdict("hint", "move_not_allowed")
    day = row.provider_time.astimezone(tools.settings.billing_zone).date() if row.provider_time is not None else None
    payment = charges.Payment(
        row.reference, row.amount, row.currency, "notice",
        charged_on=day, kind="recurring" if row.type == "RECURRING" else None,
    )  # fmt: skip
    subscriptions.locked(connection, subscription.id)  # as looks do, or each of us waits for what the other holds
    new = charges.record(connection, subscription, payment, now=tools.clock(), origin=origin)
    return Verdict("applied", None if new else "known_already")


def _apply_dispute(connection: Connection, tools: Tools, told: Told, origin: Origin) -> Verdict:
    """A dispute is recorded as far as its words say which it is and when they were said; without a time a person must vouch for them."""
    if disputes.word_of(told.row) is None:
        return Verdict("hint", "incomplete")
    if told.row.provider_time is None and not told.vouched:
        return Verdict("hint", "undated")
    subscription = subscription_of(connection, told.row)
    if subscription is None:
        return Verdict("waiting", "subscription_unknown")
    new = disputes.told(connection, told.row, subscription, now=tools.clock(), origin=origin)
    return Verdict("applied", None if new else "known_already")


def _where_to_look(connection: Connection, told: Told) -> Verdict:
    """What tells of a change is a reason to look at what it names, where that is ours."""
    named = _subjects(connection, told)
    if any(accounts.subscription_of_provider(connection, one) for one in named):
        return Verdict("hint", "look")
    if told.row.type == OTHER:
        return Verdict("ignored", "type_unknown")
    return Verdict("hint", "subscription_unknown") if named else Verdict("ignored", "no_subscription")


def act(connection: Connection, told: Told, verdict: Verdict) -> None:
    """Have BlueSnap asked about what is new or doubtful."""
    if verdict.outcome in {"hint", "waiting"}:
        _wake_signup(connection, told.row)
    if verdict.outcome == "hint" or verdict == Verdict("applied"):
        ask(connection, told)


def ask(connection: Connection, told: Told) -> None:
    """Have the worker look at every subscription of ours that a notice speaks of."""
    for one in _subjects(connection, told):
        subscriptions.ask_soon(connection, one)


def _subjects(connection: Connection, told: Told) -> list[str]:
    """BlueSnap's references of the subscriptions that a notice speaks of; where it names none, those of the shopper that are ours."""
    row = told.row
    named = {*told.linked, *([row.provider_subscription] if row.provider_subscription else [])}
    if not named and row.provider_shopper is not None and does(row.type) is Does.LOOK:
        named = {*notices.subscriptions_of_shopper(connection, row.provider_shopper)}
    return sorted(named)


def subscription_of(connection: Connection, row: Notice) -> Subscription | None:
    """Our record of the subscription that a notice names."""
    return accounts.subscription_of_provider(connection, row.provider_subscription or "")


def _wake_signup(connection: Connection, row: Notice) -> None:
    """A notice about the shopper of an undecided signup says that BlueSnap has moved: look now rather than later."""
    signup = signups.of_shopper(connection, row.provider_shopper) if row.provider_shopper else None
    if signup is not None:
        signups.wake(connection, signup)
