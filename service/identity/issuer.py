"""Verifies a person's identity: a statement that the issuer has signed (OpenID Connect Core 1.0, section 3.1.3.7). Must never log, keep or repeat anything of it."""

from __future__ import annotations

import binascii
import hashlib
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import Key

from service.errors import Code, Refusal
from service.identity.fetching import Fetch
from service.identity.keys import TRIED_EVERY, IssuerKeys, UnavailableError

#: Signatures of key pairs alone. With a shared secret (HS256) whoever can verify could sign, and `none` is no signature (RFC 8725 section 3.1).
ALGORITHMS = ("RS256", "PS256", "ES256")
#: What an identity may call itself; other signed statements of the same issuer are none (RFC 8725 section 3.11).
_KINDS = frozenset({"jwt", "at+jwt"})
_LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2


@dataclass(frozen=True)
class Rules:
    """What an identity must say. Seconds: how far clocks may differ, and how long ago it may have been made."""

    issuer: str
    audience: str
    second_factors: Collection[str]
    leeway: int
    oldest: int


class Issuer:
    """The one issuer that this deployment believes. Safe to share between threads."""

    def __init__(self, rules: Rules, fetch: Fetch, clock: Callable[[], float] = time.time) -> None:
        """`clock` is that of this machine: an identity's times are real ones, also where business time is the simulator's."""
        self._rules, self._clock = rules, clock
        self._keys = IssuerKeys(rules.issuer, fetch)

    def verify(self, identity: str) -> bytes:
        """Who it is, as `digest_of` says it. Raises Refusal."""
        claims = self._signed(identity)
        if not self._has_second_factor(claims):
            raise Refusal(Code.SECOND_FACTOR_MISSING)
        return digest_of(self._rules.issuer, claims["sub"])

    def _signed(self, identity: str) -> dict[str, Any]:
        """What the issuer says, for us and for now. The library's errors quote it, so none is let out or chained."""
        try:
            claims = jwt.decode(identity, self._key(_header_of(identity)), algorithms=ALGORITHMS).claims
            self._check(claims)
        except ExpiredTokenError:
            raise Refusal(Code.IDENTITY_EXPIRED) from None
        except UnavailableError:
            raise Refusal(Code.IDENTITY_UNAVAILABLE, retry_after=int(TRIED_EVERY)) from None
        except (JoseError, ValueError, TypeError, RecursionError):
            raise Refusal(Code.IDENTITY_INVALID) from None
        return claims

    def _key(self, header: Mapping[str, Any]) -> Key:
        algorithm, name, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if algorithm not in ALGORITHMS or not isinstance(name, str) or str(kind).lower() not in _KINDS:
            raise ValueError
        key = self._keys.find(name)
        if key is None or key.get("alg", algorithm) != algorithm:
            raise ValueError
        return key

    def _check(self, claims: dict[str, Any]) -> None:
        rules, now = self._rules, int(self._clock())
        jwt.JWTClaimsRegistry(
            now=now,
            leeway=rules.leeway,
            iss={"essential": True, "value": rules.issuer},
            aud={"essential": True, "value": rules.audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        ).validate(claims)
        if len(claims["sub"]) > _LONGEST_SUBJECT or not claims["sub"].isascii():
            raise ValueError
        if claims["iat"] < now - rules.oldest - rules.leeway:
            raise ExpiredTokenError("iat")

    def _has_second_factor(self, claims: Mapping[str, Any]) -> bool:
        """By the class of authentication (`acr`) or the methods (`amr`, RFC 8176)."""
        methods = claims.get("amr")
        said = [claims.get("acr"), *(methods if isinstance(methods, list) else [])]
        return any(isinstance(word, str) and word in self._rules.second_factors for word in said)


def _header_of(identity: str) -> Mapping[str, Any]:
    """What the identity says of its signature, which proves nothing yet."""
    part = identity.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError from None
    if not isinstance(header, dict):
        raise TypeError
    return header


def digest_of(issuer: str, subject: str) -> bytes:
    """All that we keep of who somebody is at the issuer. The issuer's address holds no blank, so two pairs never look alike."""
    return hashlib.sha256(f"{issuer} {subject}".encode()).digest()
