"""Open a checkout session, hand it fresh payment fields, read it. A payment-fields token is sealed while the session is open, and never journaled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from service.billing.buying import limits
from service.billing.catalogue import Terms
from service.billing.outcomes import refusal
from service.billing.tools import Tools
from service.errors import BlueSnapError, Code, Declined, FieldError, FieldsRefused, Refusal, Rejected
from service.store import accounts, changes, signups
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import CheckoutSession, Subscription
from service.telemetry import metrics

SUBSCRIBE = "subscribe"
REPLACE_CARD = "replace_card"
#: What a session may be for. A client secret is bound to it.
PURPOSES = (SUBSCRIBE, REPLACE_CARD)


@dataclass(frozen=True)
class Order:
    """What somebody wants, for whom: a plan for so many members, or with neither of them another card for the plan that there is.

    `client_address` is the payer's, as the platform saw it; `three_d_secure` demands a passed challenge of every attempt.
    """

    account: str
    plan: str | None = None
    members: int | None = None
    client_address: str | None = None
    three_d_secure: bool = False

    @property
    def purpose(self) -> str:
        """What the session is for."""
        return REPLACE_CARD if self.plan is None else SUBSCRIBE


@dataclass(frozen=True)
class SessionView:
    """A session as its caller may see it. `fields_token` is there only while the session is open."""

    session: CheckoutSession
    status: str
    fields_token: str | None


def status_at(session: CheckoutSession, now: datetime) -> str:
    """open, confirming, complete, expired or failed. A session whose outcome is unknown cannot expire."""
    return "expired" if session.state == "open" and now >= session.expires_at else session.state


def view(tools: Tools, session: CheckoutSession) -> SessionView:
    """The session with its opened token, if it is open and has one."""
    status = status_at(session, tools.clock())
    sealed = session.fields_sealed if status == "open" else None
    return SessionView(session, status, tools.keyring.unseal(sealed, session.id) if sealed else None)


def refuse_if_claimed(existing: Subscription | None) -> None:
    """One purchase per account: raises Refusal if there is a live or an undecided one."""
    if existing is not None:
        raise Refusal(Code.SIGNUP_UNDECIDED if existing.status == "incomplete" else Code.SUBSCRIPTION_EXISTS)


def open_session(tools: Tools, origin: Origin, order: Order) -> SessionView:
    """Obtain a payment-fields token and open a session for it. Raises Refusal."""
    terms = terms_for_sale(tools, order.plan, order.members) if order.plan is not None else None
    addresses = limits.address_digests(tools.keyring, order.client_address)
    now = tools.clock()
    with tools.engine.begin() as connection:
        _check_fits(connection, order)
        limits.check_new_session(connection, tools, addresses, now)
    token = _fresh_token(tools)
    session_id = new_id("cs")
    session = CheckoutSession(
        id=session_id, account=order.account, purpose=order.purpose, **(vars(terms) if terms is not None else {}),
        three_d_secure_required=order.three_d_secure or tools.settings.three_d_secure == "always", state="open",
        fields_sealed=tools.keyring.seal(token, session_id), fields_expire_at=now + timedelta(minutes=tools.settings.fields_minutes), renewals=0,
        address=next(iter(addresses), None), created_at=now, expires_at=now + timedelta(minutes=tools.settings.session_minutes), key_id=tools.keyring.newest,
    )  # fmt: skip
    with tools.engine.begin() as connection:
        accounts.lock(connection, order.account, now)
        limits.check_new_session(connection, tools, addresses, now)  # again: others may have opened theirs meanwhile
        changes.add(connection, session, Act.SESSION_OPENED, origin)
    metrics.SESSIONS.labels(event="opened").inc()
    return SessionView(session, "open", token)


def terms_for_sale(tools: Tools, plan: str, members: int | None) -> Terms:
    """What so many members of a plan cost today. Raises Refusal: plan_unknown, members_out_of_range."""
    for_sale = tools.catalogue.for_sale(plan)
    if members is None or not 1 <= members <= tools.settings.max_members:
        raise Refusal(Code.MEMBERS_OUT_OF_RANGE, errors=(FieldError("/members", Code.MEMBERS_OUT_OF_RANGE),))
    return for_sale.terms(members)


def terms_of(session: CheckoutSession) -> Terms:
    """What a session sells. Raises LookupError for one that sells nothing."""
    plan, version, members = session.plan, session.plan_version, session.members
    amount, currency = session.amount, session.currency
    if plan is None or version is None or members is None or amount is None or currency is None:
        raise LookupError
    return Terms(plan, version, members, amount, currency)


def card_holder(connection: Connection, account: str) -> Subscription:
    """The live subscription whose card can be replaced. Raises Refusal: subscription_not_found."""
    subscription = accounts.claiming_subscription(connection, account)
    if subscription is None or subscription.provider_subscription is None or subscription.provider_shopper is None:
        raise Refusal(Code.SUBSCRIPTION_NOT_FOUND)
    return subscription


def _check_fits(connection: Connection, order: Order) -> None:
    """Raises the Refusal that says why this account has no use for such a session."""
    if order.purpose == REPLACE_CARD:
        card_holder(connection, order.account)
    else:
        refuse_if_claimed(accounts.claiming_subscription(connection, order.account))


def renew_fields(tools: Tools, origin: Origin, session_id: str) -> SessionView:
    """A fresh payment-fields token for an open session whose own is expired or spent. Raises Refusal."""
    with tools.engine.begin() as connection:
        _check_renewable(connection, tools, session_id)
    token = _fresh_token(tools)
    with tools.engine.begin() as connection:
        session = _check_renewable(connection, tools, session_id)
        session = changes.change(
            connection,
            session,
            Act.SESSION_RENEWED,
            origin,
            fields_sealed=tools.keyring.seal(token, session_id),
            fields_expire_at=tools.clock() + timedelta(minutes=tools.settings.fields_minutes),
            renewals=session.renewals + 1,
        )
    metrics.SESSIONS.labels(event="renewed").inc()
    return SessionView(session, "open", token)


def read_session(tools: Tools, session_id: str) -> SessionView:
    """The session as it is now. Raises Refusal: session_not_found."""
    with tools.engine.connect() as connection:
        session = accounts.session(connection, session_id)
    if session is None:
        raise Refusal(Code.SESSION_NOT_FOUND)
    return view(tools, session)


def check_open(connection: Connection, tools: Tools, session: CheckoutSession) -> None:
    """Raises the Refusal that says why this session takes no card."""
    status = status_at(session, tools.clock())
    if status == "failed" and signups.tried(connection, session_id=session.id) >= tools.settings.attempts_per_session:
        raise Refusal(Code.TOO_MANY_ATTEMPTS)
    reasons = {
        "confirming": Code.SIGNUP_UNDECIDED,
        "complete": Code.SESSION_COMPLETE,
        "expired": Code.SESSION_EXPIRED,
        "failed": Code.SESSION_FAILED,
    }
    if status in reasons:
        raise Refusal(reasons[status])


def draw_fields(
    connection: Connection, tools: Tools, session: CheckoutSession, *, three_d_secure: str | None, client_address: str | None
) -> tuple[str, bytes | None]:  # fmt: skip
    """The payment-fields token for one card attempt, and the address that it counts for. Call with the account and the session held. Raises Refusal."""
    if session.three_d_secure_required and three_d_secure is None:
        missing = FieldError("/three_d_secure_reference", Code.THREE_D_SECURE_REQUIRED)
        raise Refusal(Code.THREE_D_SECURE_REQUIRED, errors=(missing,))
    addresses = [session.address] if session.address else limits.address_digests(tools.keyring, client_address)
    limits.check_attempt(
        connection, tools, session.account, session_id=session.id, addresses=addresses, now=tools.clock()
    )
    token = tools.keyring.unseal(session.fields_sealed, session.id) if session.fields_sealed else None
    if token is None:
        raise Refusal(Code.PAYMENT_FIELDS_TOKEN_EXPIRED)
    return token, next(iter(addresses), None)


def outcome(tools: Tools, session_id: str) -> Subscription | None:
    """What has become of a session's attempt: its subscription, None while confirming, or the Refusal that it has come to."""
    session = read_session(tools, session_id).session
    with tools.engine.connect() as connection:
        if session.state == "complete" and session.subscription_id is not None:
            return accounts.subscription(connection, session.subscription_id)
        if session.state == "confirming":
            return None
        check_open(connection, tools, session)
    raise Refusal(Code.BLUESNAP_FAILED, retry_after=10)


def _locked(connection: Connection, session_id: str) -> CheckoutSession:
    session = accounts.session(connection, session_id, lock_row=True)
    if session is None:
        raise Refusal(Code.SESSION_NOT_FOUND)
    return session


def _check_renewable(connection: Connection, tools: Tools, session_id: str) -> CheckoutSession:
    session = _locked(connection, session_id)
    check_open(connection, tools, session)
    if session.renewals >= tools.settings.renewals_per_session:
        metrics.LIMITS_HIT.labels(limit="renewals_per_session").inc()
        raise Refusal(Code.TOO_MANY_ATTEMPTS)
    return session


def _fresh_token(tools: Tools) -> str:
    """A call without effect on anybody's money, so every way it can end is plainly told. No card is in it that could be refused."""
    try:
        return tools.bluesnap.create_payment_fields_token()
    except (Declined, FieldsRefused, Rejected):
        raise Refusal(Code.BLUESNAP_FAILED) from None
    except BlueSnapError as error:
        raise refusal(error) from None
