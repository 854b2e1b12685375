"""One run of the leak suite: a stand of its own, the search tested, every chosen case sent and judged, and everything searched that was left. Works once; tests read what came of it."""

from __future__ import annotations

import importlib
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from leaks_payloads import POOR, number, short, watched
from leaks_registry import JUDGES, SENDERS, Observation, outcome, sender
from leaks_stage import WEBHOOKS

from service.evidence.canaries import Canary
from service.evidence.pieces import Hit, Piece, SinkError
from service.evidence.scanner import Scanner
from service.evidence.stand import StandError

__all__ = ["HERE", "Observation", "Run", "load_senders", "outcome", "sender"]

HERE = Path(__file__).resolve().parent
#: How many cases are watched together for what they must not do: write rows, call BlueSnap.
BATCH = 20
#: Outcomes after which nothing has been written and nobody called.
STILL = {"REFUSE", "IGNORE", "SERVER400"}
#: How the scanner calls what no guard can tell from honest text.
RESIDUAL_FORMS = ("words for digits", "letters O and l for digits")
ANSWERS, LOGS, SAID, MEMORY, PROVIDER = "S11", "S07+S08+S09+S10", "S27", "S19", "S12"


def load_senders():
    """Register every sender: each `leaks_*.py` beside this file may hold some."""
    for file in sorted(HERE.glob("leaks_*.py")):
        importlib.import_module(file.stem)


@dataclass
class Result:
    """What came of one case: what went wrong, and what was found in its answers, its log lines and its output."""

    errors: list[Exception] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def green(self):
        return not self.errors and not self.hits


class Run:
    """The whole of it. `results` by case, `hits` and `unread` by sink; `residual` are finds that the matrix lists openly, `memory` those before the workers were replaced."""

    def __init__(self, stage, cases, sinks):
        self.stage, self.stand, self.cases, self.sinks = stage, stage.stand, list(cases), sinks
        self.results = {case.id: Result() for case in self.cases}
        self.hits: dict[str, list[Hit]] = defaultdict(list)
        self.unread: dict[str, str] = {}
        self.residual: list[Hit] = []
        self.memory = 0
        self.seconds: dict[str, float] = {}
        self.tested = None
        self.report_hits: list[Hit] = []
        self._canaries = list(self._numbers())

    def go(self):
        """All of it, in the only order that there is."""
        from service.evidence import selftest

        with self._timed("self-test"):
            self.tested = selftest.run(self.stand, self.sinks)
        self.stage.session  # noqa: B018 - opened now, so that no case has to
        self.stand.settle()
        for sink in self.sinks:
            sink.mark()
        with self._timed("cases"):
            self._send_all()
        with self._timed("sinks"):
            self.stand.settle()
            self._search_sinks()

    @property
    def untested(self):
        """What of what was planted was not found: sinks, then forms."""
        return sorted([*self.tested.sinks, *self.tested.forms])

    def all_hits(self):
        """Those of the cases, then those of the sinks."""
        own = [hit for case in self.cases for hit in self.results[case.id].hits]
        return [*own, *(hit for found in self.hits.values() for hit in found)]

    def search_report(self, data):
        """The report is an artefact too."""
        self.report_hits = Scanner(self._canaries).search("S24", [Piece("report.json", data, 1)])

    # cases

    def _send_all(self):
        still = [case for case in self.cases if case.expect in STILL and SENDERS[case.entry].still]
        for start in range(0, len(still), BATCH):
            self._send_batch(still[start : start + BATCH])
        for case in self.cases:
            if case not in still:
                self._send(case)
                self._rest(case)

    def _rest(self, case):
        """What a case has begun comes to its end before the next one begins."""
        with self._timed("rests"):
            try:
                self.stand.settle()
            except StandError as error:
                self.results[case.id].errors.append(error)

    def _send_batch(self, cases):
        """They must leave no row, call nobody, and have one line each. Where one of them did otherwise, each is sent again alone."""
        wrong = self._watched(lambda: [self._send(case) for case in cases])
        if not wrong:
            return
        for case in cases:
            if wrong := self._watched(lambda case=case: self._send(case)):
                self.results[case.id].errors.append(AssertionError(wrong))

    def _watched(self, act):
        """What was done beside answering while something was sent; nothing, as it should be."""
        before = self.stage.traces()
        act()
        after = self.stage.traces()
        return "; ".join(
            f"{name}: {after[name] - before[name]} more" for name in after if after[name] != before.get(name, 0)
        )

    def _send(self, case):
        """Send one case, judge its outcome, and search what is its own: answers, log lines, output."""
        result = self.results[case.id] = Result()
        self.stage.begin(case)
        start = time.monotonic()
        try:
            seen = SENDERS[case.entry].send(case, self.stage)
            result.hits = self._own_hits(case, seen)
            self._judge(case, seen)
        except Exception as error:  # noqa: BLE001 - the test of this case raises it; the others go on
            result.errors.append(error)
        result.seconds = time.monotonic() - start

    def _judge(self, case, seen):
        if seen.judge is not None:
            seen.judge()
        else:
            JUDGES[case.expect](case, seen, self.stage)
        for raw in seen.sent:
            assert raw, "nothing was sent"
        if seen.lines:
            own = WEBHOOKS.encode() in seen.sent[0].partition(b"\r\n")[0]
            assert all(lines == 1 or (own and lines > 1) for lines in seen.lines), f"{seen.lines} lines of requests"

    def _own_hits(self, case, seen):
        canaries = [*watched(case, self.stage.marker), *seen.canaries]
        self._canaries += [canaries[0], *seen.canaries]  # the case's own word; its number is among those of all cases
        search, found = Scanner(canaries), []
        own = [(ANSWERS, answer.raw) for answer in seen.answers] + [(LOGS, seen.log), (SAID, seen.said)]
        for sink, data in own:
            found += search.search(sink, [Piece(f"{case.id}", data, 1)])
            if (code := short(case)) and sink != ANSWERS and code.search(data):
                found.append(Hit(case.id, sink, case.id, None, 0, "code", ""))
        return found

    def _numbers(self):
        """Each number that is sent, once: named after its case, or after its kinds if many cases send it."""
        sent = defaultdict(list)
        for case in self.cases:
            if (digits := number(case)) is not None:
                sent[digits].append(case)
        for digits, cases in sent.items():
            name = cases[0].id if len(cases) == 1 else "/".join(sorted({case.data for case in cases}))
            poor = all(case.data in POOR for case in cases)
            yield Canary(name, digits, word=poor)

    # sinks

    def _search_sinks(self):
        search = Scanner(self._canaries)
        before = [sink for sink in self.sinks if sink.id == MEMORY]
        for sink in before:
            self._search(search, sink)
        self.memory = len(self.hits.pop(MEMORY, []))
        for sink in self.sinks:
            if sink.id != MEMORY:
                self._search(search, sink)
        try:
            self.stand.recycle()
        except StandError as error:
            self.unread[MEMORY] = str(error)
            return
        for sink in before:
            self._search(search, sink)

    def _search(self, search, sink):
        try:
            found = search.search(sink.id, sink.read())
        except SinkError as error:
            self.unread[sink.id] = str(error)
            return
        self.hits[sink.id] = [hit for hit in found if not self._is_residual(hit)]
        self.residual += [hit for hit in found if self._is_residual(hit)]

    def _is_residual(self, hit):
        """What nobody can tell from a name goes to BlueSnap as one; it is listed and not hidden. Only in the two ways in which it was sent."""
        if hit.sink != PROVIDER:
            return False
        cases = {case.id for case in self.cases if case.expect == "RESIDUAL"}
        return hit.case in cases or (bool(cases) and hit.form.startswith(RESIDUAL_FORMS))

    @contextmanager
    def _timed(self, what):
        start = time.monotonic()
        yield
        self.seconds[what] = self.seconds.get(what, 0.0) + time.monotonic() - start
