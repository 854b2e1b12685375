"""Signs what the journal is at a number, and what was archived of the log (Ed25519, RFC 8032), with a key that the database does not hold. Reads no clock and no database."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.config import Settings
from service.store.models import Checkpoint

UNSIGNED = b""


def text_of(signature: bytes) -> str:
    """A signature as files have it: in base64. In hex one of 44 would hold what looks like a card number."""
    return base64.b64encode(signature).decode("ascii")


def signature_of(text: str) -> bytes:
    """And back. Raises ValueError."""
    return base64.b64decode(text, validate=True)


def statement(checkpoint: Checkpoint, environment: str) -> bytes:
    """The bytes that are signed: what is claimed, of which deployment, when and by which key."""
    at = checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds")
    claim = ("panless checkpoint", environment, checkpoint.number, checkpoint.hash.hex(), at, checkpoint.key_id)
    return "|".join(map(str, claim)).encode()


def public_of(private: Sequence[tuple[str, bytes]]) -> tuple[tuple[str, bytes], ...]:
    """The public halves, which an auditor may have."""
    return tuple(
        (key_id, Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()) for key_id, key in private
    )


@dataclass(frozen=True)
class Verifier:
    """Knows public keys alone, and goes to another process as it is."""

    environment: str
    keys: tuple[tuple[str, bytes], ...]

    def refuses(self, checkpoint: Checkpoint) -> str | None:
        """Why it is not believed; None if it is."""
        return self.disproves(checkpoint.key_id, checkpoint.signature, statement(checkpoint, self.environment))

    def doubts(self, key_id: str, signature: str, said: bytes) -> str | None:
        """The same of what is said of the log, its signature as text."""
        try:
            return self.disproves(key_id, signature_of(signature), self.of_log(said))
        except ValueError:
            return "its signature is not one"

    def of_log(self, said: bytes) -> bytes:
        """The bytes that are signed."""
        return f"panless log|{self.environment}|".encode() + said

    def knows(self, checkpoint: Checkpoint) -> bool:
        """Whether it can judge of it: a key that others sign with may not be known here yet."""
        return any(key_id == checkpoint.key_id for key_id, _ in self.keys)

    def disproves(self, key_id: str, signature: bytes, said: bytes) -> str | None:
        """Why a key has not said so; None if it has."""
        candidates = [key for known, key in self.keys if known == key_id]
        if not candidates:
            return f"no public key {key_id} is known here"
        if any(_fits(key, signature, said) for key in candidates):
            return None
        return f"its signature by key {key_id} is not one"


def _fits(key: bytes, signature: bytes, said: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, said)
    except InvalidSignature:
        return False
    return True


class Signer:
    """The newest key signs; all of them, and public keys of older ones, are believed."""

    def __init__(
        self, environment: str, private: Sequence[tuple[str, bytes]], public: Sequence[tuple[str, bytes]]
    ) -> None:
        self._newest = private[0] if private else None
        self.verifier = Verifier(environment, tuple(dict.fromkeys((*public_of(private), *public))))

    @property
    def can_sign(self) -> bool:
        """Whether there is a key to sign with."""
        return self._newest is not None

    def sign(self, number: int, digest: bytes, at: datetime) -> Checkpoint:
        """A checkpoint of the entry of that number and hash. Only where it can sign."""
        claim = Checkpoint(number=number, hash=digest, at=at, key_id=self.key_id, signature=UNSIGNED, state="signed")
        return replace(claim, signature=self.seal(statement(claim, self.verifier.environment)))

    @property
    def key_id(self) -> str:
        """Of the newest key. Only where it can sign."""
        return self._key[0]

    def seal(self, said: bytes) -> bytes:
        """The newest key's signature. Only where it can sign."""
        return Ed25519PrivateKey.from_private_bytes(self._key[1]).sign(said)

    def vouch(self, said: bytes) -> tuple[str, str]:
        """The newest key's id, and its signature of what is said of the log, as text. Only where it can sign."""
        return self.key_id, text_of(self.seal(self.verifier.of_log(said)))

    @property
    def _key(self) -> tuple[str, bytes]:
        assert self._newest is not None  # noqa: S101 - told to the type checker: callers ask can_sign
        return self._newest


def of(settings: Settings) -> Signer:
    """What signs, if it has a key, and knows whose signature to believe."""
    return Signer(settings.environment, settings.checkpoint_keys, settings.checkpoint_public_keys)
