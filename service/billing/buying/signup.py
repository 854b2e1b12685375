"""Complete a paid signup in named steps: claim, vault the shopper, subscribe. Network outside, transactions inside, never the first within the second."""

from __future__ import annotations

from dataclasses import dataclass

from service.billing.buying import checkout, doubts, steps
from service.billing.buying.subscribe import subscribe
from service.billing.outcomes import refusal
from service.billing.tools import Tools
from service.bluesnap.payloads import Payer
from service.errors import BlueSnapError, Unknown
from service.store import accounts, changes
from service.store.changes import LostRaceError
from service.store.journal import Act, Origin
from service.store.models import Signup, Subscription


@dataclass(frozen=True)
class Completion:
    """What the page sends. The payer is passed on to BlueSnap and kept nowhere; `address` is known from a trusted proxy only."""

    payer: Payer
    three_d_secure: str | None = None
    fraud_session: str | None = None
    address: str | None = None


def complete(tools: Tools, origin: Origin, session_id: str, completion: Completion) -> Subscription | None:
    """Buy. The subscription, or None while the outcome is unknown (the session is *confirming*). Raises Refusal.

    A second call for the same session never reaches BlueSnap: it is answered with the state of the first.
    """
    begun = _begin(tools, origin, session_id, completion)
    if begun is not None:
        signup, token = begun
        try:
            signup = vault(tools, origin, signup, token=token, completion=completion)
            if signup.state == "subscription_requested":
                subscribe(tools, origin, signup)
        except BlueSnapError as error:
            raise refusal(error) from None
        except LostRaceError:
            pass  # the worker took this signup over; what it knows by now is the answer
    return checkout.outcome(tools, session_id)


def vault(tools: Tools, origin: Origin, signup: Signup, *, token: str, completion: Completion) -> Signup:
    """Vault the shopper under this attempt's id, which is never used again. Moves no money. Raises BlueSnapError if the attempt is over."""
    try:
        shopper = tools.bluesnap.create_shopper(
            payment_fields_token=token,
            merchant_shopper_id=signup.id,
            payer=completion.payer,
            three_d_secure_reference=completion.three_d_secure,
            fraud_session_id=completion.fraud_session,
            idempotency_key=str(signup.shopper_key),
        )
        own = doubts.own_shopper(tools, signup, shopper)
    except Unknown as error:
        doubts.count(error)
        return steps.lose(tools, signup, origin, cause=error.cause)
    except BlueSnapError as error:
        steps.end(tools, signup, origin, error)
        raise
    return steps.request_subscription(tools, signup, origin, shopper_id=own.shopper_id)


def _begin(tools: Tools, origin: Origin, session_id: str, completion: Completion) -> tuple[Signup, str] | None:
    """Claim the account and commit the intent. None if this session's attempt is under way or done already. Raises Refusal."""
    now = tools.clock()
    known = checkout.read_session(tools, session_id).session
    with tools.engine.begin() as connection:
        accounts.lock(connection, known.account, now)
        session = accounts.session(connection, session_id, lock_row=True) or known
        if session.state in {"confirming", "complete"}:
            return None
        checkout.check_open(connection, tools, session)
        checkout.refuse_if_claimed(accounts.claiming_subscription(connection, session.account))
        token, address = checkout.draw_fields(
            connection, tools, session, three_d_secure=completion.three_d_secure, client_address=completion.address
        )
        claimed = steps.claim(connection, session.account, checkout.terms_of(session), origin, now=now)
        signup = steps.begin(
            connection, tools, claimed, origin, state="shopper_requested", act=Act.SHOPPER_REQUESTED, session_id=session.id,
            fraud_session=completion.fraud_session, three_d_secure=completion.three_d_secure, address=address,
        )  # fmt: skip
        changes.change(connection, session, Act.SESSION_CONFIRMING, origin, state="confirming")
        return signup, token
