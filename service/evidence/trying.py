"""One attempt after another: something is sent in at an entrance, and the answer must be the one that was expected. Judges answers alone; what stays behind is the sinks' business."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from service.errors import Code
from service.evidence import asking, belongings, entrances, wire
from service.evidence.canaries import NUMBERS, Canary, marker
from service.evidence.entrances import Entrance
from service.page.policy import REPORTS

Judge = Callable[[wire.Answer], str]
#: A number in which two digits stand three times in a row: in hexadecimal that is a four-digit number which repeats, as the ids of transactions do
#: in a column, so that it would be found by chance.
_MONOTONOUS = re.compile(r"(..)\1\1")
#: One canary for each other published number; its case is how a report calls it.
CARDS = tuple(
    belongings.canary(belongings.CARD, f"number {index}", number)
    for index, number in enumerate(NUMBERS, 1)
    if not _MONOTONOUS.search(number)
)
#: A payer's fields go on to BlueSnap, an account's name is kept: what is written there is no stray marker.
_BELONG = {
    ("payer", "first_name"): belongings.PAYER,
    ("payer", "last_name"): belongings.PAYER,
    ("account",): belongings.ACCOUNT,
}


@dataclass(frozen=True, repr=False)
class Attempt:
    """`entrance` is its name, `group` what it belongs to, `form` the spelling; `do` sends it, and says what was wrong with the outcome, or nothing."""

    group: str
    entrance: str
    form: str
    canary: Canary
    do: Callable[[], str]


@dataclass
class Tried:
    """All attempts so far: their canaries, which entrances there were, and what went wrong."""

    canaries: dict[str, Canary] = field(default_factory=dict)
    entrances: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    numbers: dict[str, list[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    count: int = 0

    def run(self, attempts: Iterable[Attempt]) -> None:
        """Make them, one after the other."""
        for attempt in attempts:
            self.take(attempt, attempt.do())

    def take(self, attempt: Attempt, wrong: str) -> None:
        """Note an attempt and how it went."""
        case = attempt.canary.case
        self.canaries[case] = attempt.canary
        places = self.entrances.setdefault(attempt.group, {})
        places.setdefault(attempt.entrance, []).append(attempt.form)
        if not attempt.canary.word and attempt.entrance not in self.numbers.setdefault(case, []):
            self.numbers[case].append(attempt.entrance)
        if wrong:
            self.wrong.append(f"{attempt.entrance}, {attempt.form}: {wrong}")
        self.count += 1

    @property
    def places(self) -> int:
        """How many entrances."""
        return sum(len(places) for places in self.entrances.values())


class Sender:
    """Sends raw requests to an address and keeps the answers."""

    #: Whether to close our side after the last byte.
    finish = False

    def __init__(self, address: tuple[str, int], traffic: wire.Traffic) -> None:
        self._address, self._traffic = address, traffic

    def attempt(self, group: str, entrance: str, sent: tuple[str, Canary, bytes], judge: Judge) -> Attempt:
        """An attempt that sends bytes and judges the answer. `sent` is the form's name, the canary and the request."""
        form, canary, raw = sent

        def do() -> str:
            answer = wire.exchange(self._address, raw, finish=self.finish)
            self._traffic.record(f"{entrance}, {form}", raw, answer)
            return judge(answer)

        return Attempt(group, entrance, form, canary, do)


def code_of(answer: wire.Answer) -> str:
    """The code of a problem, or nothing."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return ""
    return str(document.get("code", "")) if isinstance(document, dict) else ""


def refused(answer: wire.Answer) -> str:
    """A card number must be refused for what it is, by the gate, or by the HTTP server before it."""
    code = code_of(answer)
    if (
        answer.status is not None
        and 400 <= answer.status < 500
        and code in {Code.CARD_DATA_REFUSED, Code.REQUEST_MALFORMED}
    ):
        return ""
    return f"not refused as card data, but answered with {_told(answer)}"


def unbroken(answer: wire.Answer) -> str:
    """Whatever was sent must be answered, and not with an error of ours."""
    return "" if answer.status is not None and answer.status < 500 else f"answered with {_told(answer)}"


def unsigned(answer: wire.Answer) -> str:
    """A notice without a signature is refused before anything of it is read."""
    return "" if code_of(answer) == Code.SIGNATURE_INVALID else f"answered with {_told(answer)}"


def counted(answer: wire.Answer) -> str:
    """A browser's report is taken in silence, whatever it is."""
    return "" if answer.status == 204 and not answer.body else f"answered with {_told(answer)}"


def _told(answer: wire.Answer) -> str:
    """Status and code of an answer, if the code is one of ours."""
    code = code_of(answer)
    return f"{answer.status or 'nothing'} {code if code in set(Code) else ''}".rstrip()


def described(ways: Sequence[Entrance], sender: Sender, ground: asking.Ground) -> Iterator[Attempt]:
    """Each entrance of the API's description: a card number in three to five spellings, then a marker."""
    for index, entrance in enumerate(ways):
        card = CARDS[index % len(CARDS)]
        judge = _judge(entrance)
        for form, value in asking.forms(entrance, card.text):
            sent = (form, card, asking.raw(entrance, value, ground))
            yield sender.attempt(entrance.operation.name, entrance.name, sent, judge)
        word = _word(entrance)
        sent = ("marker", word, asking.raw(entrance, _as_written(entrance, word.text), ground))
        yield sender.attempt(entrance.operation.name, entrance.name, sent, unbroken)


#: The bodies that the gate leaves unread, because others write them, and what becomes of them. Any other body must be refused.
UNREAD: Mapping[tuple[str, str], Judge] = {("POST", "/webhooks/bluesnap"): unsigned, ("POST", REPORTS): counted}


def _judge(entrance: Entrance) -> Judge:
    operation = entrance.operation
    if entrance.dropped:
        return unbroken
    if entrance.kind in {entrances.BODY, entrances.WRONG_MEDIA}:
        return UNREAD.get((operation.method, operation.path), refused)
    return refused


def _word(entrance: Entrance) -> Canary:
    """A marker for this place, of the kind that belongs there."""
    at = entrance.at if entrance.kind in {entrances.FIELD, entrances.PATH, entrances.QUERY} else ()
    kind = belongings.PAYER if at == ("payer", "email") else _BELONG.get(at, belongings.MARKER)
    return belongings.canary(kind, entrance.name, marker())


def _as_written(entrance: Entrance, word: str) -> str:
    return f"{word}@example.com" if entrance.at == ("payer", "email") else word
