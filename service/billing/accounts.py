"""Read an account: what it may use now, and the subscription that this comes from. An account never seen is on the free plan."""

from __future__ import annotations

from dataclasses import dataclass

from service.billing.catalogue import Money
from service.billing.lifecycle import FREE_ACCESS, Access, Rules, access_at
from service.billing.tools import Tools
from service.store import accounts, disputes
from service.store.models import Subscription


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
        subscription = accounts.latest_subscription(connection, account)
        claiming = accounts.claiming_subscription(connection, account)
        open_dispute = subscription is not None and disputes.open_of(connection, subscription.id)
    access = access_at(subscription, now, Rules.of(tools.settings))
    if open_dispute and tools.settings.dispute_access == "none":
        access = FREE_ACCESS
    ended = subscription is not None and subscription.status == "ended"
    shown = None if ended and access.reason == "free" else subscription
    return AccountView(account, access, shown, claiming is not None and claiming.status == "incomplete")


def total_of(subscription: Subscription) -> Money:
    """What the next charge will be."""
    return Money(subscription.amount, subscription.currency)
