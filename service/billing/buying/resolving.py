"""Settle a signup by a person's word, once BlueSnap bears it out: keep one subscription and undo the others, or say that nothing was sold.

Money moves only where that was ordered (`apply`), and only for what no account has.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from service.billing.buying import doubts, steps, surplus
from service.billing.buying.settle import candidates
from service.billing.buying.surplus import Surplus
from service.billing.incidents import SECOND, is_our_concern
from service.billing.life.truth import OVER
from service.billing.tasks import close
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.errors import NotFound, Rejected
from service.store import accounts, signups, subscriptions, tasks
from service.store.changes import LostRaceError
from service.store.journal import Origin
from service.store.models import Signup, Subscription

#: What the attempt's row says of how it ended.
CAUSE = "resolved_by_person"
#: Matters about a subscription that are settled when it is kept, or undone.
SETTLED_TASKS = (SECOND, "unknown_subscription", "paid_there")


class Resolution(enum.StrEnum):
    """What became of it. KEPT and RELEASED: all is done. UNDER_WAY: something of it is not done, or not known, yet. The others changed nothing."""

    KEPT = "kept"
    RELEASED = "released"
    UNDER_WAY = "under_way"
    NOT_STUCK = "not_stuck"
    NOT_THE_SHOPPERS = "not_the_shoppers"
    NOT_THE_ACCOUNTS = "not_the_accounts"
    DIFFERS = "differs"
    OTHERS_LIVE = "others_live"


@dataclass(frozen=True)
class Resolved:
    """`what` differs from what was asked for, in a word; `live` are the subscriptions at BlueSnap that stand in the way, `others` what is, or
    would be, done about them.
    """

    resolution: Resolution
    what: str | None = None
    live: tuple[str, ...] = ()
    others: tuple[Surplus, ...] = ()


def keep(tools: Tools, signup_id: str, provider_subscription: str, origin: Origin, *, apply: bool = False) -> Resolved:
    """The account gets, or keeps, this subscription of BlueSnap's; with `apply` every other live one of the shopper is cancelled and given back.

    Of a stuck signup it must be the shopper's and what was asked for; of a settled one it must be what the account has. Without `apply`
    nothing is changed while another is live. Done again it goes on where it stopped. Raises BlueSnapError where BlueSnap cannot be read,
    before anything was changed.
    """
    signup = _settled_by_person(tools, signup_id)
    if signup is None:
        return Resolved(Resolution.NOT_STUCK)
    live = _live(tools, signup)
    found = None
    if signup.state == "stuck" and provider_subscription in {item.subscription_id for item in live}:
        found = tools.bluesnap.get_subscription(provider_subscription)
    refused = _not_to_be_kept(tools, signup, provider_subscription, found)
    if refused is not None:
        return refused
    others = _others(tools, signup, live, kept=provider_subscription)
    if not apply:
        shown = tuple(surplus.preview(tools, reference) for reference in others)
        if not all(one.done for one in shown):
            return Resolved(Resolution.OTHERS_LIVE, live=tuple(others), others=shown)
    if found is not None:
        try:
            steps.activate(tools, signup, origin, found)
        except LostRaceError:
            return Resolved(Resolution.NOT_STUCK)
    return _undo(tools, origin, signup, others=others if apply else [], kept=provider_subscription)


def release(tools: Tools, signup_id: str, origin: Origin) -> Resolved:
    """Nothing was sold: the account is free again, if BlueSnap shows no live subscription of the shopper that is not ours.

    That BlueSnap shows none is no proof; the person's word is. Raises BlueSnapError where BlueSnap cannot be read.
    """
    signup = _settled_by_person(tools, signup_id)
    if signup is None or signup.state != "stuck":
        return Resolved(Resolution.NOT_STUCK)
    live = tuple(item.subscription_id for item in _live(tools, signup))
    if live:
        return Resolved(Resolution.OTHERS_LIVE, live=live)
    try:
        steps.end(tools, signup, origin, Rejected(CAUSE))
    except LostRaceError:
        return Resolved(Resolution.NOT_STUCK)
    return Resolved(Resolution.RELEASED)


def _settled_by_person(tools: Tools, signup_id: str) -> Signup | None:
    """The signup, if it is not the worker's to settle."""
    with tools.engine.connect() as connection:
        signup = signups.get(connection, signup_id)
    return signup if signup is not None and signup.state not in signups.UNDECIDED else None


def _live(tools: Tools, signup: Signup) -> list[Found]:
    """The shopper's subscriptions that are none of ours and not over."""
    if signup.provider_shopper is None:
        return []
    try:
        found = tools.bluesnap.list_subscriptions(signup.provider_shopper)
    except NotFound:
        found = []
    unknown = candidates(tools, signup.provider_shopper, found)
    return [item for item in unknown if item.status not in OVER]


def _not_to_be_kept(tools: Tools, signup: Signup, reference: str, found: Found | None) -> Resolved | None:
    """Why the account must not have this one; None if it may, or has it."""
    with tools.engine.connect() as connection:
        claim = accounts.subscription(connection, signup.subscription_id)
        has = accounts.claiming_subscription(connection, signup.account)
    if signup.state != "stuck":
        own = has.provider_subscription if has is not None and has.status in accounts.LIVE else None
        return None if own == reference else Resolved(Resolution.NOT_THE_ACCOUNTS, live=(own,) if own else ())
    if found is None:
        return Resolved(Resolution.NOT_THE_SHOPPERS)
    wrong = doubts.mismatch(claim, tools.catalogue.version(claim.plan, claim.plan_version).provider_plan, found)
    return Resolved(Resolution.DIFFERS, what=wrong) if wrong is not None else None


def _others(tools: Tools, signup: Signup, live: Sequence[Found], *, kept: str) -> list[str]:
    """What is to be undone: live ones that nobody has, and those of which that was begun before.

    What a shopper who was at BlueSnap before us has bought there beside our plans is none of our concern.
    """
    with tools.engine.connect() as connection:
        begun = subscriptions.surplus_of_shopper(connection, signup.provider_shopper or "")
        mine = [one for one in live if is_our_concern(connection, tools, one)]
    return [*begun, *(one.subscription_id for one in mine if one.subscription_id != kept)]


def _undo(tools: Tools, origin: Origin, signup: Signup, *, others: Sequence[str], kept: str) -> Resolved:
    with tools.engine.connect() as connection:
        wanted: Subscription = accounts.subscription(connection, signup.subscription_id)
    undone = tuple(surplus.clear(tools, origin, wanted, reference) for reference in others)
    over = {one.reference for one in undone if one.done}
    left = {one.reference for one in undone if not one.done}
    with tools.engine.begin() as connection:
        for task in tasks.open_of_kinds(connection, SETTLED_TASKS):
            mine = task.subject == signup.id and task.reference not in left
            if mine or task.reference in {kept, *over}:
                close(connection, task.id, "done", origin)
    return Resolved(Resolution.UNDER_WAY if left else Resolution.KEPT, live=tuple(sorted(left)), others=undone)
