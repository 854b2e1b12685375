"""The chain of the journal, as it can be reckoned outside of the database from what SELECT shows as text.

`content` is the SHA-256 of, one after the other:

- the 32 bytes of the account's key (`image_keys`), or nothing where the entry has no account;
- `account|image|`, with nothing for an account that is NULL, and the image as `image::text`; then for each version of the entry, in the order
  of its id, `kind|subject|gone|row|`, with `gone` as `true` or `false` and the row as `row::text`.

`hash` is the SHA-256 of the hash of the entry before (32 zero bytes for the first) and
`number|at|actor|act|subject|version|request|reason|xid|content`: `at` in microseconds since 1970, `content` in hexadecimal digits, NULL as nothing.

None of these fields can hold a `|` of its own but the documents, which end where their brackets do. An account's erasure takes image, versions,
account and key away: the content stays, nobody can guess from it what it was made of, and the chain is whole.
The same is said in SQL by `link_entry` in keeping.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

#: What the first entry is linked to.
BEGINNING = bytes(32)


@dataclass(frozen=True, slots=True)
class Kept:
    """A version as text."""

    kind: str
    subject: str
    gone: bool
    row: str


def content_of(account: str | None, key: bytes, image: str, versions: Iterable[Kept] = ()) -> bytes:
    """The content of an entry. `key` is empty where it has no account; the versions come in the order of their ids."""
    text = f"{account or ''}|{image}|"
    for one in versions:
        text += f"{one.kind}|{one.subject}|{'true' if one.gone else 'false'}|{one.row}|"
    return sha256(key + text.encode()).digest()


def hash_of(previous: bytes, fields: Iterable[object], content: bytes) -> bytes:
    """The hash of an entry. `fields`: number, at in microseconds, actor, act, subject, version, request, reason, xid; None where it has none."""
    text = "|".join("" if one is None else str(one) for one in fields)
    return sha256(previous + f"{text}|{content.hex()}".encode()).digest()
