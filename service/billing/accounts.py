"""Read an account: what it may use now, and the subscription that this comes from. An account never seen is on the free plan."""

from __future__ import annotations

from dataclasses import dataclass

from service.billing.catalogue import Money
from service.billing.lifecycle import Access, access_at
from service.billing.tools import Tools
from service.store import accounts
from service.store.models import Subscription


@dataclass(frozen=True)
class AccountView:
    """An account as the platform sees it. A subscription that is still undecided is not shown."""

    account: str
    access: Access
    subscription: Subscription | None


def read(tools: Tools, account: str) -> AccountView:
    """The account at this moment."""
    with tools.engine.connect() as connection:
        found = accounts.claiming_subscription(connection, account)
    subscription = found if found is not None and found.status == "active" else None
    return AccountView(account, access_at(subscription, tools.clock()), subscription)


def total_of(subscription: Subscription) -> Money:
    """What the next charge will be."""
    return Money(subscription.amount, subscription.currency)
