"""What the facts of an audit mean: numbers that do not fit, heads and checkpoints that disagree. Pure, but for what forensics looks up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from service.audit import walk
from service.audit.findings import Finding, Kind
from service.audit.forensics import MOST, Scene
from service.audit.walk import Walked
from service.store import keeping
from service.store.models import Checkpoint
from service.store.proofs import Connection, Shape


@dataclass(frozen=True)
class Copies:
    """What the archive holds: checkpoints that are signed as they should be, what is wrong with others, and those that the journal agrees with; and the recoveries that were accepted."""

    held: Sequence[Checkpoint] = ()
    odd: Sequence[Finding] = ()
    agreed: frozenset[int] = frozenset()
    recoveries: tuple[str, ...] = ()


@dataclass
class Facts:
    """Everything that was found out."""

    shape: Shape
    first: int
    walked: list[Walked]
    #: The newest checkpoint of the database that is signed as it should be.
    newest: int = 0
    last_hash: bytes | None = None
    copies: Copies = field(default_factory=Copies)
    erased: Mapping[str, tuple[int, str]] = field(default_factory=dict)


def judge(connection: Connection, facts: Facts) -> list[Finding]:
    """All findings about the chain itself, in the order of entries."""
    return [
        *_whole(facts),
        *_places(connection, facts),
        *_erasures(facts),
        *_database_checkpoints(facts),
        *_archive_checkpoints(facts),
    ]


def _whole(facts: Facts) -> Iterator[Finding]:
    """What is wrong with the journal's end."""
    shape = facts.shape
    copied = max((one.number for one in facts.copies.held), default=0)
    here = max(shape.head, facts.newest)
    if not shape.last and max(here, copied) >= shape.first:
        yield Finding(Kind.TRUNCATED, shape.first, "there is no entry any more", max(here, copied))
        return
    if shape.last < here:
        known = "the chain's head" if shape.head > shape.last else "a checkpoint"
        yield Finding(Kind.TAIL_DELETED, shape.last + 1, f"{known} says that there were more", max(here, copied))
    elif shape.last < copied:
        told = "the archive has a checkpoint of more: an old backup was restored, or the end was removed with all that spoke of it"
        yield Finding(Kind.OLD_BACKUP, shape.last + 1, told, copied)
    if shape.head < shape.last:
        yield Finding(Kind.INSERTED, shape.head + 1, "behind the head of the chain", shape.last)
    elif shape.head == shape.last >= shape.first and shape.head_hash != facts.last_hash:
        yield Finding(Kind.HEAD_DIFFERS, shape.last, "the chain's head has another hash")
    if shape.unnumbered:
        yield Finding(Kind.INSERTED, None, f"{shape.unnumbered} entries were never linked")


def _places(connection: Connection, facts: Facts) -> Iterator[Finding]:
    """Each entry that does not fit."""
    broken = sorted(pair for walked in facts.walked for pair in walked.broken)
    yield from _gaps([number for number, what in broken if what == walk.MISSING])
    doubled = {number for number, what in broken if what == walk.DOUBLE}
    for number in sorted(doubled):
        yield Finding(Kind.DUPLICATED, number, "there is more than one of this number")
    for number, what in broken:
        if what == walk.UNREADABLE:
            yield Finding(Kind.EDITED, number, "it holds what no entry can")
        if what == walk.CONTENT and number not in doubled:
            yield Finding(Kind.CONTENT_EDITED, number, "its account, its image, its versions or its key")
    unfit = [number for number, what in broken if what == walk.LINK and number not in doubled]
    scene = Scene(connection, unfit)
    told: set[Finding] = set()
    for number in scene.broken:
        finding = scene.explain(number)
        if finding is not None and finding not in told:
            told.add(finding)
            yield finding
    if len(unfit) > MOST:
        yield Finding(Kind.EDITED, unfit[MOST], f"{len(unfit) - MOST} more do not fit", unfit[-1])


def _gaps(missing: Sequence[int]) -> Iterator[Finding]:
    begin: int | None = None
    for here, following in zip(missing, (*missing[1:], None), strict=False):
        begin = here if begin is None else begin
        if following != here + 1:
            yield Finding(Kind.DELETED, begin, "there is none of this number", here)
            begin = None


def _erasures(facts: Facts) -> Iterator[Finding]:
    """Entries are empty for an erasure's sake only if it says so: it names their numbers."""
    for account, (number, told) in facts.erased.items():
        numbers = sorted(one for walked in facts.walked for one in walked.emptied.get(account, ()))
        if facts.first == facts.shape.first and _digest(numbers) != told:
            seen = f"{len(numbers)} entries are empty as if by it, and these are not those that it emptied"
            yield Finding(Kind.ERASURE_FORGED, number, seen)


def _digest(numbers: Sequence[int]) -> str:
    made = sha256(",".join(map(str, numbers)).encode()).hexdigest()
    return made.translate(str.maketrans(keeping.DIGITS, keeping.LETTERS))


def _database_checkpoints(facts: Facts) -> Iterator[Finding]:
    denied = sorted(pair for walked in facts.walked for pair in walked.denied)
    for number, why in denied:
        if why:
            yield Finding(Kind.CHECKPOINT_FORGED, number, f"the database's checkpoint: {why}")
    differing = [number for number, why in denied if not why]
    if differing:
        agreed = [number for walked in facts.walked for number in walked.agreed if number < differing[0]]
        told = "it has another hash than its signed checkpoint says: what is hashed was made anew"
        yield Finding(Kind.REWRITTEN, max(agreed, default=facts.first - 1) + 1, told, differing[0])


def _archive_checkpoints(facts: Facts) -> Iterator[Finding]:
    yield from facts.copies.odd
    reached = [one for one in facts.copies.held if facts.first <= one.number <= facts.shape.last]
    differing = sorted(one.number for one in reached if one.number not in facts.copies.agreed)
    if not differing:
        return
    before = max((number for number in facts.copies.agreed if number < differing[0]), default=facts.first - 1)
    signed_here = any(number >= differing[0] for walked in facts.walked for number in walked.agreed)
    if signed_here:
        told = "the archive has a checkpoint of another history than the one that was signed here: two went on from one"
        yield Finding(Kind.FORKED, before + 1, told, differing[0])
    else:
        told = "it has another hash than its checkpoint in the archive says: what is hashed was made anew"
        yield Finding(Kind.REWRITTEN, before + 1, told, differing[0])
