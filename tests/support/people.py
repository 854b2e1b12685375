"""People in tests: an issuer within this process, the identities that it signs, and staff whom the service knows."""

from __future__ import annotations

import time
from dataclasses import dataclass

from joserfc import jwt
from joserfc.jwk import ECKey

from service.identity.fetching import UnfetchedError
from service.identity.issuer import Issuer, Rules, digest_of
from service.identity.keys import DISCOVERY
from service.store import database, people
from service.store.journal import Origin

AUDIENCE = "panless"
LEEWAY, OLDEST = 30, 3_600


def new_key(name):
    return ECKey.generate_key("P-256", {"kid": name, "use": "sig", "alg": "ES256"})


class TheirIssuer:
    """The other side: it publishes `keys`, signs with the last of them, and publishes what else is in `published`. `asked` are the addresses that were fetched; `away`: nobody answers."""

    url = "https://issuer.example/staff"

    def __init__(self):
        self.keys, self.published, self.asked, self.away = [new_key("first")], [], [], False

    def rotate(self, name):
        """Publish a new key beside the old ones, and sign with it from now on."""
        self.keys.append(new_key(name))

    def fetch(self, url):
        self.asked.append(url)
        if self.away:
            raise UnfetchedError
        if url == self.url + DISCOVERY:
            return {"issuer": self.url, "jwks_uri": self.url + "/keys"}
        return {"keys": [key.as_dict(private=False) for key in self.keys] + self.published}

    def claims(self, subject, **changed):
        """What an identity of now with a second factor says; a claim that is None is left out."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 300, "amr": ["pwd", "mfa"]}
        return {name: value for name, value in {**usual, **changed}.items() if value is not None}

    def identity(self, subject, *, header=(), key=None, **changed):
        """The signed identity of a subject; claims by name change or add to the usual ones."""
        used = key or self.keys[-1]
        head = {"alg": "ES256", "kid": used.kid, **dict(header)}
        return jwt.encode(head, self.claims(subject, **changed), used, algorithms=[head["alg"]])

    def ours(self, **options):
        """The service's side of it, as wiring builds it but for the way there."""
        rules = Rules(issuer=self.url, audience=AUDIENCE, second_factors=("mfa",), leeway=LEEWAY, oldest=OLDEST)
        return Issuer(rules, self.fetch, **options)


@dataclass(frozen=True)
class Staff:
    """A person whom the service knows: our id of them, their subject at the issuer, and an identity that is good for five minutes."""

    id: str
    subject: str
    identity: str


def add_person(engine, issuer, subject, *scopes, environment="simulator"):
    """Make a person known with these scopes, as an operator does."""
    with engine.begin() as connection:
        made = people.add(
            connection,
            identity=digest_of(issuer.url, subject),
            scopes=scopes,
            environment=environment,
            now=database.now(connection),
            origin=Origin("operator"),
        )
    return Staff(made.id, subject, issuer.identity(subject))


def leave(engine, staff):
    """The person leaves."""
    with engine.begin() as connection:
        assert people.leave(connection, staff.id, now=database.now(connection), origin=Origin("operator"))
