"""Who sends the cases of an entry, what a sender answers, and how an outcome is judged by its word. Holds no case: those are the lines of matrix.csv.

@sender("E40", "E41")
def header(case, stage):
    return stage.send(request("GET", "/readyz", [("User-Agent", stage.payload(case))]))

@outcome("MAPPED")
def mapped(case, seen, stage):
    assert ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(repr=False)
class Observation:
    """What came of one case.

    `answers` are the answers that it got over HTTP, `sent` the bytes that went out for each, `log` the bytes that the service and the worker have logged meanwhile,
    `said` whatever else came back (the output of a command, the text of an exception); all of them are searched. `plain` is the answer to the same request without the
    place, for IGNORE. `statuses` are those that an honest value may be answered with, for ACCEPT. `judge` stands in for the judge of the
    outcome's word, and gets nothing. `canaries` are to be found nowhere, beside the number of the case and its own word. `lines` says for
    each request how many lines tell of it.
    """

    answers: list = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    log: bytes = b""
    said: bytes = b""
    plain: object = None
    statuses: frozenset[int] = frozenset()
    judge: Callable[[], None] | None = None
    canaries: list = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def answer(self):
        """The only answer."""
        assert len(self.answers) == 1, f"{len(self.answers)} answers"
        return self.answers[0]


@dataclass(frozen=True)
class Sender:
    """`send(case, stage)` sends a case and answers an Observation. One that is `still` writes no row and calls nobody when its case is refused or ignored: its cases
    are watched for that together, twenty at a time.
    """

    send: Callable
    still: bool


SENDERS: dict[str, Sender] = {}
JUDGES: dict[str, Callable] = {}


def sender(*entries: str, still: bool = False):
    """Register the function below for these entries of the matrix. `still`: see Sender."""

    def register(send):
        for entry in entries:
            assert entry not in SENDERS, f"{entry} has two senders"
            SENDERS[entry] = Sender(send, still)
        return send

    return register


def outcome(*words: str):
    """Register the function below as the judge of these words of the column `expect`: it gets case, Observation and Stage, and fails by an assertion."""

    def register(judge):
        for word in words:
            assert word not in JUDGES, f"{word} has two judges"
            JUDGES[word] = judge
        return judge

    return register
