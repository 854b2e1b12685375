"""Recomputes the chain over a range of entries, in bytes as they were read. Decides nothing: it tells which numbers do not fit, and what of them."""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from service.audit.signing import Verifier
from service.store import checkpoints, proofs

NOTHING = bytes(32)
#: What is told of at most: whoever finds so many knows enough.
MOST = 1_000
CONTENT, LINK, MISSING, DOUBLE, UNREADABLE = "content", "link", "missing", "double", "unreadable"


@dataclass(frozen=True)
class Range:
    """From one number to another, in the state of the database that a snapshot names."""

    url: str
    snapshot: str
    first: int
    last: int
    verifier: Verifier
    #: The number that the journal begins with.
    begins: int = 1
    #: Pseudonyms of erased accounts, with the entry that erased each and its digest of what it emptied.
    erased: Mapping[str, tuple[int, str]] = field(default_factory=dict)


@dataclass
class Walked:
    """What did not fit: numbers with what of them, in order. `count` entries were seen. `agreed` and `denied` are checkpoints."""

    count: int = 0
    broken: list[tuple[int, str]] = field(default_factory=list)
    #: Numbers of erased entries, by the pseudonym of their account.
    emptied: dict[str, list[int]] = field(default_factory=dict)
    agreed: list[int] = field(default_factory=list)
    denied: list[tuple[int, str]] = field(default_factory=list)

    def breaks(self, number: int, what: str) -> None:
        """Note that a number does not fit."""
        if len(self.broken) < MOST:
            self.broken.append((number, what))


def walk(given: Range) -> Walked:
    """All of a range. Runs in a process of its own."""
    with proofs.connect(given.url, given.snapshot) as connection:
        walked = Walked()
        before = NOTHING if given.first == given.begins else proofs.hash_of(connection, given.first - 1)
        for first, last, block in proofs.blocks(connection, given.first, given.last):
            before = _Block(walked, given.erased, first, last).read(block, before)
        _compare(connection, given, walked)
    return walked


def recompute(connection: proofs.Connection, first: int, last: int, before: bytes) -> Walked:
    """A few entries behind a hash that is known, on a connection that is there."""
    walked = Walked()
    known: bytes | None = before
    erased = proofs.erasures(connection)
    for begin, end, block in proofs.blocks(connection, first, last):
        known = _Block(walked, erased, begin, end).read(block, known)
    return walked


class _Block:
    """The lines of some numbers, and what comes of reading them."""

    def __init__(self, walked: Walked, erased: Mapping[str, tuple[int, str]], first: int, last: int) -> None:
        self._walked, self._erased, self._first, self._last = walked, erased, first, last

    def read(self, block: bytes, before: bytes | None) -> bytes | None:
        """Recompute; the hash before goes in, the last stored hash comes out: None where it is not known, behind a gap."""
        walked, number = self._walked, self._first
        for line in block.split(proofs.LINE) if block else ():
            try:
                marks, fields, body = line.split(proofs.PART)
                stored, content, key = marks.split(b" ")
                said = int(fields[: fields.index(b"|")])
                made = sha256(unhexlify(key) + body).hexdigest().encode()
                hashed = unhexlify(stored)
            except ValueError:
                walked.breaks(number, UNREADABLE)
                before = None
                continue
            if said != number:
                before = self._out_of_step(said, number, before)
                number = max(said, number - 1)
            if made != content and not self._is_emptied(said, body):
                walked.breaks(said, CONTENT)
            if before is not None and sha256(before + fields + content).digest() != hashed:
                walked.breaks(said, LINK)
            walked.count += 1
            before = hashed
            number += 1
        for missing in range(number, min(self._last, number + MOST) + 1):
            walked.breaks(missing, MISSING)
        return before if number == self._last + 1 else None

    def _out_of_step(self, said: int, number: int, before: bytes | None) -> bytes | None:
        if said < number:
            self._walked.breaks(said, DOUBLE)
            return before
        for missing in range(number, min(said, number + MOST)):
            self._walked.breaks(missing, MISSING)
        return None

    def _is_emptied(self, number: int, body: bytes) -> bool:
        account, _, rest = body.partition(b"|")
        erased_by = self._erased.get(account.decode("ascii", "replace"))
        if erased_by is None or number >= erased_by[0] or rest != b"{}|":
            return False
        self._walked.emptied.setdefault(account.decode("ascii"), []).append(number)
        return True


def _compare(connection: proofs.Connection, given: Range, walked: Walked) -> None:
    """The database's own checkpoints of the range."""
    for checkpoint, stored in checkpoints.beside_entries(connection, given.first, given.last):
        refused = given.verifier.refuses(checkpoint)
        if refused:
            walked.denied.append((checkpoint.number, refused))
        elif stored != checkpoint.hash:
            walked.denied.append((checkpoint.number, ""))
        else:
            walked.agreed.append(checkpoint.number)


def halves(first: int, last: int, parts: int) -> Iterator[tuple[int, int]]:
    """The numbers from one to another in as many ranges that join."""
    size = max(1, -(-(last - first + 1) // parts))
    for begin in range(first, last + 1, size):
        yield begin, min(begin + size - 1, last)
