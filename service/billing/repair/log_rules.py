"""What the daily review of the log counts, as data: which records, and how many of them on one day are nobody's concern yet. Decides nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

#: The event of a record that stands for an entry of the journal: what is done by hand leaves no line.
ENTRY = "entry"


@dataclass(frozen=True)
class Rule:
    """Records all of whose named fields match one of the patterns are counted, by the value of `by` if there is one; above `most` a person must look."""

    word: str
    most: int
    fields: Mapping[str, tuple[str, ...]]
    by: str | None = None

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether it is counted."""
        return all(
            any(fnmatchcase(str(record.get(name, "")), pattern) for pattern in patterns)
            for name, patterns in self.fields.items()
        )


_ANSWERED = ("request.answered",)
RULES = (
    Rule("card_data", 20, {"event": _ANSWERED, "door": ("gate",)}),
    Rule("notices_forged", 5, {"event": _ANSWERED, "door": ("webhooks",), "status": ("401",)}),
    Rule("key_refused", 20, {"event": _ANSWERED, "key": ("key_*",), "status": ("401", "403")}, by="key"),
    Rule("keys_unknown", 100, {"event": _ANSWERED, "code": ("key_unknown", "credentials_malformed")}),
    Rule("people_refused", 20, {"event": _ANSWERED, "door": ("support", "audit", "staff"), "status": ("401", "403")}),
    Rule("server_errors", 0, {"event": _ANSWERED, "status": ("500",)}),
    Rule("requests_broken", 1_000, {"event": _ANSWERED, "door": ("none",)}),
    Rule("changes_by_hand", 0, {"event": (ENTRY,), "act": ("hand.*",)}),
    Rule("break_glass", 0, {"event": (ENTRY,), "act": ("*glass*", "*glass")}),
    Rule("records_withheld", 0, {"event": ("record_withheld", "unprintable")}),
    Rule("log_damaged", 0, {"event": ("logs.archive_damaged", "logs.foreign_segment", "logs.file_cut")}),
)


@dataclass(frozen=True)
class Count:
    """How many records a rule has counted; `of` is whose, where it counts by that."""

    rule: Rule
    number: int
    of: str | None = None

    @property
    def passed(self) -> bool:
        """Whether a person must look."""
        return self.number > self.rule.most


def counts(records: Iterable[Mapping[str, Any]]) -> tuple[int, list[Count]]:
    """How many records there are, and what each rule has counted."""
    total, found = 0, Counter[tuple[str, str | None]]()
    for record in records:
        total += 1
        found.update((rule.word, record.get(rule.by) if rule.by else None) for rule in RULES if rule.matches(record))
    by_word = {rule.word: rule for rule in RULES}
    none = [Count(rule, 0) for rule in RULES if not any(word == rule.word for word, _ in found)]
    return total, [*(Count(by_word[word], number, of) for (word, of), number in sorted(found.items(), key=str)), *none]
