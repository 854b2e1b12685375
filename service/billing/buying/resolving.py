"""Settle a stuck signup by a person's word, once BlueSnap bears it out. Never moves money: what must be cancelled or refunded is done at BlueSnap first."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from service.billing.buying import steps
from service.billing.buying.settle import candidates
from service.billing.life.truth import OVER
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.errors import NotFound, Rejected
from service.store import accounts, signups
from service.store.changes import LostRaceError
from service.store.journal import Origin
from service.store.models import Signup

#: What the attempt's row says of how it ended.
CAUSE = "resolved_by_person"


class Resolution(enum.StrEnum):
    """What became of it; the first two settle the signup, the others leave it stuck."""

    KEPT = "kept"
    RELEASED = "released"
    NOT_STUCK = "not_stuck"
    NOT_THE_SHOPPERS = "not_the_shoppers"
    DIFFERS = "differs"
    OTHERS_LIVE = "others_live"


@dataclass(frozen=True)
class Resolved:
    """`what` differs from what was asked for, in a word; `live` are the subscriptions at BlueSnap that stand in the way."""

    resolution: Resolution
    what: str | None = None
    live: tuple[str, ...] = ()


def keep(tools: Tools, signup_id: str, provider_subscription: str, origin: Origin) -> Resolved:
    """The account gets this subscription of BlueSnap's, if it is the shopper's, the one that was asked for, and the only live one that is not ours.

    Raises BlueSnapError where BlueSnap cannot be read.
    """
    signup = _stuck(tools, signup_id)
    if signup is None:
        return Resolved(Resolution.NOT_STUCK)
    live = _live(tools, signup)
    if provider_subscription not in {item.subscription_id for item in live}:
        return Resolved(Resolution.NOT_THE_SHOPPERS)
    others = tuple(item.subscription_id for item in live if item.subscription_id != provider_subscription)
    if others:
        return Resolved(Resolution.OTHERS_LIVE, live=others)
    found = tools.bluesnap.get_subscription(provider_subscription)
    with tools.engine.connect() as connection:
        claim = accounts.subscription(connection, signup.subscription_id)
    wrong = steps.mismatch(claim, tools.catalogue.version(claim.plan, claim.plan_version).provider_plan, found)
    if wrong is not None:
        return Resolved(Resolution.DIFFERS, what=wrong)
    try:
        steps.activate(tools, signup, origin, found)
    except LostRaceError:
        return Resolved(Resolution.NOT_STUCK)
    return Resolved(Resolution.KEPT)


def release(tools: Tools, signup_id: str, origin: Origin) -> Resolved:
    """Nothing was sold: the account is free again, if BlueSnap shows no live subscription of the shopper that is not ours.

    That BlueSnap shows none is no proof; the person's word is. Raises BlueSnapError where BlueSnap cannot be read.
    """
    signup = _stuck(tools, signup_id)
    if signup is None:
        return Resolved(Resolution.NOT_STUCK)
    live = tuple(item.subscription_id for item in _live(tools, signup))
    if live:
        return Resolved(Resolution.OTHERS_LIVE, live=live)
    try:
        steps.end(tools, signup, origin, Rejected(CAUSE))
    except LostRaceError:
        return Resolved(Resolution.NOT_STUCK)
    return Resolved(Resolution.RELEASED)


def _stuck(tools: Tools, signup_id: str) -> Signup | None:
    with tools.engine.connect() as connection:
        signup = signups.get(connection, signup_id)
    return signup if signup is not None and signup.state == "stuck" else None


def _live(tools: Tools, signup: Signup) -> list[Found]:
    """The shopper's subscriptions that are none of ours and not over."""
    try:
        found = tools.bluesnap.list_subscriptions(signup.provider_shopper or "")
    except NotFound:
        found = []
    unknown = candidates(tools, signup.provider_shopper or "", found)
    return [item for item in unknown if item.status not in OVER]
