"""The locks on the doors. Every operation names one; the open one says so. A lock answers who is asking, or refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from flask import Request, g

from service.billing.buying import checkout
from service.billing.tools import Tools
from service.bluesnap import signature
from service.cardguard import formats
from service.errors import Code, Refusal
from service.store import accounts, keys, people
from service.store.keyring import session_of
from service.store.models import CheckoutSession
from service.telemetry import metrics
from service.web.bodies import read_bytes


@dataclass(frozen=True)
class Caller:
    """Who is asking: `key`, `session`, `person`, `bluesnap` or `nobody`, with our id of it."""

    kind: str
    id: str = ""
    #: Of a person: all that this one may do.
    scopes: frozenset[str] = frozenset()

    @property
    def actor(self) -> str:
        """The caller as the journal writes it."""
        return f"{self.kind}:{self.id}" if self.id else self.kind


class Lock(Protocol):
    """`schemes` are the security schemes of the API's description; none for the open lock."""

    schemes: tuple[str, ...]

    def open(self, request: Request, tools: Tools, args: Mapping[str, str]) -> Caller:
        """Say who is asking, or raise Refusal."""


class NoLock:
    """Explicitly open: nothing private is behind it."""

    schemes: tuple[str, ...] = ()

    def open(self, request: Request, tools: Tools, args: Mapping[str, str]) -> Caller:  # noqa: ARG002
        """Anybody."""
        return Caller("nobody")


def _bearer(request: Request) -> str:
    """The credentials of RFC 6750, of which exactly one header field may be there."""
    given = request.headers.getlist("Authorization")
    if not given:
        raise Refusal(Code.CREDENTIALS_MISSING)
    scheme, _, secret = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer":
        raise Refusal(Code.CREDENTIALS_MALFORMED)
    return secret.strip()


class ApiKey:
    """A platform's key with a scope."""

    schemes = ("api_key",)

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def open(self, request: Request, tools: Tools, args: Mapping[str, str]) -> Caller:  # noqa: ARG002
        """Refuses an unknown key, one of another environment, a revoked one, one that is over, and one without the scope, each by its own code."""
        secret = _bearer(request)
        if not formats.matches(formats.API_KEY, secret):
            raise Refusal(Code.CREDENTIALS_MALFORMED)
        with tools.engine.connect() as connection:
            found = keys.find(connection, secret)
            if found is None or found.key.environment != tools.settings.environment:
                raise Refusal(Code.KEY_UNKNOWN)
            g.refused_key = found.key.id  # a refused key is no caller; the request's line says which it was
            if found.key.revoked_at is not None:
                raise Refusal(Code.KEY_REVOKED)
            if found.ended:
                raise Refusal(Code.KEY_ENDED)
            if self.scope not in keys.scopes_of(connection, found.key.id):
                raise Refusal(Code.SCOPE_MISSING)
        g.refused_key = None
        return Caller("key", found.key.id)


class ClientSecret:
    """The session's own secret, in the hands of its page."""

    schemes = ("client_secret",)

    def open(self, request: Request, tools: Tools, args: Mapping[str, str]) -> Caller:
        """Refuses a secret that we did not make, one of another session or of another purpose, and one that is dead."""
        secret = _bearer(request)
        named = session_of(secret)
        if named is None:
            raise Refusal(Code.CREDENTIALS_MALFORMED)
        purpose = next((one for one in checkout.PURPOSES if tools.keyring.is_client_secret(secret, one)), None)
        if purpose is None:
            raise Refusal(Code.CLIENT_SECRET_WRONG)
        if named != args["session_id"]:
            raise Refusal(Code.SESSION_FOREIGN)
        with tools.engine.connect() as connection:
            session = accounts.session(connection, named)
        if session is None:
            raise Refusal(Code.SESSION_NOT_FOUND)
        if session.purpose != purpose:
            raise Refusal(Code.CLIENT_SECRET_WRONG)
        if _is_over(tools, session):
            raise Refusal(Code.CLIENT_SECRET_EXPIRED)
        return Caller("session", session.id)


def _is_over(tools: Tools, session: CheckoutSession) -> bool:
    """A secret dies some minutes after its session's final state."""
    now = tools.clock()
    end = session.ended_at or (session.expires_at if checkout.status_at(session, now) == "expired" else None)
    return end is not None and now > end + timedelta(seconds=tools.settings.client_secret_grace_seconds)


class Person:
    """Somebody of the staff, or an auditor, with a scope, or with one of several. People are no keys: each comes with an identity of their own."""

    schemes = ("identity",)

    def __init__(self, scope: str, *others: str) -> None:
        self.scope, self.scopes = scope, {scope, *others}

    def open(self, request: Request, tools: Tools, args: Mapping[str, str]) -> Caller:  # noqa: ARG002
        """Refuses a bad identity, whom we do not know, who has left, and who lacks the scope, each by its own code."""
        identity = _bearer(request)
        if not formats.matches(formats.IDENTITY, identity):
            raise Refusal(Code.CREDENTIALS_MALFORMED)
        if tools.issuer is None:
            raise Refusal(Code.IDENTITY_INVALID)
        who = tools.issuer.verify(identity)
        with tools.engine.connect() as connection:
            person = people.find(connection, who)
            if person is None or person.environment != tools.settings.environment:
                raise Refusal(Code.PERSON_UNKNOWN)
            if person.left_at is not None:
                raise Refusal(Code.PERSON_LEFT)
            scopes = people.scopes_of(connection, person.id)
            if scopes.isdisjoint(self.scopes):
                raise Refusal(Code.SCOPE_MISSING)
        return Caller("person", person.id, scopes)


class SecretOrKey:
    """Either of the two, told apart by their prefix."""

    schemes = ("client_secret", "api_key")

    def __init__(self, scope: str) -> None:
        self._key, self._secret = ApiKey(scope), ClientSecret()

    def open(self, request: Request, tools: Tools, args: Mapping[str, str]) -> Caller:
        """As the lock that the credentials are for."""
        lock = self._key if _bearer(request).startswith("pk_") else self._secret
        return lock.open(request, tools, args)


class Signature:
    """BlueSnap's HMAC over the raw bytes (bluesnap/webhooks.md section 2.1). One constant refusal, whatever is wrong."""

    schemes = ("bluesnap_signature",)

    def open(self, request: Request, tools: Tools, args: Mapping[str, str]) -> Caller:  # noqa: ARG002
        """Verify before anything is parsed."""
        request.max_content_length = tools.settings.max_notice_bytes
        stamp, given = request.headers.get("bls-ipn-timestamp"), request.headers.get("bls-signature")
        if not signature.verify(tools.settings.webhook_keys, stamp, given, read_bytes(request)):
            metrics.NOTICES_REFUSED.inc()
            raise Refusal(Code.SIGNATURE_INVALID)
        return Caller("bluesnap")
