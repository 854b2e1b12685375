"""What may be where: for each kind of thing that is sent, the few places in which it belongs. Everywhere else it is a leak. Decides; reads no sink."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.evidence.canaries import Canary
from service.evidence.pieces import Hit, Piece

#: The database with its files and copies; and what reads out of it on purpose: entries, the queue, events to the platform.
_STORED = frozenset({"S01", "S02", "S03", "S06", "S13", "S22", "S25"})
_LOGS = frozenset({"S07", "S08", "S09", "S10", "S31"})
_ANSWERS, _TO_BLUESNAP, _MEMORY, _ENVIRONMENT, _COMMANDS = "S11", "S12", "S19", "S18", "S27"
#: How the exchanges of the session that owns its secrets are called.
OWN_SESSION = "own session"


@dataclass(frozen=True)
class Kind:
    """A kind of canary. `sinks` are where it belongs without more; `own_answers` whether answers to its own session may hold it; `words` say it to a reader."""

    name: str
    what: str
    sinks: frozenset[str] = frozenset()
    own_answers: bool = False
    words: str = "nowhere"


CARD = Kind("card number", "a published test number in several spellings, another one at the next place")
MARKER = Kind("marker", "twenty letters that nobody else says, a new word for each place")
ACCOUNT = Kind(
    "account",
    "the platform's own name of a customer",
    _STORED | {_ANSWERS, _MEMORY, _COMMANDS},
    words="database, its files, events, answers, what commands say, and the log field `account`",
)
PAYER = Kind(
    "payer",
    "first name, last name and e-mail address of the payer",
    frozenset({_TO_BLUESNAP, _MEMORY}),
    words="requests to BlueSnap, and memory of the worker that passed it on",
)
API_KEY = Kind("API key", "the platform's key that the run uses", frozenset({_MEMORY}), words="memory of a worker")
IDENTITY = Kind("identity", "what the issuer signs about a person", frozenset({_MEMORY}), words="memory of a worker")
CLIENT_SECRET = Kind(
    "client secret",
    "the secret of a checkout session",
    frozenset({_MEMORY}),
    own_answers=True,
    words="answers to its own session, memory of a worker",
)
FIELDS_TOKEN = Kind(
    "payment-fields token",
    "BlueSnap's short-lived token of a session",
    frozenset({_TO_BLUESNAP, _MEMORY}),
    own_answers=True,
    words="answers to its own session, requests to BlueSnap, memory of a worker",
)
SETTING = Kind(
    "secret setting",
    "webhook key, database password, secret keys",
    frozenset({_ENVIRONMENT, _MEMORY}),
    words="environment and memory of the service's own processes",
)
PASSWORD = Kind(
    "BlueSnap's password",
    "the password of the API user at BlueSnap",
    frozenset({_ENVIRONMENT, _MEMORY, _TO_BLUESNAP}),
    words="as a secret setting, and in the Authorization header of requests to BlueSnap",
)
KINDS = (CARD, MARKER, ACCOUNT, PAYER, API_KEY, IDENTITY, CLIENT_SECRET, FIELDS_TOKEN, SETTING, PASSWORD)
_BY_NAME = {kind.name: kind for kind in KINDS}


def canary(kind: Kind, detail: str, text: str) -> Canary:
    """A canary that knows its kind: the case says it."""
    return Canary(f"{kind.name}: {detail}", text, word=kind is not CARD)


def kind_of(case: str) -> Kind:
    """The kind of a canary, from its case."""
    return _BY_NAME[case.partition(":")[0]]


def holds(kind: Kind, sink: str) -> bool:
    """Whether a sink may hold this kind. One that stands for several may hold what all of them may."""
    return set(sink.split("+")) <= kind.sinks


def belongs(hit: Hit) -> bool:
    """Whether what was found is where it may be."""
    kind = kind_of(hit.case)
    return holds(kind, hit.sink) or (kind.own_answers and hit.sink == _ANSWERS and OWN_SESSION in hit.place)


class Accounts:
    """The one field of the logs that may hold an account's name. Takes it out of the pieces of a log before they are searched."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        names = "|".join(re.escape(one.text) for one in canaries if kind_of(one.case) is ACCOUNT)
        self._field = re.compile(f'"account": "(?:{names})"'.encode()) if names else None

    def without(self, sink: str, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The pieces; those of our own log without that field. Lines keep their numbers."""
        if self._field is None or not set(sink.split("+")) & _LOGS:
            yield from pieces
            return
        for piece in pieces:
            yield Piece(piece.place, self._field.sub(b'"account": ""', piece.data), piece.line, piece.binary)
