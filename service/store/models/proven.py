"""What proves the journal: checkpoints of its chain, signed with a key that the database does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Index, text

from service.cardguard.domains import Domain
from service.store.models.columns import DIGEST, MOMENT, WORD, column, table


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The journal had an entry of this number with this hash at that time (database time), says the key of that id.

    `state` is signed, copied to the archive, or refused there because what the archive holds does not go on with it.
    """

    number: int = column(BigInteger, primary_key=True, autoincrement=False)
    hash: bytes = column(DIGEST)
    at: datetime = column(MOMENT)
    key_id: str = column(WORD)
    signature: bytes = column(Domain("signature"))
    state: str = column(WORD, server_default=text("'signed'"))


CHECKPOINTS = table(
    Checkpoint,
    "checkpoints",
    Index("checkpoints_to_copy", "number", postgresql_where=text("state = 'signed'")),
    Index("checkpoints_copied", "number", postgresql_where=text("state = 'copied'")),
)
