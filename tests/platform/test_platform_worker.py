"""The worker's own round, with everything wired as in production: what is bought reaches the platform's server, signed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal

import pytest

from service import jobs, wiring
from service.errors import SettingsError
from service.store.ids import new_id
from service.store.journal import Act, Origin, write
from tests.support.receivers import answering, headers_of, is_signed, status
from tests.support.tools import EVENTS_SECRET, SANDBOX, settings_of

SECRET = base64.b64decode(EVENTS_SECRET.removeprefix("whsec_"))


@pytest.fixture
def wired(module_database, engine, quiet_logs):
    """The tools of a process, as wiring makes them of settings."""
    made = []

    def build(**settings):
        made.append(wiring.build(settings_of(**settings | {"database_url": module_database})))
        return made[-1]

    yield build
    for tools in made:
        tools.engine.dispose()


def tell(tools):
    """The round of the task that procrastinate runs every five seconds."""
    jobs.app_for(tools).tasks["tell"].func(0)


def test_what_happens_is_told_by_the_next_round(receive, wired, engine):
    receiver = receive(answering(status(202)))
    tools = wired(events_url=f"http://127.0.0.1:{receiver.port}/events")
    tell(tools)
    with engine.begin() as connection:
        write(connection, Act.SUBSCRIPTION_ENDED, Origin("worker"), subject=new_id("sub"), account="acct-a", image={})
    tell(tools)
    tell(tools)
    ((head, body),) = receiver.requests
    headers = headers_of(head)[1]
    assert is_signed(headers, body, SECRET)
    assert headers["webhook-id"].startswith("ev_")
    assert (json.loads(body)["type"], json.loads(body)["data"]["account"]) == ("subscription.ended", "acct-a")


def test_without_an_address_there_is_nobody_to_tell(wired):
    tools = wired()
    assert tools.platform is None
    tell(tools)


def test_loopback_is_for_the_simulator_only():
    with pytest.raises(SettingsError, match="PANLESS_EVENTS_URL must use https outside the simulator"):
        settings_of(**SANDBOX, events_url="http://127.0.0.1:1/events")


def test_name_of_loopback_is_refused_outside_the_simulator(receive, wired):
    receiver = receive(answering(status(200)))
    tools = wired(**SANDBOX, events_url=f"https://localhost:{receiver.port}/events")
    outcome = tools.platform.tell("ev_" + "b" * 30, b"{}", moment=tools.clock())
    assert (outcome.cause, receiver.connections) == ("address_not_public", 0)


class EndingApp:
    """As procrastinate's worker that has just lost its connection: it ends, and hears no cancellation any more."""

    def __init__(self, stopped):
        self.stopped = stopped

    @contextlib.asynccontextmanager
    async def open_async(self):
        yield self

    async def run_worker_async(self, **_):
        if self.stopped:
            os.kill(os.getpid(), signal.SIGTERM)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()


@pytest.fixture
def no_loop():
    """The thread of tests without the loop that Playwright leaves running in it. Signals are heard in no other thread."""
    left = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(left)


@pytest.mark.usefixtures("no_loop")
@pytest.mark.parametrize("stopped", [True, False])
def test_stop_is_heard_also_while_the_worker_is_ending_by_itself(monkeypatch, stopped):
    monkeypatch.setattr(jobs, "app_for", lambda *_: EndingApp(stopped))
    assert asyncio.run(jobs._until_told(None, ())) is stopped
