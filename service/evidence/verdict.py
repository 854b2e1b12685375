"""What a run proved: a list of checks, each passed or failed with the lines that say why. Decides by what was found alone; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.evidence.columns import Inspection
from service.evidence.pieces import Hit
from service.evidence.searching import Searched
from service.evidence.trying import Tried

#: So many places are named of those at which a number was sent in.
_NAMED = 6


@dataclass(frozen=True)
class Check:
    """One thing that had to hold. `failures` say where it does not: empty, and it holds."""

    name: str
    failures: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return not self.failures


@dataclass(frozen=True)
class Verdict:
    """All checks. `limit` is the pattern that limited the entrances; a limited run is no evidence, whatever it found."""

    checks: tuple[Check, ...]
    limit: str = ""

    @property
    def clean(self) -> bool:
        """Whether everything held."""
        return all(check.passed for check in self.checks)

    @property
    def words(self) -> str:
        """In one sentence."""
        failed = sum(not check.passed for check in self.checks)
        if self.clean:
            found = "No leak was found, and every check passed"
            return f"{found}; but the run was limited to some entrances and is no evidence" if self.limit else found
        return f"{failed} of {len(self.checks)} checks failed{', in a run that was limited to some entrances' if self.limit else ''}"


@dataclass
class Found:
    """What the parts of a run found, for a verdict to be made of."""

    tried: Tried
    columns: Inspection | None = None
    searched: list[Searched] = field(default_factory=list)
    unplaced: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)


def of(found: Found, limit: str = "") -> Verdict:
    """The verdict on a run."""
    columns = found.columns
    return Verdict(
        (
            Check("Every attempt was answered as it must be: card numbers refused or dropped, and no error of ours", tuple(found.tried.wrong)),
            Check("No canary was found where it does not belong", tuple(_leaks(found.searched, found.tried.numbers))),
            Check(
                "No structure that is kept, logged or answered has a name of card data, such as a security code's",
                tuple(line_of(hit) for one in found.searched for hit in one.named),
            ),
            Check("Every sink could be read to its end", tuple(f"{one.id}: {one.error}" for one in found.searched if one.error)),
            *(() if limit else (Check("The search finds what is planted in every sink and in every form", found.blind),)),
            Check("Every column of the database that could hold text has a guard", columns.unguarded if columns else ()),
            Check("Every guarded column refuses a card number", columns.accepted if columns else ()),
            Check("Every route and every host has its place in the picture of the data flow", found.unplaced),
        ),
        limit,
    )  # fmt: skip


def line_of(hit: Hit) -> str:
    """Where something leaked, for a reader: sink, place, line, whose it is, in which form, and what stands around it."""
    where = f"{hit.place}, line {hit.line}" if hit.line is not None else f"{hit.place}, byte {hit.offset}"
    what = f"{hit.case} ({hit.form})" if hit.case else hit.form
    return f"{hit.sink}, {where}: {what}: …{hit.context}…"


def _leaks(searched: Sequence[Searched], numbers: Mapping[str, Sequence[str]]) -> list[str]:
    return [line_of(hit) + _sent_at(numbers.get(hit.case, ())) for one in searched for hit in one.leaks]


def _sent_at(places: Sequence[str]) -> str:
    if not places:
        return ""
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return f" Sent in at {'; '.join(places[:_NAMED])}{more}."
