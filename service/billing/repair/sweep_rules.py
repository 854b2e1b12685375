"""What the sweep compares, and the rule for each difference. Reads our records only: calls nobody, changes nothing."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from service.billing.incidents import SECOND, is_our_concern
from service.billing.life import following, terms
from service.billing.life.intents import Order
from service.billing.life.truth import OVER, other_terms
from service.billing.lifecycle import Rules, access_at, start_of_day
from service.billing.money import refunds
from service.billing.tools import Tools
from service.bluesnap import payloads
from service.store import signups, subscriptions, sweeps
from service.store.accounts import LIVE
from service.store.models import Signup, Subscription

#: So long after the end of a subscription its charges are still compared: until then most refunds come.
AFTERMATH = timedelta(days=90)
#: Differences of terms, which the one way of repairs puts before a person as this task.
TERMS = {"plan", "amount", "currency"}
#: The task about a live subscription of which nobody here knows.
UNKNOWN = "unknown_subscription"


class Rule(enum.StrEnum):
    """What repairs a difference. No rule writes an amount, a plan or a quantity to BlueSnap: OURS_WINS is left to the look that ends an ordered change."""

    BLUE_SNAP_WINS = "blue_snap_wins"
    OURS_WINS = "ours_wins"
    RECORD_CHARGE = "record_charge"
    WAKE_SIGNUP = "wake_signup"
    ASK_A_PERSON = "ask_a_person"


@dataclass(frozen=True)
class Row:
    """One difference. `subscription` is our id, `reference` BlueSnap's, of the subscription or of the payment it is about.

    `signup`: of a second live subscription, the attempt whose shopper it is sold to.
    """

    account: str | None
    subscription: str | None
    reference: str
    difference: str
    rule: Rule
    repaired: bool = False
    signup: str | None = None


def compare(connection: Connection, tools: Tools, ours: Subscription, found: payloads.Subscription) -> list[Row]:
    """A subscription that both have. An ordered change that may be under way is no difference yet."""

    def row(difference: str, rule: Rule) -> Row:
        return Row(ours.account, ours.id, found.subscription_id, difference, rule)

    if ours.status not in LIVE:
        return [row("paid_there", Rule.ASK_A_PERSON)] if is_paid_there(tools, found) else []
    pending = ours.pending_change is not None
    if pending and not subscriptions.is_settled(connection, ours):
        return []
    due = following.moves(connection, tools, ours, found)
    if due is None:
        return [row("status", Rule.ASK_A_PERSON)]
    rows = [row(event.value, Rule.BLUE_SNAP_WINS) for event, _ in due]
    if found.status in OVER:
        return rows
    if pending:
        half_way = ours.pending_change == Order.CHANGE and terms.is_half_way(tools, ours, found)
        return [*rows, row("change", Rule.OURS_WINS)] if half_way else rows
    return rows + [row(word, Rule.ASK_A_PERSON) for word in _never_agreed(tools, ours, found)]


def _never_agreed(tools: Tools, ours: Subscription, found: payloads.Subscription) -> Iterator[str]:
    agreed = terms.agreed(ours)
    plan = tools.catalogue.version(agreed.plan, agreed.plan_version).provider_plan
    word = other_terms(ours, plan, plan_id=found.plan_id, amount=found.amount, currency=found.currency)
    if word is not None:
        yield word
    if found.quantity not in {None, 1}:
        yield "quantity"


def compare_charges(connection: Connection, ours: Subscription, paid: Sequence[payloads.Charge]) -> list[Row]:
    """The payments of a subscription that we lack, and those of which BlueSnap shows another sum given back."""
    known = sweeps.recorded(connection, [charge.transaction_id for charge in paid])
    rows = [
        Row(ours.account, ours.id, charge.transaction_id, "charge", Rule.RECORD_CHARGE)
        for charge in paid
        if charge.amount and charge.transaction_id not in known
    ]
    return rows + [
        Row(ours.account, ours.id, charge.transaction_id, "refund", Rule.BLUE_SNAP_WINS)
        for charge in paid
        if refunds.differs(connection, charge)
    ]


def absent(ours: Subscription) -> Row:
    """BlueSnap shows one of ours neither in its list nor by its id, which may be a missing right of ours."""
    return Row(ours.account, ours.id, ours.provider_subscription or "", "absent", Rule.ASK_A_PERSON)


def unknown(
    connection: Connection, tools: Tools, found: payloads.Subscription, signup: Signup | None
) -> tuple[str, Row | None]:
    """A subscription of BlueSnap's that we have not: a word for it, and the difference where it is one.

    `under_way`: a signup is just being made; `over`; `not_sold`: of a plan that is none of ours, so of no concern; `dismissed` by a person.
    """
    if signup is not None and signup.state != "stuck":
        if signup.state != "subscription_unknown" and sweeps.is_held(connection, signup):
            return "under_way", None
        return "unknown", Row(signup.account, None, found.subscription_id, "unknown", Rule.WAKE_SIGNUP)
    if found.status in OVER:
        return "over", None
    second = _sold_beside(connection, tools, found, signup)
    known = signup or second
    account = known.account if known is not None else None
    if account is None and found.shopper_id is not None:
        account = sweeps.account_of_shopper(connection, found.shopper_id)
    if account is None and found.plan_id is not None and not tools.catalogue.find(found.plan_id):
        return "not_sold", None
    if sweeps.is_decided(connection, (UNKNOWN, SECOND), found.subscription_id):
        return "dismissed", None
    word, attempt = ("second", second.id) if second is not None else ("unknown", None)
    return word, Row(account, None, found.subscription_id, word, Rule.ASK_A_PERSON, signup=attempt)


def _sold_beside(
    connection: Connection, tools: Tools, found: payloads.Subscription, stuck: Signup | None
) -> Signup | None:
    """The attempt to which this was sold beside what it was to have; None where it may be the one, or where no attempt was made.

    What lands long after its attempt was settled was executed late. Of a stuck attempt one may be the one; another is not.
    """
    if stuck is not None:
        return stuck if sweeps.is_asked(connection, (UNKNOWN, SECOND), stuck.account, found.subscription_id) else None
    if found.shopper_id is None or not is_our_concern(connection, tools, found):
        return None
    return signups.latest_of_shopper(connection, found.shopper_id)


def task_of(row: Row) -> str:
    """The kind of the task that puts a difference before a person."""
    if row.subscription is None:
        return UNKNOWN if row.signup is None else SECOND
    if row.difference in TERMS:
        return "other_terms"
    return {"paid_there": "paid_there", "status": "odd_status"}.get(row.difference, "sweep_doubt")


def is_new(connection: Connection, row: Row) -> bool:
    """Whether repairing it would write anything: what was put before a person already would not."""
    if row.rule is Rule.OURS_WINS:
        return False
    if row.rule is not Rule.ASK_A_PERSON:
        return True
    return sweeps.task_state(connection, task_of(row), row.reference, row.subscription or row.signup) is None


def is_paid_there(tools: Tools, found: payloads.Subscription) -> bool:
    """Whether BlueSnap has charged for a period that runs, and goes on."""
    if found.status != "ACTIVE" or found.auto_renew is False or found.next_charge_date is None:
        return False
    return start_of_day(found.next_charge_date, tools.settings.billing_zone) > tools.clock()


def alarm_of(tools: Tools, ours: Subscription, found: payloads.Subscription) -> str | None:
    """`paid_there_inactive_here`, `active_here_unpaid_there`, or None."""
    reason = access_at(ours, tools.clock(), Rules.of(tools.settings)).reason
    if reason == "free" and is_paid_there(tools, found):
        return "paid_there_inactive_here"
    return "active_here_unpaid_there" if reason in {"paid", "renewing"} and found.status in OVER else None
