"""Our secrets' house: seals what must be read again, derives what need not be kept, and fingerprints what must only be compared.

Every use has a key of its own, derived by HKDF-SHA256 (RFC 5869). Several master keys may be valid at once; the first one makes, all of them check.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.cardguard import formats

NONCE = 12
KEY_ID = 8


def _derive(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"panless/" + purpose.encode()).derive(master)


def digest(secret: str) -> bytes:
    """SHA-256 of a secret of 256 random bits: there is nothing to guess, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()


class Keyring:
    """Made once from PANLESS_SECRET_KEYS: `(key id, 32 bytes)`, newest first."""

    def __init__(self, masters: Sequence[tuple[str, bytes]]) -> None:
        self.newest = masters[0][0]
        self._seal = {key_id: AESGCM(_derive(key, "seal")) for key_id, key in masters}
        self._secrets = {key_id: _derive(key, "client-secret") for key_id, key in masters}
        self._prints = [_derive(key, "fingerprint") for _, key in masters]

    def seal(self, text: str, context: str) -> bytes:
        """Encrypt with AES-256-GCM; only the same context opens it again. Layout: key id (8 bytes), nonce (12), ciphertext and tag."""
        nonce = os.urandom(NONCE)
        head = self.newest.encode().ljust(KEY_ID)
        return head + nonce + self._seal[self.newest].encrypt(nonce, text.encode(), context.encode())

    def unseal(self, sealed: bytes, context: str) -> str | None:
        """The text, or None if no key of ours opens it."""
        cipher = self._seal.get(sealed[:KEY_ID].decode("ascii", "replace").strip())
        nonce = sealed[KEY_ID : KEY_ID + NONCE]
        if cipher is None:
            return None
        try:
            return cipher.decrypt(nonce, sealed[KEY_ID + NONCE :], context.encode()).decode()
        except InvalidTag:
            return None

    def client_secret(self, session_id: str, purpose: str, key_id: str | None = None) -> str:
        """The secret of a session, bound to its purpose: derived, so that no row and no kept answer holds it.

        By the key that it was first derived by, so that a session has one secret for as long as that key is ours; by the newest if it is not known.
        """
        key = self._secrets.get(key_id or self.newest, self._secrets[self.newest])
        return f"pcs_{session_id.partition('_')[2]}_{self._mac(key, session_id, purpose)}"

    def is_client_secret(self, secret: str, purpose: str) -> bool:
        """Whether the secret is one that we made, for the session that it names and for this purpose."""
        session_id = session_of(secret)
        given = secret.rpartition("_")[2] if session_id is None else secret[len("pcs_") + formats.ID_LENGTH + 1 :]
        return session_id is not None and any(
            hmac.compare_digest(given, self._mac(key, session_id, purpose)) for key in self._secrets.values()
        )

    def fingerprints(self, data: bytes) -> list[bytes]:
        """Keyed digests of `data`, by the newest key first: store the first, compare with any."""
        return [hmac.digest(key, data, "sha256") for key in self._prints]

    @staticmethod
    def _mac(key: bytes, session_id: str, purpose: str) -> str:
        raw = hmac.digest(key, f"{session_id}|{purpose}".encode(), "sha256")
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def session_of(secret: str) -> str | None:
    """The id of the session that a well-formed client secret names, which proves nothing yet."""
    if not formats.matches(formats.CLIENT_SECRET, secret):
        return None
    return "cs_" + secret[len("pcs_") : len("pcs_") + formats.ID_LENGTH]
