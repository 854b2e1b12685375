"""Settings of what proves the journal and outlives a recovery: the archive, keys of checkpoints and of erasures."""

from __future__ import annotations

from dataclasses import dataclass

from service.config import parsers
from service.config.declaring import one


@dataclass(frozen=True)
class OfProof:
    """A part of all settings (declarations.py)."""

    archive_url: str | None = one(
        "ARCHIVE_URL",
        parsers.archive,
        "folder off this host, s3://… or gs://…, for logs and checkpoints; none: nothing is archived",
        None,
    )
    checkpoint_keys: tuple[tuple[str, bytes], ...] = one(
        "CHECKPOINT_KEYS",
        parsers.list_(parsers.checkpoint_key),
        "keyid:base64 of 32 random bytes, newest first, by commas; the first signs checkpoints of the journal (Ed25519)",
        (),
        secret=True,
    )
    checkpoint_public_keys: tuple[tuple[str, bytes], ...] = one(
        "CHECKPOINT_PUBLIC_KEYS",
        parsers.list_(parsers.checkpoint_key),
        "keyid:base64 of public keys that signed checkpoints too: older ones, or all of them for an auditor, by commas",
        (),
    )
    erasure_keys: tuple[tuple[str, bytes], ...] = one(
        "ERASURE_KEYS",
        parsers.list_(parsers.checkpoint_key),
        "keyid:base64 of 32 random bytes, newest first, by commas; tells accounts that were erased from others after a recovery",
        (),
        secret=True,
    )
