"""The keys with which the issuer signs, as it publishes them: fetched when they are needed, kept for minutes, and asked for anew when an unknown one is used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from service.identity.fetching import Fetch, UnfetchedError
from service.telemetry import metrics

DISCOVERY = "/.well-known/openid-configuration"
#: Seconds. Keys younger than FRESH are used without a question; older than OLDEST they are believed no more, though the issuer is away.
FRESH, OLDEST = 300.0, 3_600.0
#: Seconds from one question to the next: while keys are there, and while there are none.
ASKED_EVERY, TRIED_EVERY = 60.0, 5.0
#: How long a request waits for the question of another one.
_WAIT = 6.0
_MOST_KEYS = 100
_SMALLEST_RSA = 2048
log = structlog.get_logger()


class UnavailableError(Exception):
    """The issuer's keys cannot be had now, so nobody can say whether an identity is good."""


@dataclass(frozen=True)
class _Held:
    keys: Mapping[str, Key] = field(default_factory=dict)
    since: float | None = None

    def age(self, now: float) -> float:
        return now - self.since if self.since is not None else inf


class IssuerKeys:
    """The keys of one issuer. Safe to share between threads: one of them asks, the others go on with what is there, or wait."""

    def __init__(self, issuer: str, fetch: Fetch, clock: Callable[[], float] = monotonic) -> None:
        self._issuer, self._fetch, self._clock = issuer, fetch, clock
        self._held = _Held()
        self._asked: dict[str, float] = {}
        self._failed = False
        self._asking = threading.Lock()

    def find(self, name: str) -> Key | None:
        """The key of this name; None if the issuer has none such, as far as it may be asked. Raises UnavailableError."""
        held, now = self._held, self._clock()
        if name in held.keys and held.age(now) <= FRESH:
            return held.keys[name]
        usable = name in held.keys and held.age(now) <= OLDEST
        if self._asking.acquire(blocking=not usable, timeout=-1 if usable else _WAIT):
            try:
                self._renew(name)
            finally:
                self._asking.release()
        held = self._held
        if held.age(self._clock()) > OLDEST or (self._failed and name not in held.keys):
            raise UnavailableError
        return held.keys.get(name)

    def _renew(self, name: str) -> None:
        """Ask the issuer, unless it has been asked a moment ago: strangers with made-up key names must not make us a burden for it."""
        now, held = self._clock(), self._held
        if name in held.keys and held.age(now) <= FRESH:  # another thread has asked meanwhile
            return
        why = "unknown" if held.age(now) <= FRESH else "stale" if held.age(now) <= OLDEST else "none"
        if now - self._asked.get(why, -inf) < (TRIED_EVERY if why == "none" else ASKED_EVERY):
            return
        self._asked[why] = now
        try:
            self._held = _Held(_read_keys(self._published()), now)
        except (UnfetchedError, JoseError, ValueError, TypeError, KeyError):  # their texts quote what was fetched
            self._failed = True
            log.warning("identity.keys_unavailable")
        else:
            self._failed = False
        metrics.ISSUER_ASKED.labels(outcome="failed" if self._failed else "answered").inc()

    def _published(self) -> Any:
        """The issuer's key set, where its own description says that it is (OpenID Connect Discovery 1.0, section 4.3)."""
        described = self._fetch(self._issuer.rstrip("/") + DISCOVERY)
        where = described["jwks_uri"]
        if described["issuer"] != self._issuer or not isinstance(where, str):
            raise ValueError
        return self._fetch(where)["keys"]


def _read_keys(published: Any) -> dict[str, Key]:
    """The public keys that may verify, by name. What is for other uses, of another kind or too short is left out (RFC 7517 section 5)."""
    if not isinstance(published, list) or len(published) > _MOST_KEYS:
        raise ValueError
    return {item["kid"]: JWKRegistry.import_key(item) for item in published if _may_verify(item)}


def _may_verify(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("kid"), str) or item.get("use", "sig") != "sig":
        return False
    return item.get("kty") == "EC" or (item.get("kty") == "RSA" and len(item["n"]) * 6 >= _SMALLEST_RSA)
