"""Take a canceled plan up again: within the paid period undo the cancellation, later buy again with the stored card (DESIGN section 3). Never both.

A purchase with the stored card goes the steps of a signup without a session, so that an unknown outcome is settled as a signup's is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from service.billing.buying import cards, checkout, limits, settle, steps
from service.billing.buying.subscribe import subscribe
from service.billing.catalogue import Terms
from service.billing.incidents import second_subscription
from service.billing.life.cancellation import change_renewal
from service.billing.life.following import follow
from service.billing.life.intents import Order as Change
from service.billing.life.intents import told
from service.billing.life.truth import OVER
from service.billing.tasks import open_task
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.errors import BlueSnapError, Code, Declined, FieldError, NotFound, Refusal
from service.store import accounts, notices, signups, subscriptions
from service.store.changes import LostRaceError
from service.store.journal import Act, Origin
from service.store.models import Signup, Subscription


@dataclass(frozen=True)
class Order:
    """Who takes the plan up again; another plan or number of members than before where they are given."""

    account: str
    plan: str | None = None
    members: int | None = None


@dataclass(frozen=True)
class Reactivated:
    """The subscription as it is now; `bought`: a new one was made. None while BlueSnap's outcome is unknown."""

    subscription: Subscription | None
    bought: bool


def reactivate(tools: Tools, origin: Origin, order: Order) -> Reactivated:
    """Undo the cancellation, or buy again. Raises Refusal; a decline carries the platform's reason."""
    last = _last(tools, order.account)
    if last.status in accounts.LIVE and _is_over(tools, last):
        last = _end(tools, origin, last)
    if last.status in accounts.LIVE:
        return Reactivated(_resume(tools, origin, order, last), bought=False)
    return Reactivated(_buy_again(tools, origin, order, last), bought=True)


def _last(tools: Tools, account: str) -> Subscription:
    """The subscription that may be taken up again. Raises Refusal."""
    with tools.engine.connect() as connection:
        claiming = accounts.claiming_subscription(connection, account)
        last = accounts.latest_subscription(connection, account)
    if claiming is not None and claiming.status == "incomplete":
        raise Refusal(Code.SIGNUP_UNDECIDED)
    if last is None or last.provider_subscription is None or last.provider_shopper is None:
        raise Refusal(Code.SUBSCRIPTION_NOT_FOUND)
    if last.status == "disputed":
        raise Refusal(Code.SUBSCRIPTION_DISPUTED, version=last.version)
    if last.status in accounts.LIVE and last.renews:
        raise Refusal(Code.SUBSCRIPTION_EXISTS)
    return last


def _is_over(tools: Tools, subscription: Subscription) -> bool:
    """Canceled, and the paid period is behind us: the worker will find it ended any moment."""
    return subscription.paid_until is not None and tools.clock() >= subscription.paid_until


def _end(tools: Tools, origin: Origin, last: Subscription) -> Subscription:
    """See at BlueSnap that it has ended, so that the account can be claimed anew. Raises Refusal."""
    if last.pending_change is not None:  # an undoing may be under way: what is shown now may not be how it ends
        raise Refusal(Code.SUBSCRIPTION_CHANGED, retry_after=2, version=last.version)
    try:
        found = tools.bluesnap.get_subscription(last.provider_subscription or "")
    except BlueSnapError as error:
        raise told(error) from None
    with tools.engine.begin() as connection:
        held = subscriptions.locked(connection, last.id) or last
        after = follow(connection, tools, held, found=found, origin=origin)
    if after.status in accounts.LIVE:  # it was taken up there, or we do not understand what is shown
        raise Refusal(Code.SUBSCRIPTION_EXISTS)
    return after


def _resume(tools: Tools, origin: Origin, order: Order, last: Subscription) -> Subscription:
    """Within the paid period: what was agreed goes on. To change it is another order."""
    given = [name for name in ("plan", "members") if getattr(order, name) is not None]
    if given:
        errors = tuple(FieldError(f"/{name}", Code.FIELD_NOT_ALLOWED) for name in given)
        raise Refusal(Code.FIELD_NOT_ALLOWED, errors=errors)
    return change_renewal(tools, origin, last.account, Change.RESUME)


def _buy_again(tools: Tools, origin: Origin, order: Order, last: Subscription) -> Subscription | None:
    """A new purchase for the same shopper, at today's price. None while the outcome is unknown."""
    members = last.members if order.members is None else order.members
    terms = checkout.terms_for_sale(tools, order.plan or last.plan, members)
    with tools.engine.begin() as connection:
        _check_limits(connection, tools, order.account)
    _check_shopper(tools, origin, last)
    signup = _claim(tools, origin, last, terms)
    try:
        subscribe(tools, origin, signup)
    except Declined as error:
        raise Refusal(Code.CARD_DECLINED, reason=error.reason) from None
    except BlueSnapError as error:
        raise told(error) from None
    except LostRaceError:
        pass  # the worker took this attempt over; what it knows by now is the answer
    with tools.engine.connect() as connection:
        bought = accounts.subscription(connection, signup.subscription_id)
    if bought.status == "void":
        raise Refusal(Code.BLUESNAP_FAILED, retry_after=10)
    return bought if bought.status != "incomplete" else None


def _check_shopper(tools: Tools, origin: Origin, last: Subscription) -> None:
    """One card to charge, and nothing sold to this shopper that we do not know of (DESIGN section 7 point 3). Raises Refusal."""
    shopper, provider = last.provider_shopper or "", last.provider_subscription or ""
    try:
        stored = cards.sole_card(tools, shopper, tools.bluesnap.get_subscription_card(provider))
        found = tools.bluesnap.list_subscriptions(shopper)
    except NotFound:
        raise Refusal(Code.CARD_NOT_FOUND) from None
    except BlueSnapError as error:
        raise told(error) from None
    foreign = [one for one in settle.candidates(tools, shopper, found) if one.status not in OVER]
    if foreign:
        with tools.engine.begin() as connection:
            accounts.lock(connection, last.account, tools.clock())
            checkout.refuse_if_claimed(
                accounts.claiming_subscription(connection, last.account)
            )  # it is being sold just now
            _tell_of(connection, foreign, last, origin)
        raise Refusal(Code.SUBSCRIPTION_EXISTS)
    if len(stored) != 1:
        raise Refusal(Code.CARDS_ALIKE if stored else Code.CARD_NOT_FOUND)


def _tell_of(connection: Connection, foreign: Sequence[Found], last: Subscription, origin: Origin) -> None:
    """What was sold to this shopper beside what we know: by an attempt of ours, or before his time here."""
    signup = signups.latest_of_shopper(connection, last.provider_shopper or "")
    if signup is not None:
        second_subscription(connection, signup, foreign, by="reactivation", origin=origin)
        return
    for one in foreign:
        open_task(connection, "unknown_subscription", origin, reference=one.subscription_id, account=last.account)


def _claim(tools: Tools, origin: Origin, last: Subscription, terms: Terms) -> Signup:
    """Claim the account and commit the intent to subscribe. Raises Refusal."""
    now = tools.clock()
    with tools.engine.begin() as connection:
        accounts.lock(connection, last.account, now)
        checkout.refuse_if_claimed(accounts.claiming_subscription(connection, last.account))
        shopper = last.provider_shopper or ""
        notices.hold(connection, f"shopper|{shopper}")  # adopted accounts may share one: it has one attempt at a time
        if signups.of_shopper(connection, shopper) is not None:
            raise Refusal(Code.SIGNUP_UNDECIDED)
        _check_limits(connection, tools, last.account)
        claimed = steps.claim(connection, last.account, terms, origin, now=now)
        return steps.begin(
            connection, tools, claimed, origin, state="subscription_requested", act=Act.SUBSCRIPTION_REQUESTED,
            provider_shopper=last.provider_shopper,
        )  # fmt: skip


def _check_limits(connection: Connection, tools: Tools, account: str) -> None:
    limits.check_attempt(connection, tools, account, session_id=None, addresses=(), now=tools.clock())
