"""Undo what was sold once too often: cancel it, and give back what was paid for it. Must never touch a subscription that an account has, nor give back twice.

The intent is our own record of it, with the status *surplus*, committed before the first call: from then on its payments and refunds are in the books
like all others, and an unknown refund is settled by the worker. Done again, it goes on where it stopped.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Connection

from service.billing.hearing.notices import apply_waiting
from service.billing.life import looks
from service.billing.life.intents import Order, carry_out, confirm, intend
from service.billing.life.truth import OVER
from service.billing.money import refunds
from service.billing.money.refund_records import learn
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.errors import BlueSnapError, Code, Refusal
from service.store import accounts, changes, charges, notices, subscriptions
from service.store import refunds as refund_rows
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import Charge, Subscription

#: What became of a cancellation or of a payment, and whether nothing is left to do about it.
FINAL = {"canceled", "given_back", "pending"}
NOTHING = Decimal(0)


@dataclass(frozen=True)
class Payment:
    """A payment and what became of it: to_give_back, given_back, pending (BlueSnap has taken it), unknown (the worker settles it), unread, disputed, refused.

    `amount` is what is, or was, to be given back, in major units.
    """

    reference: str
    amount: Decimal
    currency: str
    outcome: str


@dataclass(frozen=True)
class Surplus:
    """A subscription too many. `outcome` of its cancellation: to_cancel, canceled, unknown, refused, unread, or kept if it has become an account's meanwhile."""

    reference: str
    outcome: str
    payments: tuple[Payment, ...] = field(default=())

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return {self.outcome, *(one.outcome for one in self.payments)} <= FINAL


def preview(tools: Tools, reference: str) -> Surplus:
    """What would be done about it; nothing is left to do where it is `done` already. Raises BlueSnapError."""
    over = tools.bluesnap.get_subscription(reference).status in OVER
    paid = tools.bluesnap.list_charges(reference)
    left = [(one, one.amount - (one.refunded or NOTHING)) for one in paid]
    shown = [Payment(one.transaction_id, rest, one.currency, "to_give_back") for one, rest in left if rest > 0]
    return Surplus(reference, "canceled" if over else "to_cancel", tuple(shown))


def clear(tools: Tools, origin: Origin, wanted: Subscription, reference: str) -> Surplus:
    """Cancel it and give everything back. `wanted` is what was to be bought, once."""
    try:
        found = tools.bluesnap.get_subscription(reference)
    except BlueSnapError:
        return Surplus(reference, "unread")
    ours = _recorded(tools, origin, wanted, found)
    if ours is None:
        return Surplus(reference, "kept")
    outcome = _cancel(tools, origin, ours, found)
    if outcome == "refused":
        return Surplus(reference, outcome)
    try:
        paid = _payments(tools, ours)
    except BlueSnapError:
        return Surplus(reference, "unread")
    return Surplus(reference, outcome, tuple(_give_back(tools, origin, reference, one) for one in paid))


def _recorded(tools: Tools, origin: Origin, wanted: Subscription, found: Found) -> Subscription | None:
    """Our record of it. None if it is an account's, whose record we must not touch."""
    now = tools.clock()
    with tools.engine.begin() as connection:
        notices.hold(connection, found.subscription_id)
        known = accounts.subscription_of_provider(connection, found.subscription_id)
        if known is not None:
            return known if known.status == accounts.SURPLUS else None
        made = Subscription(
            id=new_id("sub"), account=wanted.account, plan=wanted.plan, plan_version=wanted.plan_version, members=wanted.members,
            amount=found.amount or wanted.amount, currency=found.currency or wanted.currency, status=accounts.SURPLUS,
            provider_subscription=found.subscription_id, provider_shopper=found.shopper_id or wanted.provider_shopper,
            next_charge_on=None, paid_until=None, renews=False, ended_at=now, look_at=None, looked=0, pending_change=None,
            pending_until=None, version=1, created_at=now,
        )  # fmt: skip
        changes.add(connection, made, Act.SUBSCRIPTION_SURPLUS, origin)
        apply_waiting(connection, tools, made)
        return made


def _cancel(tools: Tools, origin: Origin, ours: Subscription, found: Found) -> str:
    """At once and for good. A cancellation whose end is not known is ordered again: it is final, and done twice it is done once."""

    def judge(_: Connection, after: Subscription, shown: Found) -> Subscription | None:
        return after if shown.status in OVER else None

    if found.status in OVER:
        if ours.pending_change is not None:
            confirm(tools, ours, origin, found=found, judge=judge)
        return "canceled"
    with tools.engine.begin() as connection:
        intended = subscriptions.locked(connection, ours.id) or ours
        if intended.pending_change is None:
            intended = intend(connection, tools, intended, origin, order=Order.END)
    try:
        after = carry_out(tools, intended, origin, writes=[{"cancel": True}], judge=judge)
    except Refusal:
        return "refused"
    return "canceled" if after.pending_change is None else "unknown"


def _payments(tools: Tools, ours: Subscription) -> Sequence[Charge]:
    """All its payments, recorded: BlueSnap has taken the last of them by now. Raises BlueSnapError."""
    reading = looks.read(tools, ours)
    with tools.engine.begin() as connection:
        held = subscriptions.locked(connection, ours.id) or ours
        looks.record(connection, held, reading, source="look", tools=tools)
        return charges.of_subscription(connection, ours.id)


def _give_back(tools: Tools, origin: Origin, reference: str, charge: Charge) -> Payment:
    """All that is left of a payment, after reading what was given back of it already."""
    try:
        seen = tools.bluesnap.get_transaction(charge.reference)
    except BlueSnapError:
        return _told(charge, "unread")
    learn(tools, charge, seen, origin)
    with tools.engine.connect() as connection:
        given = refund_rows.of_charge(connection, charge.id)
        left = refunds.remainder(connection, charge)
    standing = {one.status for one in given}
    if left <= 0:
        return _told(charge, _outcome(standing))
    if seen.chargebacks:
        return _told(charge, "disputed")
    key = uuid.uuid5(uuid.NAMESPACE_OID, f"{reference}/{charge.reference}/{len(given)}")
    wanted = refunds.Order(None, "duplicate", cancel_subscription=False, key=key)
    try:
        refund = refunds.order(tools, origin, charge.id, wanted)
    except Refusal as refused:
        return _told(charge, "disputed" if refused.code is Code.CHARGE_DISPUTED else "refused")
    return _told(charge, _outcome(standing | {refund.status}))


def _outcome(standing: set[str]) -> str:
    """What is to be said of a payment whose refunds stand like that, and of which nothing is left."""
    if standing & {"requested", "unknown"}:
        return "unknown"
    return "pending" if "pending" in standing else "given_back"


def _told(charge: Charge, outcome: str) -> Payment:
    return Payment(charge.reference, refunds.exact(charge.amount, charge.currency), charge.currency, outcome)
