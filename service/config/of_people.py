"""The settings by which people are known: their issuer, and the logins of the database that are nobody's own."""

from __future__ import annotations

from dataclasses import dataclass

from service.config import parsers
from service.config.declaring import one


@dataclass(frozen=True)
class OfPeople:
    """A part of all settings (declarations.py)."""

    oidc_issuer: str | None = one(
        "OIDC_ISSUER",
        parsers.issuer,
        "issuer of people's identities (OpenID Connect), exactly as it names itself; none: nobody comes in as a person",
        None,
    )
    oidc_audience: str = one("OIDC_AUDIENCE", parsers.text, "our name at the issuer, as its `aud` says it", "panless")
    oidc_second_factor: tuple[str, ...] = one(
        "OIDC_SECOND_FACTOR",
        parsers.list_(parsers.text),
        "values of `acr` or `amr` by which the issuer says that there was a second factor, by commas",
        ("mfa",),
    )
    oidc_leeway_seconds: int = one(
        "OIDC_LEEWAY_SECONDS", parsers.integer(0, 300), "that the issuer's clock and ours may differ", 30
    )
    oidc_age_seconds: int = one(
        "OIDC_AGE_SECONDS", parsers.integer(60, 86_400), "for which an identity is taken after it was issued", 3_600
    )
    shared_logins: tuple[str, ...] = one(
        "SHARED_LOGINS",
        parsers.list_(parsers.text),
        "logins of the database that parts of the service share, by commas; an operator who comes with another one acts under its name",
        ("postgres", "panless"),
    )
