"""A paid subscription with its first charge, straight in the tables, for tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from service.store import accounts, changes, charges
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import Charge, Subscription

NOW = datetime(2031, 3, 10, 17, tzinfo=UTC)
ORIGIN = Origin("worker")
SUBSCRIPTION = Subscription(
    id=new_id("sub"), account="acct-a", plan="team", plan_version=1, members=10, amount=Decimal(290), currency="USD",
    status="active", provider_subscription="7100001", provider_shopper="7100002", renews=True, looked=0, version=1,
    created_at=NOW,
)  # fmt: skip
CHARGE = Charge(
    id=new_id("ch"), subscription_id=SUBSCRIPTION.id, reference="7200001", amount=Decimal(290), currency="USD",
    source="answer", recorded_at=NOW,
)  # fmt: skip


def insert_paid(connection):
    accounts.lock(connection, SUBSCRIPTION.account, NOW)
    changes.add(connection, SUBSCRIPTION, Act.SUBSCRIPTION_ACTIVATED, ORIGIN)
    charges.add(connection, CHARGE, SUBSCRIPTION, ORIGIN)
