"""Why an entry does not fit: tries what somebody may have done to it, one thing at a time, until the stored hash fits again. A guess is only told if it was proven so."""

from __future__ import annotations

import itertools
from binascii import hexlify, unhexlify
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from service.audit.findings import Finding, Kind
from service.audit.walk import NOTHING
from service.store import proofs
from service.store.journal import Act

#: So many are examined; of the others it is told that they do not fit.
MOST = 20
FIELDS = proofs.FIELDS
AT, ACT, VERSION = FIELDS.index("at"), FIELDS.index("act"), FIELDS.index("version")
SECOND = 1_000_000
#: By how much whoever alters a time alters it: whole seconds of a day, whole hours of four years.
SHIFTS = (*(SECOND * n for n in range(1, 86_401)), *(3_600 * SECOND * n for n in range(25, 35_064)))
#: Entries are numbered when their transaction ends, which it does within seconds.
APART = 60 * SECOND


@dataclass(frozen=True)
class Row:
    """An entry as it stands: its chained texts, its content and its hash, both in hex."""

    fields: tuple[str, ...]
    content: str
    hash: str

    @property
    def number(self) -> int:
        """Its number."""
        return int(self.fields[0])

    def numbered(self, number: int) -> Row:
        """The same under another number."""
        return replace(self, fields=(str(number), *self.fields[1:]))

    def hashed(self, before: str) -> str:
        """The hash that it should have behind another."""
        text = "|".join(self.fields) + "|" + self.content
        return sha256(unhexlify(before) + text.encode()).hexdigest()


class Scene:
    """The entries around those that do not fit."""

    def __init__(self, connection: proofs.Connection, numbers: Sequence[int]) -> None:
        self._connection = connection
        self.broken = list(numbers[:MOST])
        self._innocent: set[int] = set()
        around = {number + step for number in self.broken for step in (-2, -1, 0, 1, 2)}
        self.rows = {int(row[0]): Row(row[:-2], *row[-2:]) for row in proofs.fields(connection, sorted(around))}
        self.hashes = {0: hexlify(NOTHING).decode()} | {number: row.hash for number, row in self.rows.items()}

    def explain(self, number: int) -> Finding | None:
        """What happened to an entry whose hash does not follow from the one before. None: nothing, to that one."""
        row = self.rows[number]
        if number in self._innocent:
            return None
        for guess in (self._swapped, self._doubled, self._moved, self._shifted, self._rehashed, self._altered):
            found = guess(row)
            if found is not None:
                return found
        return self._odd(row)

    def _fits(self, row: Row, *, behind: int, as_hash_of: int) -> bool:
        before, wanted = self.hashes.get(behind), self.hashes.get(as_hash_of)
        return before is not None and wanted is not None and row.hashed(before) == wanted

    def _swapped(self, row: Row) -> Finding | None:
        for one, other in itertools.combinations(range(1, len(FIELDS)), 2):
            fields = list(row.fields)
            fields[one], fields[other] = fields[other], fields[one]
            if self._fits(replace(row, fields=tuple(fields)), behind=row.number - 1, as_hash_of=row.number):
                told = f"{FIELDS[one]} and {FIELDS[other]} have each other's value"
                return Finding(Kind.COLUMNS_SWAPPED, row.number, told)
        return None

    def _doubled(self, row: Row) -> Finding | None:
        others = [number for number in proofs.like(self._connection, row.number) if number != row.number]
        if not others or (min(others) > row.number and min(others) not in self.broken):
            return None
        return Finding(Kind.DUPLICATED, row.number, f"it is a copy of entry {min(others)}")

    def _moved(self, row: Row) -> Finding | None:
        for place in self.rows:
            if place == row.number:
                continue
            there = row.numbered(place)
            for before in (self.hashes.get(place - 1), *(self.hashes[number] for number in self.broken)):
                if before is not None and there.hashed(before) in {row.hash, self.hashes[place]}:
                    return Finding(Kind.REORDERED, row.number, f"its place is that of entry {place}")
        return None

    def _shifted(self, row: Row) -> Finding | None:
        """Numbers moved up or down by one, to make room or to close a gap."""
        number = row.number
        told = "the entries behind it have been numbered anew"
        after = self.rows.get(number + 1)
        if after is not None and self._fits(after.numbered(number), behind=number - 1, as_hash_of=number + 1):
            return Finding(Kind.INSERTED, number, told)
        if self._fits(row.numbered(number - 1), behind=number - 2, as_hash_of=number):
            return Finding(Kind.INSERTED, number - 1, told)
        if after is not None and self._fits(after.numbered(number + 2), behind=number, as_hash_of=number + 1):
            return Finding(Kind.DELETED, number, "an entry before it is gone, and " + told)
        return None

    def _rehashed(self, row: Row) -> Finding | None:
        before, after = self.hashes.get(row.number - 1), self.rows.get(row.number + 1)
        if before is not None and after is not None and after.hashed(row.hashed(before)) == after.hash:
            self._innocent.add(after.number)
            return Finding(Kind.EDITED, row.number, "its hash is not its own")
        return None

    def _altered(self, row: Row) -> Finding | None:
        before = self.hashes.get(row.number - 1)
        if before is None:
            return None
        for place, value in self._candidates():
            fields = (*row.fields[:place], value, *row.fields[place + 1 :])
            if replace(row, fields=fields).hashed(before) == row.hash:
                return Finding(Kind.EDITED, row.number, f"{FIELDS[place]}, which was {value or 'empty'}")
        at = int(row.fields[AT])
        for shift in SHIFTS:
            for was in (at - shift, at + shift):
                fields = (*row.fields[:AT], str(was), *row.fields[AT + 1 :])
                if replace(row, fields=fields).hashed(before) == row.hash:
                    way = "later" if was < at else "earlier"
                    told = f"at, which is {shift // SECOND} s {way} than it was"
                    return Finding(Kind.TIME_EDITED, row.number, told)
        return None

    def _candidates(self) -> Iterator[tuple[int, str]]:
        for place in range(2, len(FIELDS)):
            yield from ((place, other.fields[place]) for other in self.rows.values())
            yield place, ""
        yield from ((ACT, act.value) for act in Act)
        yield from ((VERSION, str(version)) for version in range(1_000))

    def _odd(self, row: Row) -> Finding:
        at = int(row.fields[AT])
        near = [int(one.fields[AT]) for number, one in self.rows.items() if abs(number - row.number) == 1]
        if near and not min(near) - APART <= at <= max(near) + APART:
            return Finding(Kind.TIME_EDITED, row.number, "at, which lies outside that of the entries around it")
        told = f"one of {', '.join(FIELDS[1:])}, content and hash, or the hash of the entry before it"
        return Finding(Kind.EDITED, row.number, told)
