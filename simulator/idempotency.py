"""Idempotency-Key as BlueSnap describes it (bluesnap/api.md section 3). It must never hold the world's lock while the first request runs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.answers import Answer, refusal
from simulator.bounded import Bounded

KEPT = timedelta(hours=24)
LIMIT = 20_000


@dataclass
class _Kept:
    digest: str
    at: datetime
    answer: Answer | None = None


@dataclass
class Ticket:
    """A request's standing: an answer that settles it already, or the claim under which its answer is to be kept."""

    settled: Answer | None = None
    key: str = ""
    claim: _Kept | None = None


def digest_of(*parts: bytes) -> str:
    """One digest over method, address and body."""
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _unusable(key: str) -> Answer | None:
    if len(key) > 64:
        return refusal("60103", "IDEMPOTENCY_KEY_MAX_LENGTH_LIMIT_EXCEEDED", "Idempotency key is too long.")
    if not re.fullmatch(r"[A-Za-z0-9-]+", key):
        return refusal("60104", "INVALID_IDEMPOTENCY_KEY", "Idempotency key holds characters that are not allowed.")
    return None


class Keys:
    """The keys of the last 24 hours, with their answers. `mode` is the behaviour `idempotency`."""

    def __init__(self) -> None:
        self._kept: Bounded[str, _Kept] = Bounded(LIMIT)

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def begin(self, key: str | None, digest: str, *, now: datetime, mode: str) -> Ticket:
        """Claim a key, or say at once what its repetition answers. Call it under the world's lock."""
        if key is None or mode == "ignored":
            return Ticket()
        if bad := _unusable(key):
            return Ticket(bad)
        kept = self._kept.get(key)
        if kept is None or now - kept.at >= KEPT:
            self._kept.pop(key, None)
            claim = self._kept[key] = _Kept(digest, now)
            return Ticket(key=key, claim=claim)
        if kept.digest != digest:
            name = "SAME_IDEMPOTENCY_KEY_WAS_ALREADY_IN_USE_WITH_PREVIOUS_DIFFERENT_REQUEST"
            return Ticket(refusal("60101", name, "The key was used with another request.", status=422))
        if kept.answer is None:
            name = "REQUEST_WITH_SAME_IDEMPOTENCY_KEY_ALREADY_IN_PROGRESS"
            return Ticket(refusal("60102", name, "A request with the same key is in progress.", status=409))
        answer = kept.answer
        return Ticket(Answer(answer.status, answer.body, answer.media, (*answer.headers, ("Idempotency-Key", key))))

    def finish(self, ticket: Ticket, answer: Answer | None, *, mode: str) -> None:
        """Keep the answer, or free the key: without an answer, and for an error unless errors are replayed too.

        Only the first call for a ticket counts. Call it under the world's lock.
        """
        claim, ticket.claim = ticket.claim, None
        if claim is None or self._kept.get(ticket.key) is not claim:
            return
        if answer is None or (answer.is_error and mode != "replays_errors"):
            del self._kept[ticket.key]
        else:
            claim.answer = answer
