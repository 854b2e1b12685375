"""With what we say who we are: one pair of user and password, or two while they are being changed. Must never name one in an error, a log or a label."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence

#: Told of every pair that BlueSnap did not take, by its place.
Refused = Callable[[str], object]
PLACES = ("first", "other")
#: bluesnap/errors.md section 2: wrong credentials, a malformed header, or an address that may not call. Nothing was done then, so it may be asked for again.
_REFUSED = 401


class Credentials:
    """The pair that was taken last goes first; the other one is tried when it is refused. Safe to share between threads."""

    def __init__(self, pairs: Sequence[tuple[str, str]], refused: Refused | None = None) -> None:
        self._texts = [_authorization(user, password) for user, password in pairs]
        self._favoured = 0
        self._tell = refused

    def in_turn(self) -> Iterator[str]:
        """The Authorization headers, in the order in which they are to be tried."""
        first = self._favoured
        yield from (*self._texts[first:], *self._texts[:first])

    def are_taken(self, text: str, status: int) -> bool:
        """Whether BlueSnap let this pair in, by how it answered. What it lets in is sent first from now on."""
        place = self._texts.index(text)
        if status != _REFUSED:
            self._favoured = place
        elif self._tell is not None:
            self._tell(PLACES[place])
        return status != _REFUSED


def _authorization(user: str, password: str) -> str:
    text = user + password
    if not user or ":" in user or not password or not text.isascii() or not text.isprintable():
        raise ValueError("the BlueSnap user and password must be printable ASCII, the user without a colon")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
