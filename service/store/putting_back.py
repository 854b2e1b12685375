"""Puts rows back as they were, each with its entry. Touches no row that was not named, and gives what is never kept a value that does no harm."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from service.errors import PanlessError
from service.store.accounts import LIVE, SURPLUS
from service.store.history import TABLES, Standing
from service.store.ids import new_id
from service.store.journal import Act, Origin, plain, write
from service.store.keeping import LEFT_OUT
from service.store.models import CHARGES, SUBSCRIPTIONS
from service.store.refunds import UNDECIDED as UNDECIDED_REFUNDS
from service.store.subscriptions import ask_soon

S = SUBSCRIPTIONS.c
#: What no entry holds, even of what versions keep: keys, and digests of private things.
UNTOLD = {"shopper_key", "subscription_key", "key", "delivery", "meaning", "digest", "identity"}
ONE_PURCHASE = "one_purchase_per_account"


class InTheWayError(PanlessError):
    """A row cannot come back: another one has its place. `rule` is the constraint that says so."""

    def __init__(self, standing: Standing, rule: str) -> None:
        super().__init__(rule)
        self.standing, self.rule = standing, rule


def present(connection: Connection, one: Standing) -> dict[str, Any] | None:
    """The row as it is now, held until the transaction ends; None if there is none."""
    table = TABLES[one.kind]
    row = connection.execute(select(table).where(_same(table, one)).with_for_update(key_share=True)).mappings().first()
    return dict(row) if row is not None else None


def _same(table: Table, one: Standing) -> Any:
    return and_(*(column == value for column, value in zip(table.primary_key, one.key, strict=True)))


def put_back(connection: Connection, one: Standing, values: dict[str, Any], origin: Origin, *, there: bool) -> None:
    """Insert the row, or give the one that is there these values; and write the entry. Raises InTheWayError."""
    table = TABLES[one.kind]
    try:
        if there:
            connection.execute(update(table).where(_same(table, one)).values(values))
        else:
            # a column that is younger than the version takes its default
            new = {name: value for name, value in values.items() if value is not None or table.c[name].nullable}
            connection.execute(insert(table).values(new))
    except IntegrityError as error:
        raise InTheWayError(one, _rule(error)) from None
    image = {name: plain(value) for name, value in (one.values | values).items() if _is_told(name, value)}
    write(
        connection, Act.RECORD_RESTORED, origin,
        subject=new_id("acc") if one.kind == "accounts" else one.subject,
        account=one.account, version=values.get("version"), image={"table": one.kind, **image},
    )  # fmt: skip


def _is_told(name: str, value: Any) -> bool:
    return value is not None and name not in LEFT_OUT and name not in UNTOLD


def _rule(error: IntegrityError) -> str:
    """The constraint's name, and nothing else of the error: it would show the row."""
    diagnosis = getattr(error.orig, "diag", None)
    return (diagnosis.constraint_name if diagnosis is not None else None) or "constraint"


def steering(one: Standing, now: datetime, *, searched: timedelta, pending: timedelta) -> dict[str, Any]:
    """Values for what is never kept, so that no process takes the row for its own and the worker comes soon.

    A call of which nobody knows how it ended counts as made so long ago (`searched`) that it is looked for, and never made again.
    """
    values = one.values
    match one.kind:
        case "signups":
            fence = int(now.timestamp()) - _BEGINNING  # above all that a process may still believe to hold
            return {"fence": fence, "lease_until": now, "called_at": now - searched, "looked": 0}
        case "subscriptions":
            ordered = now + pending if values["pending_change"] is not None else None
            known = values["provider_subscription"] is not None
            return {"pending_until": ordered, "look_at": now if known else None, "looked": 0}
        case "refunds":
            due = now if values["status"] in UNDECIDED_REFUNDS else None
            return {"lease_until": due, "called_at": now - searched if due is not None else None, "looked": 0}
        case _:
            return {}


#: 2020-01-01, in seconds since 1970: what is counted from there fits into a column of 32 bits until 2088.
_BEGINNING = 1_577_836_800


def order_looks(connection: Connection, restored: Iterable[Standing]) -> list[str]:
    """Have BlueSnap asked about every subscription that one of these rows belongs to: it has not moved. Answers our ids of them."""
    wanted = {_subscription(connection, one) for one in restored} - {None}
    mine = (S.id.in_(wanted), S.provider_subscription.is_not(None), S.status.in_((*LIVE, "ended", SURPLUS)))
    found = connection.execute(select(S.id, S.provider_subscription).where(*mine).order_by(S.id)).all()
    return [row.id for row in found if ask_soon(connection, row.provider_subscription)]


def _subscription(connection: Connection, one: Standing) -> str | None:
    if one.kind == "subscriptions":
        return one.subject
    known: str | None = one.values.get("subscription_id")
    if one.kind == "refunds":
        known = connection.execute(
            select(CHARGES.c.subscription_id).where(CHARGES.c.id == one.values["charge_id"])
        ).scalar_one_or_none()
    return known
