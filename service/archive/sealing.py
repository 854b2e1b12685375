"""Signatures of manifests and of where a chain begins: one that was made anew without the key is none. Knows no key: whoever has one gives what signs, and what tells whether it was signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TypeVar

from service.archive.logs import SEAL, Manifest, Pruned, written

#: Signs what is said: answers the key's id, and the signature as text.
Vouch = Callable[[bytes], tuple[str, str]]
#: Why those two do not prove that it was said; None if they do.
Doubt = Callable[[str, str, bytes], str | None]
Signed = TypeVar("Signed", Manifest, Pruned)


def said(made: Manifest | Pruned) -> bytes:
    """What is signed of it."""
    told = {name: value for name, value in asdict(made).items() if name not in SEAL}
    return f"{type(made).__name__.lower()}|".encode("ascii") + written(told)


def sealed(made: Signed, vouch: Vouch | None) -> Signed:
    """The same with its signature, where there is a key."""
    if vouch is None:
        return made
    key_id, signature = vouch(said(made))
    return replace(made, key_id=key_id, signature=signature)
