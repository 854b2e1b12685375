"""Replace the card of a live subscription, and show it. What is read of a card stays in memory for one call; nothing of it is stored or logged.

DESIGN section 7 point 8. A vault PUT leaves the subscription on the old card, cards have no id, and two can look alike: so the vault is read
before and after, the subscription is switched to what came new, and only a read of it confirms. Nothing is ever sent twice: where an outcome is
unknown, the page asks for the card again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import structlog

from service.billing.buying import checkout, steps
from service.billing.life.intents import told
from service.billing.outcomes import refusal
from service.billing.tools import Tools
from service.bluesnap.cards import CardHint
from service.errors import BlueSnapError, Code, Declined, DeclineReason, NotFound, Refusal, Unknown
from service.store import accounts, changes, journal, signups
from service.store.changes import LostRaceError
from service.store.journal import Act, Origin
from service.store.models import Signup, Subscription

log = structlog.get_logger()
T = TypeVar("T")
#: The card is good, but cannot be told from another one by its brand and last four digits.
ALIKE = Declined("cards_alike", DeclineReason.REFUSED, hard=False)


@dataclass(frozen=True)
class Replacement:
    """What the page sends beside the card that BlueSnap's fields took; `address` is known from a trusted proxy only."""

    three_d_secure: str | None = None
    fraud_session: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One attempt under way: whose card, with which payment-fields token. In memory only."""

    signup: Signup
    shopper: str
    subscription: str
    token: str


def show(tools: Tools, origin: Origin, account: str) -> CardHint:
    """The card that the account's last subscription is charged to, live. Every reading leaves an entry. Raises Refusal: card_not_found."""
    with tools.engine.connect() as connection:
        subscription = accounts.latest_subscription(connection, account)
    if subscription is None or subscription.provider_subscription is None:
        raise Refusal(Code.CARD_NOT_FOUND)
    try:
        card = tools.bluesnap.get_subscription_card(subscription.provider_subscription)
    except NotFound:
        card = None
    except BlueSnapError as error:
        raise told(error) from None
    if card is None or not card.nameable:
        raise Refusal(Code.CARD_NOT_FOUND)
    with tools.engine.begin() as connection:
        journal.write(connection, Act.CARD_SHOWN, origin, subject=subscription.id, account=account, image={})
    return card


def replace(tools: Tools, origin: Origin, session_id: str, replacement: Replacement) -> Subscription | None:
    """Charge the subscription to the card that was typed. The subscription, or None while the outcome is unknown. Raises Refusal.

    A second call for the same session never reaches BlueSnap: it is answered with the state of the first.
    """
    attempt = _begin(tools, origin, session_id, replacement)
    if attempt is not None:
        with suppress(LostRaceError):  # the worker took this attempt over; what it knows by now is the answer
            _carry_out(tools, origin, attempt, replacement)
    return checkout.outcome(tools, session_id)


def discard(tools: Tools, shopper: str, cards: list[CardHint]) -> None:
    """Delete what no subscription needs, as far as BlueSnap allows it. Nothing depends on it: a card left over only makes the vault harder to read."""
    for card in cards:
        try:
            tools.bluesnap.delete_card(shopper, card)
        except BlueSnapError as error:
            log.info("card.left", cause=error.cause)
        except ValueError:
            log.info("card.left", cause="not_nameable")


def sole_card(tools: Tools, shopper: str, used: CardHint | None) -> list[CardHint]:
    """The shopper's cards, after those that no subscription uses were deleted from a vault that we filled ourselves. Raises BlueSnapError.

    Such cards are left over from attempts whose outcome was lost. In a vault that was there before us they may be somebody's on purpose.
    """
    cards = tools.bluesnap.get_cards(shopper)
    spare = [card for card in cards if card != used]
    with tools.engine.connect() as connection:
        ours = signups.vaulted_here(connection, shopper)
    if not spare or used not in cards or not ours:
        return cards
    discard(tools, shopper, spare)
    return tools.bluesnap.get_cards(shopper)


def _begin(tools: Tools, origin: Origin, session_id: str, replacement: Replacement) -> Attempt | None:
    """Commit the intent. None if this session's attempt is under way or done already. Raises Refusal."""
    now = tools.clock()
    known = checkout.read_session(tools, session_id).session
    with tools.engine.begin() as connection:
        accounts.lock(connection, known.account, now)
        session = accounts.session(connection, session_id, lock_row=True) or known
        if session.state in {"confirming", "complete"}:
            return None
        checkout.check_open(connection, tools, session)
        subscription = checkout.card_holder(connection, session.account)
        if signups.of_card(connection, subscription.id) is not None:
            raise Refusal(Code.SIGNUP_UNDECIDED)
        token, address = checkout.draw_fields(
            connection, tools, session, three_d_secure=replacement.three_d_secure, client_address=replacement.address
        )
        signup = steps.begin(
            connection, tools, subscription, origin, state="card_requested", act=Act.CARD_REQUESTED, session_id=session.id, address=address,
        )  # fmt: skip
        changes.change(connection, session, Act.SESSION_CONFIRMING, origin, state="confirming")
    return Attempt(signup, subscription.provider_shopper or "", subscription.provider_subscription or "", token)


def _carry_out(tools: Tools, origin: Origin, attempt: Attempt, replacement: Replacement) -> None:
    """Bring the card into the vault and the subscription to it; the attempt ends as that ends. Raises Refusal."""
    try:
        used = tools.bluesnap.get_subscription_card(attempt.subscription)
        before = sole_card(tools, attempt.shopper, used)
    except BlueSnapError as error:
        steps.end(tools, attempt.signup, origin, error, spent=False)
        raise told(error) from None
    try:
        new = _add(tools, attempt, replacement, before)
        if new != used:  # else the same card was typed again, which has refreshed its expiry
            _switch(tools, attempt, new, before)
    except Unknown as error:
        steps.lose(tools, attempt.signup, origin, cause=error.cause)
        return
    except BlueSnapError as error:
        steps.end(tools, attempt.signup, origin, error)
        raise (Refusal(Code.CARDS_ALIKE) if error is ALIKE else refusal(error)) from None
    steps.replaced(tools, attempt.signup, origin)
    if used is not None and used != new:
        discard(tools, attempt.shopper, [used])


def _add(tools: Tools, attempt: Attempt, replacement: Replacement, before: list[CardHint]) -> CardHint:
    """Vault the card that was typed; answers it. Raises BlueSnapError, ALIKE where it cannot be told which it is."""
    _keep(tools, attempt)
    shown = tools.bluesnap.add_card(
        attempt.shopper, payment_fields_token=attempt.token,
        three_d_secure_reference=replacement.three_d_secure, fraud_session_id=replacement.fraud_session,
    )  # fmt: skip
    after = shown if shown is not None else _read(lambda: tools.bluesnap.get_cards(attempt.shopper))
    new = typed(before, after)
    if new is None:
        raise ALIKE
    return new


def _switch(tools: Tools, attempt: Attempt, new: CardHint, before: list[CardHint]) -> None:
    """Charge the subscription to that card from now on; a read confirms it. Raises BlueSnapError."""
    _keep(tools, attempt)
    try:
        tools.bluesnap.update_subscription(attempt.subscription, card=new)
    except Unknown:
        log.info("card.switch_unknown", signup=attempt.signup.id)  # the read below may show that it happened
    except BlueSnapError:
        discard(tools, attempt.shopper, [new] if new not in before else [])
        raise
    if _read(lambda: tools.bluesnap.get_subscription_card(attempt.subscription)) != new:
        raise Unknown("not_confirmed")


def typed(before: list[CardHint], after: list[CardHint]) -> CardHint | None:
    """The card that came into a vault, by its brand and last four digits alone. None if that cannot be told for certain.

    No difference means that a stored card was typed again: which one is certain only where there is but one.
    """
    come = list((Counter(after) - Counter(before)).elements())
    if not come and len(before) == len(after) == 1:
        come = after
    if len(come) != 1 or not come[0].nameable or after.count(come[0]) > 1:
        return None
    return come[0]


def _read(read: Callable[[], T]) -> T:
    """A read without which nobody knows what was done. Raises Unknown."""
    try:
        return read()
    except BlueSnapError as error:
        raise Unknown(error.cause) from None


def _keep(tools: Tools, attempt: Attempt) -> None:
    """The next call may take long, and must not be made by one who has lost the attempt. Raises LostRaceError."""
    with tools.engine.begin() as connection:
        signups.keep(connection, attempt.signup, tools.settings.lease_seconds)
