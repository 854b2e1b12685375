"""What an audit can find, each kind with the place and with what differs. Never a value that may be private."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any


class Kind(enum.StrEnum):
    """The ways in which a journal can be wrong."""

    EDITED = "edited"
    DELETED = "deleted"
    TAIL_DELETED = "tail_deleted"
    TRUNCATED = "truncated"
    REORDERED = "reordered"
    INSERTED = "inserted"
    DUPLICATED = "duplicated"
    COLUMNS_SWAPPED = "columns_swapped"
    TIME_EDITED = "time_edited"
    OLD_BACKUP = "old_backup"
    REWRITTEN = "rewritten"
    FORKED = "forked"
    CONTENT_EDITED = "content_edited"
    ERASURE_FORGED = "erasure_forged"
    ROW_DIFFERS = "row_differs"
    VERSION_WITHOUT_ENTRY = "version_without_entry"
    EVENT_WITHOUT_ENTRY = "event_without_entry"
    CHECKPOINT_FORGED = "checkpoint_forged"
    COPY_MISSING = "copy_missing"
    RECOVERY_FORGED = "recovery_forged"
    GUARD_OFF = "guard_off"
    HEAD_DIFFERS = "head_differs"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: at `entry`, or somewhere from there up to `until`."""

    kind: Kind
    entry: int | None
    differs: str
    until: int | None = None

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        return {**asdict(self), "kind": self.kind.value}

    def as_text(self) -> str:
        """For a person."""
        place = "the journal" if self.entry is None else f"entry {self.entry}"
        if self.until is not None and self.until != self.entry:
            place = f"entries {self.entry} to {self.until}"
        return f"{self.kind.value:22} {place}: {self.differs}"
