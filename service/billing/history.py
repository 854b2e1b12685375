"""Read an account as it was at a moment: by the rows that there were then, and by the same rules as now. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from service.billing.accounts import AccountView, view_of
from service.billing.lifecycle import Rules
from service.billing.money.payments import Payment, payments_of
from service.billing.tools import Tools
from service.errors import Code, FieldError, Refusal
from service.store import database, history
from service.store.history import Standing
from service.store.models import Charge, Dispute, Refund, Subscription

T = TypeVar("T")


@dataclass(frozen=True)
class Past:
    """An account at a moment: what it could use and had, and what was charged and given back of it, the first heard of first."""

    at: datetime
    view: AccountView
    payments: list[Payment]


def account_at(tools: Tools, account: str, at: datetime) -> Past:
    """The account at that moment of database time. Raises Refusal for one that is to come."""
    with tools.engine.connect() as connection:
        present = database.now(connection)
        if at > present:
            raise Refusal(Code.MOMENT_IN_FUTURE, errors=(FieldError("/at", Code.MOMENT_IN_FUTURE),))
        standing = [one for one in history.of_account(connection, account, at) if not one.gone]
    # periods and grace run on business time, which differs from the database's where the simulator tells it
    then = at + (tools.clock() - present)
    bought, told = _records(standing, "subscriptions", Subscription), _records(standing, "disputes", Dispute)
    paid, given = _records(standing, "charges", Charge), _records(standing, "refunds", Refund)
    view = view_of(account, bought, told, now=then, rules=Rules.of(tools.settings))
    return Past(at, view, payments_of(paid, given, told))


def _records(standing: list[Standing], kind: str, record: type[T]) -> list[T]:
    return [one.record(record) for one in standing if one.kind == kind]
