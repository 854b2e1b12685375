"""The production canary: once an hour a published test card number knocks at every door of this deployment, and then is looked for wherever it could have stayed.

It tests the guards where they matter, after every deploy and change of settings. It must leave nothing, and must never hold up other work of the worker.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

import structlog
from sqlalchemy.exc import DBAPIError

from service.archive import ArchiveAway
from service.billing import tasks
from service.billing.tools import Tools
from service.evidence.canaries import NUMBERS, Canary
from service.evidence.deployed import traces
from service.evidence.deployed.knocking import Heard, Knock, Knocker, Way, knocks
from service.evidence.deployed.rows import OutOfTimeError
from service.evidence.pieces import Hit, Piece, SinkError
from service.evidence.scanner import Scanner
from service.store import tasks as rows
from service.store.ids import new_id
from service.store.journal import Origin
from service.telemetry import metrics

#: What is written about a request must be in the archive within a minute; all of it is looked through within five (specs on security, G7).
WAIT_SECONDS, SECONDS = 75.0, 290.0
#: The round, and when it is due: not when a sweep is.
NAME, CRON = "canary", "17 * * * *"
#: A matter for a person; its subject is the canary that was found.
KIND = "canary_found"
WORKER = Origin("worker")
#: What is looked through, under the name that the log and the metrics have for it.
Read = Callable[[traces.Places, traces.Mark, float], Iterator[Piece]]
PLACES: dict[str, Read] = {
    "database": traces.database,
    "logs": traces.logs,
    "archive": traces.archive,
    "metrics": traces.numbers,
}
log = structlog.get_logger()


class Watch:
    """One canary after the other. `ways` are the doors of the running code."""

    def __init__(self, tools: Tools, ways: Sequence[Way], *, wait_seconds: float = WAIT_SECONDS) -> None:
        settings = tools.settings
        host, port = settings.metrics_bind
        shown = f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{port}/metrics"  # noqa: S104 - where it listens on all
        self._tools, self._ways, self._wait = tools, ways, wait_seconds
        self._knocker = Knocker(str(settings.canary_url))
        self._places = traces.Places(tools.engine, settings.log_folder, tools.archive, shown)

    def run(self) -> bool:
        """One round: whether every door refused, everything was looked through, and nothing was there. Tells whatever was otherwise."""
        until = monotonic() + SECONDS
        number = random.SystemRandom().choice(NUMBERS)
        try:
            mark = traces.mark(self._places)
        except (DBAPIError, ArchiveAway) as error:
            log.warning("canary.put_off", error=type(error).__name__)
            return False
        heard = [(knock, self._knocker.ask(knock)) for knock in knocks(self._ways, number)]
        refused = [self._is_refused(knock, answer) for knock, answer in heard]
        threading.Event().wait(self._wait)
        scanner = Scanner([Canary("canary", number)])
        answers = (Piece("answers", answer.raw, 1) for _, answer in heard)
        hits = {"answers": scanner.search("answers", answers)}
        whole = [self._look(scanner, place, mark, until) for place in PLACES]
        hits |= {place: found for place, found in zip(PLACES, whole, strict=True) if found}
        found = sum(self._tell(place, one) for place, one in hits.items())
        if found:
            self._ask_a_person()
        return all(refused) and all(one is not None for one in whole) and not found

    def _is_refused(self, knock: Knock, answer: Heard) -> bool:
        """Whether a door gave its constant answer. It counts, so that whoever watches refusals can take the canary's away."""
        good = answer.is_what(knock.expected)
        outcome = "refused" if good else "unanswered" if answer.status is None else "otherwise"
        metrics.CANARIES.labels(door=knock.door, outcome=outcome).inc()
        if answer.status is None:
            log.warning("canary.unanswered", door=knock.door)
        elif not good:
            log.error("canary.not_refused", door=knock.door, status=answer.status)
        return good

    def _look(self, scanner: Scanner, place: str, mark: traces.Mark, until: float) -> list[Hit] | None:
        """What is there, or None for a place that could not be looked through: that is not clean."""
        try:
            return scanner.search(place, PLACES[place](self._places, mark, until))
        except (SinkError, OutOfTimeError, DBAPIError, ArchiveAway, OSError) as error:
            log.warning("canary.unsearched", place=place, error=type(error).__name__)
            return None

    def _tell(self, place: str, found: Sequence[Hit]) -> int:
        for where in sorted({hit.place for hit in found}):
            log.error("canary.found", place=where)
            metrics.CANARIES_FOUND.labels(place=place).inc()
        return len(found)

    def _ask_a_person(self) -> None:
        """One matter at a time: the next hour's canary is found in the same place."""
        with self._tools.engine.begin() as connection:
            if not rows.open_of_kinds(connection, [KIND]):
                tasks.open_task(connection, KIND, WORKER, subject=new_id("cn"))
