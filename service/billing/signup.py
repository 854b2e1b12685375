"""Complete a paid signup in named steps: claim, vault the shopper, subscribe. Network outside, transactions inside, never the first within the second."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection

from service.billing import checkout, limits, steps
from service.billing.outcomes import refusal
from service.billing.subscribe import subscribe
from service.billing.tools import Tools
from service.bluesnap.payloads import Payer
from service.errors import BlueSnapError, Code, Refusal, Unknown
from service.store import accounts, changes, signups
from service.store.changes import LostRaceError
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import CheckoutSession, Signup, Subscription


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
    return _answer(tools, session_id)


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
    except Unknown as error:
        return steps.lose(tools, signup, origin, cause=error.cause)
    except BlueSnapError as error:
        steps.end(tools, signup, origin, error)
        raise
    return steps.request_subscription(tools, signup, origin, shopper_id=shopper.shopper_id)


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
        address = session.address or limits.address_digest(tools.keyring, completion.address)
        limits.check_attempt(connection, tools, session, address=address, now=now)
        token = tools.keyring.unseal(session.fields_sealed, session.id) if session.fields_sealed else None
        if token is None:
            raise Refusal(Code.PAYMENT_FIELDS_TOKEN_EXPIRED)
        return _claim(connection, tools, session, origin, completion=completion, address=address), token


def _claim(
    connection: Connection,
    tools: Tools,
    session: CheckoutSession,
    origin: Origin,
    *,
    completion: Completion,
    address: bytes | None,
) -> Signup:
    now = tools.clock()
    claim = Subscription(
        id=new_id("sub"), account=session.account, plan=session.plan, plan_version=session.plan_version,
        members=session.members, amount=session.amount, currency=session.currency, status="incomplete",
        provider_subscription=None, provider_shopper=None, next_charge_on=None, paid_until=None, renews=True, ended_at=None,
        look_at=None, looked=0, pending_change=None, pending_until=None, version=1, created_at=now,
    )  # fmt: skip
    changes.add(connection, claim, Act.SUBSCRIPTION_CLAIMED, origin)
    signup = Signup(
        id=new_id("su"), session_id=session.id, account=session.account, subscription_id=claim.id,
        state="shopper_requested", provider_shopper=None, shopper_key=uuid.uuid4(), subscription_key=uuid.uuid4(),
        fraud_session=completion.fraud_session, three_d_secure=completion.three_d_secure, address=address, cause=None,
        looked=0, fence=1, lease_until=signups.lease_end(connection, tools.settings.lease_seconds),
        called_at=signups.lease_end(connection, 0), created_at=now,
    )  # fmt: skip
    changes.add(connection, signup, Act.SHOPPER_REQUESTED, origin)
    changes.change(connection, session, Act.SESSION_CONFIRMING, origin, state="confirming")
    return signup


def _answer(tools: Tools, session_id: str) -> Subscription | None:
    """What is true now: the subscription, None while confirming, or the Refusal that the session has come to."""
    session = checkout.read_session(tools, session_id).session
    with tools.engine.connect() as connection:
        if session.state == "complete" and session.subscription_id is not None:
            return accounts.subscription(connection, session.subscription_id)
        if session.state == "confirming":
            return None
        checkout.check_open(connection, tools, session)
    raise Refusal(Code.BLUESNAP_FAILED, retry_after=10)
