"""What the issuer signs, and with which keys. Keys are made at the start, live in memory, and are published as long as it runs."""

from __future__ import annotations

import threading
import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

#: The made-up people: two of support, and an auditor. Their names are their subjects.
PEOPLE = {"mira": "support", "noor": "support", "otto": "auditor"}
AUDIENCE = "panless"
LIFE_SECONDS = 3_600
ALGORITHM = "ES256"


class Signer:
    """Signs for an issuer of this address. Safe to share between threads."""

    def __init__(self, address: str) -> None:
        self._address, self._keys, self._lock = address, [_new_key(1)], threading.Lock()

    def identity(self, person: str, *, second_factor: bool = True) -> str:
        """A person's identity, good for an hour from now on."""
        now = int(time.time())
        claims = {
            "iss": self._address,
            "aud": AUDIENCE,
            "sub": person,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "amr": ["pwd", "otp", "mfa"] if second_factor else ["pwd"],
        }
        key = self._keys[-1]
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])

    def rotate(self) -> int:
        """Sign with a new key from now on; the ones before stay published. Answers how many there are."""
        with self._lock:
            self._keys.append(_new_key(len(self._keys) + 1))
            return len(self._keys)

    def description(self) -> dict[str, Any]:
        """What OpenID Connect Discovery 1.0 wants to know, as far as it is there: there is no sign-in."""
        return {
            "issuer": self._address,
            "jwks_uri": f"{self._address}/keys",
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
        }

    def published(self) -> dict[str, Any]:
        """The public halves of its keys."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}


def _new_key(number: int) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": f"{int(time.time())}-{number}", "use": "sig", "alg": ALGORITHM})
