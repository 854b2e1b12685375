"""One simulator per test process on free ports, forgotten between tests. Must never touch the fixed ports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from simulator_caller import Caller, Receiver

from simulator.servers import Simulator
from simulator.settings import Settings


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    simulator = Simulator(Settings(port=0, fields=False, shop=False, notice_retry_seconds=0.02))
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def _receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def receiver(_receiver: Receiver) -> Receiver:
    _receiver.deliveries.clear()
    _receiver.statuses.clear()
    _receiver.on_delivery = lambda: None
    return _receiver


@pytest.fixture
def caller(running: Simulator, receiver: Receiver) -> Iterator[Caller]:
    running.world.reset(seed=1)
    running.world.outbox.set_url(receiver.url)
    client = Caller(running)
    client.lever("behaviour", {"calm": True})
    yield client
    client.session.close()
    running.world.outbox.clear()
