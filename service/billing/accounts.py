"""Read an account: what it may use now, and the subscription that this comes from. An account never seen is on the free plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.billing.catalogue import Money
from service.billing.lifecycle import FREE_ACCESS, Access, Rules, access_at
from service.billing.tools import Tools
from service.store import accounts, disputes
from service.store.models import Dispute, Subscription


@dataclass(frozen=True)
class AccountView:
    """An account as the platform sees it. A subscription that is undecided, or over in every respect, is not shown.

    `confirming`: a purchase of the account is under way, or its outcome is unknown.
    """

    account: str
    access: Access
    subscription: Subscription | None
    confirming: bool


def read(tools: Tools, account: str) -> AccountView:
    """The account at this moment."""
    now = tools.clock()
    with tools.engine.connect() as connection:
        bought = accounts.bought(connection, account)
        latest = accounts.latest_of(bought)
        told = disputes.of_subscription(connection, latest.id) if latest is not None else []
    return view_of(account, bought, told, now=now, rules=Rules.of(tools.settings))


def view_of(
    account: str, bought: Sequence[Subscription], told: Sequence[Dispute], *, now: datetime, rules: Rules
) -> AccountView:
    """The account at a moment, by its subscriptions and their disputes as they stood then."""
    subscription, claiming = accounts.latest_of(bought), accounts.claiming_of(bought)
    access = access_at(subscription, now, rules)
    disputed = subscription is not None and disputes.any_open(
        one for one in told if one.subscription_id == subscription.id
    )
    if disputed and rules.dispute_access == "none":
        access = FREE_ACCESS
    ended = subscription is not None and subscription.status == "ended"
    shown = None if ended and access.reason == "free" else subscription
    return AccountView(account, access, shown, claiming is not None and claiming.status == "incomplete")


def total_of(subscription: Subscription) -> Money:
    """What the next charge will be."""
    return Money(subscription.amount, subscription.currency)
