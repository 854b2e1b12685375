"""What was agreed for the charges of a subscription, from which billing day on. A price is agreed once for a day; a newer agreement for it replaces it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from service.store.database import one
from service.store.ids import new_id
from service.store.journal import Act, Origin, image_of, write
from service.store.models import PRICES, Price, Subscription

P = PRICES.c


def agree(
    connection: Connection, subscription: Subscription, day: date, *, origin: Origin, now: datetime, plan: str | None = None,
    plan_version: int | None = None,
) -> Price:  # fmt: skip
    """The subscription's present terms hold for its charges from this billing day on; `plan` where another takes effect with that charge."""
    price = Price(
        id=new_id("pr"), subscription_id=subscription.id, applies_from=day, plan=plan or subscription.plan,
        plan_version=plan_version or subscription.plan_version, members=subscription.members, amount=subscription.amount,
        currency=subscription.currency, agreed_at=now,
    )  # fmt: skip
    values = {name: value for name, value in vars(price).items() if name != "id"}
    statement = insert(PRICES).values(**vars(price))
    statement = statement.on_conflict_do_update(index_elements=[P.subscription_id, P.applies_from], set_=values)
    agreed = one(connection, statement.returning(PRICES), Price) or price
    image, version = image_of(agreed), subscription.version
    write(
        connection,
        Act.PRICE_AGREED,
        origin,
        subject=agreed.id,
        account=subscription.account,
        version=version,
        image=image,
    )
    return agreed


def on(connection: Connection, subscription_id: str, day: date) -> Price | None:
    """The price that holds for a charge of this billing day: the last one agreed from a day up to it. None for one of before our time.

    A charge of the day before the first price is its charge too: BlueSnap's day may not have begun where ours has.
    """
    mine = select(PRICES).where(P.subscription_id == subscription_id)
    held = one(connection, mine.where(P.applies_from <= day).order_by(P.applies_from.desc()).limit(1), Price)
    nearly = mine.where(P.applies_from <= day + timedelta(days=1)).order_by(P.applies_from).limit(1)
    return held or one(connection, nearly, Price)
