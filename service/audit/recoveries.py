"""Recoveries of the whole database that somebody has accepted: one signed file each in the archive, written once. Behind each, checkpoints are a line of their own.

A line has a folder of its own, since its numbers may have been used before. What earlier lines say of entries behind the recovery was given up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from service.archive import Archive, ArchiveMissing
from service.audit import signing
from service.audit.findings import Finding, Kind
from service.audit.signing import Signer, Verifier

FOLDER, LINES = "recoveries", "recovered"
#: Where the checkpoints of before any recovery are.
FIRST = "checkpoints"
END = 2**62
_LINE = re.compile(rf"(?:{FOLDER}|{LINES})/([0-9]{{4}})[./]")


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Line `line` begins behind the checkpoint of entry `after` (0: behind none), and gives up the others of before, up to `lost`. `entry` is what its entry is about."""

    line: int
    after: int
    hash: bytes
    lost: int
    entry: str
    ticket: str
    at: datetime
    key_id: str = ""
    signature: bytes = b""

    @property
    def name(self) -> str:
        """Its name in the archive."""
        return f"{FOLDER}/{self.line:04d}.json"

    def statement(self, environment: str) -> bytes:
        """The bytes that are signed."""
        claim = (
            self.line,
            self.after,
            self.hash.hex(),
            self.lost,
            self.entry,
            self.ticket,
            _moment(self.at),
            self.key_id,
        )
        return "|".join(("panless recovery", environment, *map(str, claim))).encode()

    def written(self) -> bytes:
        """As it stands in a file."""
        plain = {
            **vars(self),
            "hash": self.hash.hex(),
            "signature": signing.text_of(self.signature),
            "at": _moment(self.at),
        }
        return json.dumps(plain, indent=1).encode()

    def told(self) -> str:
        """For a person."""
        return f"a recovery was accepted at {_moment(self.at)} ({self.ticket}): what was signed of entries {self.after + 1} to {self.lost} was given up"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def signed(recovery: Recovery, signer: Signer) -> Recovery:
    """The same with a signature by the newest key. Only where it can sign."""
    made = replace(recovery, key_id=signer.key_id)
    return replace(made, signature=signer.seal(made.statement(signer.verifier.environment)))


def _read(data: bytes) -> Recovery:
    given: dict[str, Any] = json.loads(data)
    return Recovery(
        line=int(given["line"]),
        after=int(given["after"]),
        hash=bytes.fromhex(given["hash"]),
        lost=int(given["lost"]),
        entry=str(given["entry"]),
        ticket=str(given["ticket"]),
        at=datetime.fromisoformat(given["at"]),
        key_id=str(given["key_id"]),
        signature=signing.signature_of(given["signature"]),
    )


def folder_of(recovery: Recovery | None) -> str:
    """Where the checkpoints of its line are."""
    return FIRST if recovery is None else f"{LINES}/{recovery.line:04d}"


def accepted(archive: Archive, verifier: Verifier) -> tuple[list[Recovery], list[Finding]]:
    """Those that a key of ours has signed, in order; and what is wrong with other files. Raises ArchiveAway."""
    found: list[Recovery] = []
    odd: list[Finding] = []
    for name in archive.names(f"{FOLDER}/"):
        try:
            one = _read(archive.read(name))
        except (ValueError, KeyError, TypeError, ArchiveMissing):
            odd.append(Finding(Kind.RECOVERY_FORGED, None, f"{name} in the archive holds none"))
            continue
        why = verifier.disproves(one.key_id, one.signature, one.statement(verifier.environment))
        if why or one.name != name:
            odd.append(Finding(Kind.RECOVERY_FORGED, None, f"{name} in the archive: {why or 'not its name'}"))
        else:
            found.append(one)
    return found, odd


def newest(archive: Archive, verifier: Verifier) -> Recovery | None:
    """The last one accepted. Raises ArchiveAway."""
    found, _ = accepted(archive, verifier)
    return found[-1] if found else None


def lines(found: Sequence[Recovery]) -> Iterator[tuple[str, int]]:
    """The folder of each line, with the entry up to which it still speaks: no later recovery has given that up."""
    for index, one in enumerate((None, *found)):
        yield folder_of(one), min((later.after for later in found[index:]), default=END)


def orphans(archive: Archive, found: Sequence[Recovery]) -> Iterator[Finding]:
    """Lines that nobody has accepted, and acceptances that are gone from among the others."""
    known = {one.line for one in found}
    for line in sorted(set(range(1, max(known, default=0))) | used(archive)):
        if line not in known:
            yield Finding(
                Kind.RECOVERY_FORGED,
                None,
                f"nothing in the archive shows that line {line} of the checkpoints was accepted",
            )


def used(archive: Archive) -> set[int]:
    """Numbers of lines that anything in the archive speaks of. Raises ArchiveAway."""
    names = (*archive.names(f"{FOLDER}/"), *archive.names(f"{LINES}/"))
    return {int(match[1]) for match in map(_LINE.match, names) if match is not None}
