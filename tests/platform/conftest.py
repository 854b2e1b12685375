"""Starts receivers on loopback, and clients that tell them, with time enough on a busy machine."""

from __future__ import annotations

import pytest

from service.platform.client import PlatformClient
from tests.support.receivers import Receiver

SECONDS = 20


@pytest.fixture
def receive():
    """Starts a receiver; ends it after the test."""
    started = []

    def start(handle, **options):
        started.append(Receiver(handle, **options))
        return started[-1]

    yield start
    for receiver in started:
        receiver.stop()


@pytest.fixture
def client_of():
    """A client for a receiver, or for an address."""

    def make(target, *, path="/events", secrets=(b"k" * 24,), **options):
        url = target if isinstance(target, str) else f"http://localhost:{target.port}{path}"
        given = {"seconds": SECONDS, "loopback": True, "look_up": lambda *_: ["127.0.0.1"], **options}
        return PlatformClient(url, secrets, **given)

    return make
