"""One run for all tests of the matrix, of those cases that pytest has chosen; and its report at the end."""

from __future__ import annotations

import json
from contextlib import closing
from urllib.parse import urlsplit

import leaks_report
import pytest
from leaks_run import Run, load_senders
from leaks_stage import Stage

from tests.support.disguises import cases

CASE = "test_case_behaves_as_expected"


class EventsOf:
    """The hostile provider as the receiver of events that the sink reads."""

    def __init__(self, provider):
        self._provider, self.url = provider, provider.events_url

    @property
    def requests(self):
        asked = [one for one in self._provider.since() if one.path == urlsplit(self.url).path]
        return [f"{one.head}\r\n\r\n".encode() + one.body for one in asked]


@pytest.fixture(scope="session")
def run(request, tmp_path_factory):
    """Everything, once; all cases if the chosen tests name none."""
    from leaks_provider import settings

    from service.evidence.sinks import all_of
    from service.evidence.sinks.web import Events
    from service.evidence.stand import Stand
    from service.evidence.wire import Traffic
    from tests.support.hostile_provider import HostileProvider

    load_senders()
    chosen = {item.callspec.params["case"].id for item in request.session.items if item.name.startswith(CASE)}
    wanted = [case for case in cases() if not chosen or case.id in chosen]
    traffic, folder = Traffic(), tmp_path_factory.mktemp("leaks") / "stand"
    with HostileProvider() as provider, Stand(folder, settings=settings(provider)) as stand:
        provider.forward_to(stand.simulator)
        leaks_report.FILE.parent.mkdir(parents=True, exist_ok=True)
        sinks = all_of(stand, traffic, [leaks_report.FILE.parent, tmp_path_factory.getbasetemp()])
        with closing(Stage(stand, traffic, provider)) as stage:
            made = Run(stage, wanted, [*sinks, Events(EventsOf(provider))])
            made.go()
        made.search_report(leaks_report.write(made))
    leaks_report.write(made)
    return made


def pytest_configure(config):
    """An older report is not this run's. In the processes of pytest-xdist the chief does this."""
    if not hasattr(config, "workerinput"):
        leaks_report.FILE.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter):
    if leaks_report.FILE.exists():
        terminalreporter.section("leak matrix")
        for line in leaks_report.lines(json.loads(leaks_report.FILE.read_text(encoding="utf-8"))):
            terminalreporter.line(line)
