"""What moves money to the merchant, and what ends a subscription. Each charge is one entry in the ledger, never more; an attempt that fails leaves none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.billingdays import period_end
from simulator.entities import Charge, Subscription
from simulator.noticeforms import of_subscription
from simulator.telling import tell_of

if TYPE_CHECKING:
    from simulator.world import World

BY_SELLER = "CANCELLED_BY_SELLER"


def make_charge(
    world: World, subscription: Subscription, amount: Decimal, kind: str, *, period: tuple[date, date]
) -> Charge:
    """Take the money from the subscription's card. Whether the card is good was asked before."""
    charge = Charge(
        id=world.ids.next(),
        transaction_id=world.ids.next(),
        subscription=subscription,
        card=subscription.card,
        plan=subscription.plan,
        amount=amount,
        kind=kind,
        at=world.clock.now(),
        period=period,
    )
    keep_charge(world, charge)
    return charge


def keep_charge(world: World, charge: Charge) -> None:
    """Remember a charge and enter it in the ledger."""
    subscription = charge.subscription
    subscription.charges.append(charge)
    world.charges[charge.transaction_id] = charge
    world.ledger.record(
        "charge",
        charge.transaction_id,
        charge.at,
        amount=f"{charge.amount:.2f}",
        currency=charge.plan.currency,
        quantity=subscription.quantity,
        type=charge.kind,
        subscription_id=str(subscription.id),
        shopper_id=str(subscription.shopper.id),
        merchant_shopper_id=subscription.shopper.merchant_shopper_id,
    )


def keep_subscription(world: World, subscription: Subscription) -> None:
    """Remember a new subscription and enter it in the ledger."""
    shopper = subscription.shopper
    world.subscriptions[subscription.id] = subscription
    world.ledger.record(
        "subscription",
        subscription.id,
        subscription.created_at,
        amount=f"{subscription.price:.2f}",
        currency=subscription.plan.currency,
        quantity=subscription.quantity,
        plan_id=str(subscription.plan.id),
        shopper_id=str(shopper.id),
        merchant_shopper_id=shopper.merchant_shopper_id,
    )


def end(world: World, subscription: Subscription, status: str, reason: str | None = None) -> None:
    """No charge will follow any more. With a reason it is a cancellation that BlueSnap tells of."""
    subscription.status = status
    subscription.auto_renew = False
    for what in ("renewal", "reminder"):
        world.agenda.forget((what, subscription.id))
    record_change(world, "subscription", subscription.id, status=status)
    if reason is not None:
        about = of_subscription(subscription, world.clock.now(), period_end(world, subscription))
        tell_of(world, "CANCELLATION", about, [("cancelReason", reason)])


def record_change(world: World, what: str, thing_id: int, **facts: object) -> None:
    """A change of something that exists already: kind `change` in the ledger."""
    world.ledger.record("change", thing_id, world.clock.now(), of=what, **facts)
