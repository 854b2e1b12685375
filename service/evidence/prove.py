"""One whole run of `prove`: start a private copy, try every entrance, search every sink, write the report. Must never touch a system that somebody uses."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from service import config
from service.cardguard.formats import SCOPES
from service.errors import SettingsError
from service.evidence import (
    bad_requests,
    belongings,
    browser_reports,
    columns,
    customer,
    entrances,
    flow,
    notice_door,
    operators,
    provider,
    report,
    selftest,
    sinks,
    staff,
    surroundings,
    trying,
    verdict,
    wire,
)
from service.evidence.canaries import NUMBERS, Canary
from service.evidence.pieces import Sink, SinkError
from service.evidence.progress import Progress
from service.evidence.searching import Search
from service.evidence.stand import Stand, StandError
from service.evidence.surroundings import UnprovenError
from service.evidence.trying import Attempt, Tried
from service.store import database

__all__ = ["Order", "UnprovenError", "run"]

#: The copy is tried far more often than any honest buyer would: its limits against card testing have tests of their own.
SETTINGS = {
    "PANLESS_ATTEMPTS_PER_SESSION": "100",
    "PANLESS_ATTEMPTS_PER_ACCOUNT": "1000",
    "PANLESS_RENEWALS_PER_SESSION": "1000",
    "PANLESS_SESSIONS_PER_ADDRESS": "1000000",
    "PANLESS_BREAKER_PERCENT": "100",
    "PANLESS_BREAKER_MINIMUM": "100000",
}
#: Shorter values would be found by chance.
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class Order:
    """What was asked for: the folder to write to, and the entrances to try, if not all."""

    out: Path | None = None
    only: re.Pattern[str] | None = None

    def wants(self, entrance: str) -> bool:
        """Whether this entrance is to be tried."""
        return self.only is None or self.only.search(entrance) is not None


def run(order: Order, progress: Progress | None = None) -> report.Written:
    """The run. Raises UnprovenError where it cannot be made or is cut off by a fault of its own surroundings."""
    from service import wiring

    began = wiring.system_clock()
    folder = surroundings.folder_for(order.out, began)
    told = progress or Progress()
    written = None
    try:
        surroundings.check()
        with tempfile.TemporaryDirectory(prefix="panless-prove-") as place:
            written = _Run(order, told, began).evidence(Path(place) / "copy", folder)
    except (StandError, SinkError, customer.UnsoldError, entrances.DescriptionError, SettingsError) as error:
        raise UnprovenError(str(error)) from None
    except psycopg.OperationalError:
        raise UnprovenError("the private copy's database does not answer") from None
    finally:
        told.finish()
        if written is None:
            with contextlib.suppress(OSError):
                folder.rmdir()
    return written


class _Run:
    """One run, with what it has found so far."""

    def __init__(self, order: Order, progress: Progress, began: datetime) -> None:
        self._order, self._progress, self._began = order, progress, began
        self._traffic = wire.Traffic()
        self._tried = Tried()
        self._found = verdict.Found(self._tried)
        self._canaries: list[Canary] = []

    def evidence(self, place: Path, folder: Path) -> report.Written:
        """Everything, from the start of the copy to the files in the folder."""
        self._progress.phase("Starting a private copy of the system")
        with Stand(place, settings=SETTINGS) as stand:
            api_key = stand.key(*SCOPES)
            holds = sinks.all_of(stand, self._traffic)
            self._self_test(stand, holds)
            for sink in holds:
                sink.mark()
            routes = self._try(stand, api_key)
            self._look(stand, holds, api_key)
            facts = self._facts(stand, routes)
        self._progress.phase("Writing the report")
        return report.write(folder, facts)

    def _self_test(self, stand: Stand, holds: list[Sink]) -> None:
        """A search that finds nothing proves nothing, until it has found what was planted. A limited run proves nothing anyway."""
        if self._order.only is not None:
            return
        self._progress.phase(f"Testing the search: planting in {len(holds)} sinks and in every form")
        tested = selftest.run(stand, holds)
        self._found.blind = tuple(f"{where}: {why}" for where, why in {**tested.sinks, **tested.forms}.items())

    def _try(self, stand: Stand, api_key: str) -> list[entrances.Operation]:
        """Everything that is sent. Answers the operations of the running service."""
        self._progress.phase("An honest customer buys, changes, is refunded, cancels, comes back")
        person = customer.Customer(stand, self._traffic, api_key)
        person.live()
        self._identity = staff.come_in(stand)
        ground = person.ground(self._identity)
        self._person = person
        description = entrances.read(wire.exchange(stand.address, wire.request("GET", "/openapi.yaml")).body.decode())
        ways = [way for way in entrances.of(description) if self._order.wants(way.name)]
        sender = trying.Sender(stand.address, self._traffic)
        others = dict(zip(("metrics of the service", "metrics of the worker"), stand.metrics, strict=True))
        passers_by = customer.Customer(stand, self._traffic, api_key)
        with ThreadPoolExecutor(1) as pool:  # a command takes most of its time to start, which need not be waited for
            commands = [(one, pool.submit(one.do)) for one in self._wanted(operators.attempts(stand))]
            self._attempt("Entrances of the API", trying.described(ways, sender, ground))
            self._attempt("BlueSnap's notices", notice_door.attempts(stand, self._traffic))
            self._attempt("Browsers' reports", browser_reports.attempts(stand.address, self._traffic))
            self._attempt("Requests that are not HTTP", bad_requests.attempts(stand.service, others, self._traffic))
            self._attempt("BlueSnap's answers", provider.attempts(passers_by, self._order.wants))
            self._progress.phase("Operators' commands")
            for attempt, ended in self._progress.count(commands, len(commands)):
                self._tried.take(attempt, ended.result())
        self._progress.phase("Waiting until nothing is under way")
        stand.settle(whole_round=True)
        return entrances.operations(description)

    def _wanted(self, attempts: Iterable[Attempt]) -> list[Attempt]:
        return [one for one in attempts if self._order.wants(one.entrance)]

    def _attempt(self, name: str, attempts: Iterable[Attempt]) -> None:
        self._progress.phase(name)
        wanted = self._wanted(attempts)
        self._tried.run(self._progress.count(wanted, len(wanted)))

    def _look(self, stand: Stand, holds: list[Sink], api_key: str) -> None:
        """Everything that is searched. The workers are replaced first: what was refused stays in the memory of those that refused it."""
        self._progress.phase("Looking at every column of the database")
        self._found.columns = columns.inspect(stand.database_url, NUMBERS[0])
        self._progress.phase("Replacing the workers")
        stand.recycle()
        signature = self._identity.rpartition(".")[2]
        secrets = [*_secrets(stand.settings, api_key), belongings.canary(belongings.IDENTITY, "signature", signature)]
        self._canaries = [*self._tried.canaries.values(), *self._person.canaries, *secrets]
        self._progress.phase(f"Searching {len(holds)} sinks for {len(self._canaries)} canaries")
        settings = [one for one in secrets if belongings.kind_of(one.case) is belongings.SETTING]
        search = Search(self._canaries, [*self._person.controls, *settings])
        self._found.searched = [search.of(sink) for sink in self._progress.count(holds, len(holds))]
        self._found.absent = sinks.missing(holds)

    def _facts(self, stand: Stand, routes: list[entrances.Operation]) -> report.Facts:
        settings = config.load(stand.settings)
        picture = flow.draw(routes, settings)
        self._found.unplaced = picture.unplaced
        with stand.connect() as connection:
            server = connection.execute("SHOW server_version").fetchone()
        limit = self._order.only.pattern if self._order.only else ""
        return report.Facts(
            began=self._began,
            seconds=self._progress.seconds,
            found=self._found,
            verdict=verdict.of(self._found, limit),
            picture=picture.svg,
            settings=settings,
            database=str(server[0]) if server else "",
            canaries=Counter(belongings.kind_of(one.case).name for one in self._canaries),
        )


def _secrets(settings: dict[str, str], api_key: str) -> Iterator[Canary]:
    """The secrets that the copy runs with, as they stand in its settings; those that are several one by one."""
    yield belongings.canary(belongings.API_KEY, "of the run", api_key)
    for name in ("PANLESS_WEBHOOK_KEYS", "PANLESS_SECRET_KEYS", "PANLESS_EVENTS_SECRETS"):
        for value in settings.get(name, "").split(","):
            text = value.partition(":")[2] or value
            if len(text) >= _SHORTEST_SECRET:
                yield belongings.canary(belongings.SETTING, name, text)
    yield belongings.canary(belongings.PASSWORD, "PANLESS_BLUESNAP_PASSWORD", settings["PANLESS_BLUESNAP_PASSWORD"])
    password = database.url_of(settings["PANLESS_DATABASE_URL"]).password
    if password is not None and len(str(password)) >= _SHORTEST_SECRET:
        yield belongings.canary(belongings.SETTING, "PANLESS_DATABASE_URL", str(password))
