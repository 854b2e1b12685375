"""What is left of an account that was erased: that it was, under a pseudonym, and what BlueSnap has still to delete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, text

from service.store.models.columns import ACCOUNT, DIGEST, MOMENT, OUR_ID, PROVIDER_REF, WORD, column, table


@dataclass(frozen=True, kw_only=True)
class Tombstone:
    """An account was erased, and goes by a pseudonym. `digest` is keyed, of its name and of when it was made: who has it again can be told, and nobody else.

    `open_to` is the transaction that may take contents away just now. `state` is new, or copied to the archive.
    """

    id: str = column(OUR_ID, primary_key=True)
    account: str = column(ACCOUNT, unique=True)
    digest: bytes = column(DIGEST)
    key_id: str = column(WORD)
    erased_at: datetime = column(MOMENT)
    open_to: int | None = column(BigInteger, null=True)
    state: str = column(WORD, server_default=text("'new'"))


@dataclass(frozen=True, kw_only=True)
class ShopperDeletion:
    """A shopper whom BlueSnap is to delete, which it refuses for twelve months after a purchase. `next_at` (database time) is when it is asked, None when it is over.

    `state` is waiting or done; the reference is kept no longer than needed. `cause` is why the last try did not do.
    """

    id: str = column(OUR_ID, primary_key=True)
    account: str = column(ACCOUNT)
    provider_shopper: str | None = column(PROVIDER_REF, null=True)
    state: str = column(WORD)
    attempts: int = column(Integer)
    cause: str | None = column(WORD, null=True)
    next_at: datetime | None = column(MOMENT, null=True)
    created_at: datetime = column(MOMENT)
    done_at: datetime | None = column(MOMENT, null=True)


TOMBSTONES = table(
    Tombstone, "tombstones", Index("tombstones_to_copy", "erased_at", postgresql_where=text("state = 'new'"))
)
SHOPPER_DELETIONS = table(
    ShopperDeletion,
    "shopper_deletions",
    Index("shopper_deletions_due", "next_at", postgresql_where=text("state = 'waiting'")),
)
