"""Look at one account for support: first the entry, then our record, then the payer and the card live. What BlueSnap shows stays in memory for one answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from service.billing.accounts import AccountView, view_of
from service.billing.lifecycle import Rules
from service.billing.money.payments import Payment, payments_of
from service.billing.tools import Tools
from service.bluesnap.cards import CardHint, PayerHint
from service.errors import BlueSnapError, Code, NotFound, Refusal
from service.store import accounts, private
from service.store.journal import Origin
from service.store.models import Subscription
from service.store.private import Look, Seen

T = TypeVar("T")
#: The worker signs and copies once a minute.
AGAIN_SECONDS = 60
log = structlog.get_logger()


@dataclass(frozen=True)
class Shown:
    """What BlueSnap shows now. `answered` is yes, no (then some of it may be missing), or nothing_there: we know nobody to ask about."""

    answered: str
    payer: PayerHint | None = field(default=None, repr=False)
    card: CardHint | None = field(default=None, repr=False)


@dataclass(frozen=True)
class View:
    """An account as a person in support sees it, under one grant."""

    grant: str
    account: AccountView
    payments: list[Payment]
    shown: Shown = field(repr=False)


def look(tools: Tools, origin: Origin, person: str, account: str) -> View:
    """The account as it is now. Raises Refusal: grant_missing, also where the grant ends while BlueSnap is being asked; journal_unproven."""
    with tools.engine.begin() as connection:
        taken = private.look(connection, account, person, origin)
        if taken is None:
            raise _shut(connection)
    shown = _shown(tools, accounts.latest_of(_seen(tools, taken).subscriptions))
    seen = _seen(tools, taken)
    return View(
        taken.grant,
        view_of(account, seen.subscriptions, seen.disputes, now=tools.clock(), rules=Rules.of(tools.settings)),
        payments_of(seen.charges, seen.refunds, seen.disputes),
        shown,
    )


def _seen(tools: Tools, taken: Look) -> Seen:
    """Our record, if it may still be read."""
    with tools.engine.connect() as connection:
        seen = private.view(connection, taken)
        if not private.holds(connection, taken):
            raise _shut(connection)
    return seen


def _shut(connection: Connection) -> Refusal:
    """Why nothing is shown."""
    if not private.unproven(connection):
        return Refusal(Code.GRANT_MISSING)
    log.error("support.unproven")
    return Refusal(Code.JOURNAL_UNPROVEN, retry_after=AGAIN_SECONDS)


def _shown(tools: Tools, subscription: Subscription | None) -> Shown:
    shopper = subscription.provider_shopper if subscription is not None else None
    provider = subscription.provider_subscription if subscription is not None else None
    if shopper is None or provider is None:
        return Shown("nothing_there")
    payer, card = None, None
    try:
        payer = _found(lambda: tools.bluesnap.get_payer(shopper))
        card = _found(lambda: tools.bluesnap.get_subscription_card(provider))
    except BlueSnapError as error:
        log.warning("support.without_bluesnap", cause=error.cause)
        return Shown("no", payer, card)
    return Shown("yes", payer, card if card is not None and card.nameable else None)


def _found(read: Callable[[], T]) -> T | None:
    """What is there; BlueSnap does not tell what is gone from what is not ours."""
    try:
        return read()
    except NotFound:
        return None
